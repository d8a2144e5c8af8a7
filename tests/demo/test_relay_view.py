"""Tests of the look at the relay: what is shown is what its own files and ports say."""

from pathlib import Path

import pytest
from hushpost import Client
from hushpost_demo import relay_view
from hushpost_demo.errors import FactFailed
from hushpost_demo.relay_process import RelayProcess
from hushpost_demo.relay_view import look


async def test_alive_and_dead(tmp_path: Path) -> None:
    """A queued envelope is seen in the running relay's database and on the dead relay's disk."""
    async with RelayProcess(tmp_path / "relay") as relay:
        url = relay.address.url
        async with await Client.create(tmp_path / "b.vault", relay=url, passphrase="x") as bob:
            await bob.online()
            assert await bob.settled(timeout=60)
            address = bob.address
        async with await Client.create(tmp_path / "a.vault", relay=url, passphrase="x") as alice:
            await alice.online()
            contact = await alice.add_contact(address)
            await (await alice.send(contact, "hello")).reached("accepted", timeout=60)
            view = await look(relay)
            assert (view.pid, view.accounts, view.connected) == (relay.pid, 2, 1)
            assert view.accepted == 1
            assert view.acknowledged == 0
            assert [len(envelope) for envelope in view.envelopes] == [4096]
            assert sorted(mailbox.envelopes for mailbox in view.mailboxes) == [0, 1]
            assert sum(mailbox.envelope_bytes for mailbox in view.mailboxes) == 4096
            assert view.file_bytes > 4096
            assert "relay_started" in relay.log.read_text()
            assert view.log_lines == len(relay.log.read_text().splitlines())
            relay.kill()
            await relay.ended()
            before = {p.name: p.read_bytes() for p in relay.data_folder.iterdir()}
            dead = await look(relay)
            assert (dead.pid, dead.connected, dead.accepted) == (None, None, None)
            assert dead.envelopes == view.envelopes
            assert dead.queued == 1
            assert {p.name: p.read_bytes() for p in relay.data_folder.iterdir()} == before


async def test_a_port_without_metrics_is_no_silent_zero(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the counters cannot be read the look fails; it does not make figures up."""
    monkeypatch.setattr(relay_view, "METRICS_PATH", "/nothing")
    async with RelayProcess(tmp_path) as relay:
        with pytest.raises(FactFailed, match="gave no answer"):
            await look(relay)
