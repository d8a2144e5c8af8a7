"""The hunt for secrets in a relay's output: it finds what leaks, and nothing where nothing does."""

from __future__ import annotations

from pathlib import Path

from hushpost_proof.faulty_relay import FAULTS
from hushpost_proof.logging_audit import WORDS, life
from hushpost_server.inventory_check import undeclared_lines

from tests.waiting import until

QUICK = ("callback", "forgotten-task", "thread", "finalizer", "warning", "print", "loud-library")


async def test_faults_of_all_kinds_are_struck_and_show_nothing(tmp_path: Path) -> None:
    """Each fault says that it struck; the log has declared lines alone, and no word of the secret.

    The relay ends as it should when it is told to.
    """
    assert set(QUICK) < FAULTS.keys()
    async with life(tmp_path / "relay", QUICK) as relay:
        await relay.start()
        await until(lambda: relay.struck() == set(QUICK))
        await until(lambda: relay.log.count("origin=thread") == 1)
        await relay.end()
        assert relay.process.returncode == 0
        assert relay.leaked() == set()
        assert undeclared_lines(relay.log) == ()
        for told in ("origin=event_loop error=Planted", "warned error=ResourceWarning"):
            assert told in relay.log


async def test_what_leaks_is_found(tmp_path: Path) -> None:
    """A relay that writes the secret to standard error is caught with every word of it."""
    async with life(tmp_path / "relay", ("at-exit",), {"HUSHPOST_LEAK": "1"}) as relay:
        await relay.start()
        assert relay.leaked() == {word.decode() for word in WORDS}
        assert undeclared_lines(relay.log) != ()
