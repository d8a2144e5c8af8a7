"""Tests of the story on a cluster: it runs whole on six real servers, and a leak ends it badly."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hushpost_demo import cluster_evidence, cluster_scenes, evidence
from hushpost_demo.cluster_evidence import leak
from hushpost_demo.cluster_service import cluster_service
from hushpost_demo.cluster_story import ClusterStory
from hushpost_demo.guises import Needle
from hushpost_demo.person import Person
from hushpost_demo.redis_servers import is_installed
from hushpost_demo.stage import JsonStage

from tests.conftest import require_or_skip


def no_needles(_: str) -> Iterator[Needle]:
    """Look for nothing."""
    return iter(())


async def test_the_whole_story(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every scene's facts are so; then a leak is found, and a scan without eyes fails."""
    require_or_skip(is_installed(), "Redis is not installed: apt-get install redis-server")
    out = io.StringIO()
    async with (
        cluster_service(tmp_path / "service") as service,
        Person("Alice", "Alice Pemberton", tmp_path / "alice") as alice,
        Person("Bob", "Bob Kowalczyk", tmp_path / "bob") as bob,
    ):
        story = ClusterStory(alice, bob, service, JsonStage(out))
        assert await story.tell()
        whole = len(out.getvalue())
        await leak(service.cluster, cluster_scenes.KNOCK)
        assert not await story.scan()
        leaked = len(out.getvalue())
        monkeypatch.setattr(evidence, "word_needles", no_needles)
        monkeypatch.setattr(cluster_evidence, "word_needles", no_needles)
        assert not await story.scan()
    text = out.getvalue()
    _check_story([json.loads(line) for line in text[:whole].splitlines()])
    scan = [json.loads(line) for line in text[whole:leaked].splitlines()]
    bad = {fact["where"] for fact in scan if fact["kind"] == "hunt" and not fact["ok"]}
    assert bad >= {"Redis's files"}
    assert bad <= {"Redis's files", "Redis's memory"}
    blind = [json.loads(line) for line in text[leaked:].splitlines()]
    assert all(fact["ok"] for fact in blind if fact["kind"] == "hunt")
    assert [len(fact["found"]) for fact in blind if fact["kind"] == "control"] == [0, 0]


def _check_story(facts: list[Any]) -> None:
    by_kind = {fact["kind"]: fact for fact in facts}
    assert by_kind["hints"]["bytes_max"] in range(25, 25 * 9)
    assert by_kind["relay_killed"]["envelopes"] == len(cluster_scenes.WHILE_AWAY) + 1
    assert by_kind["server_killed"]["from_port"] != by_kind["server_killed"]["to_port"]
    assert by_kind["nothing_lost"]["messages"] == 9
    assert by_kind["erased"]["pieces_before"] > 0
    assert by_kind["result"]["ok"] is True
    hunts = [fact for fact in facts if fact["kind"] == "hunt"]
    assert len(hunts) == 5 or "memory_unread" in by_kind
    assert all(fact["found"] == [] and fact["bytes"] > 100 for fact in hunts)
    frames = [fact["service"]["servers"] for fact in facts if fact["kind"] == "frame"]
    dead = [sum(server["pid"] is None for server in servers) for servers in frames]
    assert dead == [0, 0, 0, 0, 0, 1, 0]
