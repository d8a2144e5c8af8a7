"""Tests of the demo's story: it runs whole, its facts hold, and a blind scan is no success."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hushpost_demo import evidence, scenes
from hushpost_demo.guises import Needle
from hushpost_demo.person import Person
from hushpost_demo.relay_process import RelayProcess
from hushpost_demo.stage import JsonStage
from hushpost_demo.story import Story


def no_needles(_: str) -> Iterator[Needle]:
    """Look for nothing."""
    return iter(())


async def test_the_whole_story(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every scene's facts are so, and the same scan without eyes fails."""
    out = io.StringIO()
    async with (
        RelayProcess(tmp_path / "relay") as relay,
        Person("Alice", "Alice Pemberton", tmp_path / "alice") as alice,
        Person("Bob", "Bob Kowalczyk", tmp_path / "bob") as bob,
    ):
        story = Story(alice, bob, relay, JsonStage(out))
        assert await story.tell()
        monkeypatch.setattr(evidence, "word_needles", no_needles)
        assert not await story.scan()
    facts = [json.loads(line) for line in out.getvalue().splitlines()]
    by_kind = {fact["kind"]: fact for fact in facts}
    assert len(by_kind["safety_number"]["safety_number"].replace(" ", "")) == 60
    assert by_kind["nothing_kept"]["held"] == 0
    assert by_kind["envelopes_on_disk"]["envelopes"] >= len(scenes.WHILE_AWAY)
    assert by_kind["killed"]["envelopes"] == by_kind["envelopes_on_disk"]["envelopes"]
    assert by_kind["nothing_lost"]["messages"] == 8
    assert by_kind["erased"]["seconds"] < 30
    assert by_kind["result"]["ok"]
    hunts = [fact for fact in facts if fact["kind"] == "hunt"]
    assert [hunt["where"] for hunt in hunts[:3]] == [
        "the relay's files",
        "Alice's vault",
        "Bob's vault",
    ]
    assert all(hunt["files"] >= 2 and hunt["found"] == [] for hunt in hunts)
    controls = [fact for fact in facts if fact["kind"] == "control"]
    assert [(len(c["planted"]), len(c["found"]), c["ok"]) for c in controls] == [
        (8, 8, True),
        (8, 0, False),
    ]
    frames = [fact for fact in facts if fact["kind"] == "frame"]
    dead = [frame["relay"] for frame in frames if frame["relay"]["pid"] is None]
    assert len(dead) == 1
    assert {e["bytes"] for e in dead[0]["envelopes"]} == {4096}
    assert len({frame["relay"]["pid"] for frame in frames}) == 3
