"""Every call that logs is judged by the source; each planted fault is found."""

from __future__ import annotations

from pathlib import Path

import pytest
from hushpost_proof.log_calls import log_calls

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    "package", ["server/hushpost_server", "store/hushpost_store", "wire/hushpost_wire"]
)
def test_the_relays_source_logs_declared_events_alone(package: str) -> None:
    """Server, store and wire: no undeclared call, no other logger, nothing printed."""
    found = log_calls(ROOT / package)
    assert found.undeclared == ()
    if package.startswith("server"):
        assert found.calls > 10


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        ('self._log.write("somebody_said")', "no literal name"),
        ("log.write(name, error=error)", "no literal name"),
        ('log.write("relay_stopped", account=account)', "relay_stopped takes []"),
        ('log.write("sweep_failed")', "sweep_failed takes ['error']"),
        ('log.write("sweep_done", **values)', "sweep_done takes ['expired']"),
        ('log.write("sweep_done", expired=f"{account}")', "makes expired out of text"),
        ('log.write("sweep_done", expired=str(account))', "makes expired out of text"),
        ('log.write("sweep_done", expired="alice")', "makes expired out of text"),
        ('log.write("sweep_failed", error=error.args)', "makes error out of text"),
        ("import logging", "imports logging"),
        ("from traceback import print_exc", "imports traceback"),
        ("print(account)", "prints"),
        ("sys.stderr.write(account)", "uses stderr"),
    ],
)
def test_each_planted_call_is_found(tmp_path: Path, planted: str, found: str) -> None:
    """One line of each kind, at its line."""
    (tmp_path / "feed.py").write_text(f"x = 1\n{planted}\n")
    (told,) = log_calls(tmp_path).undeclared
    assert told.startswith("feed:2: ")
    assert found in told


def test_what_is_declared_is_let_through(tmp_path: Path) -> None:
    """A right call, a file that is no log, a command that prints, and the log's own modules."""
    (tmp_path / "feed.py").write_text(
        'log.write("sweep_failed", error=error)\nfile.write("anything")\n'
        'self._log.write("unhandled", origin="thread", error=args.exc_value)\n'
    )
    (tmp_path / "config_command.py").write_text('print("x")\n')
    (tmp_path / "logging.py").write_text("import logging\n")
    assert log_calls(tmp_path).undeclared == ()
