"""An experiment that fails, hangs or finds something is never taken for a claim that holds."""

import sys
from pathlib import Path

import pytest
from hushpost_proof import experiment
from hushpost_proof.claim import Claim, Effort, Half, Row
from hushpost_proof.experiment import Finding, investigate


async def _prove(_effort: Effort) -> list[Row]:
    return []


def _claim(name: str, seconds: int = 1) -> Claim:
    return Claim(name, Half.LOST, "a claim", seconds, _prove)


def test_no_rows_and_a_broken_row_are_no_proof() -> None:
    """A claim holds if something was tried and all of it held."""
    good, bad = Row("this", 3, "nothing", holds=True), Row("that", 1, "a name", holds=False)
    assert Finding(_claim("a"), (good,), 1.0).holds
    assert not Finding(_claim("a"), (good, bad), 1.0).holds
    assert not Finding(_claim("a"), (), 1.0).holds


async def test_an_experiment_that_fails_breaks_its_claim(tmp_path: Path) -> None:
    """The row tells what the process said before it died."""
    finding = await investigate(_claim("no-such-claim"), Effort(tmp_path / "x", 1))
    (row,) = finding.rows
    assert not finding.holds
    assert "there is no claim 'no-such-claim'" in row.found


async def test_an_experiment_that_hangs_breaks_its_claim(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is killed with all it started when its patience is over."""
    program = tmp_path / "sleeper"
    program.write_text(f"#!{sys.executable}\nimport time\ntime.sleep(600)\n")
    program.chmod(0o700)
    monkeypatch.setattr("sys.executable", str(program))
    monkeypatch.setattr(experiment, "_START_SECONDS", 0)
    finding = await investigate(_claim("hangs", seconds=0), Effort(tmp_path / "x", 1))
    assert not finding.holds
    assert "did not end" in finding.rows[0].found
