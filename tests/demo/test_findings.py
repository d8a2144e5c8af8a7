"""Tests of the words in which findings are told: a leak is never told as success."""

import io
import json
from types import SimpleNamespace
from typing import cast as typed_as

import pytest
from hushpost_demo.cast import Cast
from hushpost_demo.errors import FactFailed
from hushpost_demo.evidence import Control, Hunt
from hushpost_demo.findings import tell_control, tell_hunt, tell_meeting, tell_nothing_lost
from hushpost_demo.leak_scan import Finding, Report
from hushpost_demo.stage import JsonStage


def told(hunt: Hunt | Control) -> dict[str, object]:
    """Give what is printed of a hunt or a control."""
    out = io.StringIO()
    if isinstance(hunt, Hunt):
        tell_hunt(JsonStage(out), hunt)
    else:
        tell_control(JsonStage(out), hunt, "in Redis")
    fact: dict[str, object] = json.loads(out.getvalue())
    return fact


def test_nothing_found_is_well() -> None:
    """What was read and how much was looked for stands beside it."""
    fact = told(Hunt("Redis's memory", 9, 99, Report(6, 1_234_567, ()), unit="processes"))
    assert fact["ok"] is True
    assert fact["text"] == (
        "Redis's memory: 6 processes, 1,234,567 bytes; 9 words and phrases in 99 spellings:"
        " none found"
    )


def test_every_finding_is_told() -> None:
    """The first by name, the others by their number to people and by name to scripts."""
    findings = tuple(Finding(f"file {at}", "secret", "UTF-8", at) for at in range(3))
    fact = told(Hunt("files", 1, 1, Report(1, 1, findings)))
    assert fact["ok"] is False
    assert "FOUND 'secret' as UTF-8 in file 0 and 2 more" in str(fact["text"])
    assert fact["found"] == [f"'secret' as UTF-8 in file {at}" for at in range(3)]


def test_a_blind_scan_is_no_success() -> None:
    """A control that missed one is told so."""
    fact = told(Control(("plain", "hex"), ("plain",)))
    assert fact["ok"] is False
    assert fact["text"] == "Planted on purpose in Redis: 2 leaks. Found: 1."


def test_a_meeting_is_told_by_address_and_number() -> None:
    """What people read, and the same for scripts."""
    address = "relay.example/abcdef"
    bob = SimpleNamespace(client=SimpleNamespace(address=address))
    out = io.StringIO()
    pair = SimpleNamespace(bob=bob, safety_number=lambda: "12345 67890")
    tell_meeting(JsonStage(out), typed_as("Cast", pair))
    first, second = map(json.loads, out.getvalue().splitlines())
    assert first["text"].endswith(f"on his card: {address}")
    assert first["address"] == address
    assert second["text"] == "Both apps show the same safety number: 12345 67890"
    assert second["safety_number"] == "12345 67890"


def test_only_what_arrived_is_told() -> None:
    """The number of messages, once all are there; where one is lost the demo ends instead."""

    def lost() -> int:
        raise FactFailed("it is not so")

    out = io.StringIO()
    tell_nothing_lost(JsonStage(out), typed_as("Cast", SimpleNamespace(check_heard=lambda: 7)))
    assert "All 7 messages arrived: none lost" in json.loads(out.getvalue())["text"]
    out = io.StringIO()
    with pytest.raises(FactFailed):
        tell_nothing_lost(JsonStage(out), typed_as("Cast", SimpleNamespace(check_heard=lost)))
    assert out.getvalue() == ""
