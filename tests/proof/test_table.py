"""What a proof ends with can be read from the end of a log."""

import pytest
from hushpost_proof.claim import Claim, Effort, Half, Row
from hushpost_proof.experiment import Finding
from hushpost_proof.table import show


async def _prove(_effort: Effort) -> list[Row]:
    return []


def _finding(name: str, *rows: Row) -> Finding:
    return Finding(Claim(name, Half.KEPT, "a claim", 1, _prove), rows, 2.0)


def test_the_last_lines_repeat_what_broke(capsys: pytest.CaptureFixture[str]) -> None:
    """After the table each broken claim is named with what its broken rows found, unframed."""
    good, bad = Row("this", 3, "nothing", holds=True), Row("that", 1, "two\nlines", holds=False)
    show([_finding("sound", good), _finding("unsound", good, bad), _finding("silent")])
    last = capsys.readouterr().out.splitlines()[-6:]
    assert last == [
        "broken: unsound; look again: hushpost-prove --only unsound",
        "    that: two",
        "lines",
        "broken: silent; look again: hushpost-prove --only silent",
        "    the experiment gave no rows",
        "3 claims, 2 broken, 6 s of experiments",
    ]
