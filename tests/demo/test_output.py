"""Tests of how a command speaks."""

import json

import pytest
from hushpost_demo.output import Output


def test_people_read_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """Facts go to standard output, remarks and errors beside it; None is for scripts only."""
    output = Output()
    output.say("kind", "a line", number=1)
    output.say("kind", None)
    output.say_to_people("more")
    output.remark("beside")
    output.error("Name", "two\n lines", 3)
    captured = capsys.readouterr()
    assert captured.out == "a line\nmore\n"
    assert captured.err == "beside\nhushpost: two lines\n"


def test_scripts_read_objects(capsys: pytest.CaptureFixture[str]) -> None:
    """One object a line, on the same streams, and no remarks."""
    output = Output(as_json=True)
    output.say("kind", None, number=1)
    output.say_to_people("more")
    output.remark("beside")
    output.error("Name", "message", 3)
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"kind": "kind", "number": 1}
    error = {"kind": "error", "error": "Name", "message": "message", "status": 3}
    assert json.loads(captured.err) == error
