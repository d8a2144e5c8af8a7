"""Tests of setting the cluster demo up: what it starts it ends, however the story goes."""

import io
import json
from pathlib import Path

import pytest
from hushpost_demo import cluster_run
from hushpost_demo.cluster_run import play_on_cluster
from hushpost_demo.cluster_story import ClusterStory
from hushpost_demo.errors import FactFailed
from hushpost_demo.redis_servers import is_installed
from hushpost_demo.stage import JsonStage

from tests.conftest import require_or_skip
from tests.demo.small_cluster import small_service
from tests.demo.test_demo_run import is_alive


@pytest.mark.parametrize("ends_well", [True, False])
async def test_what_was_started_is_told_and_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends_well: bool
) -> None:
    """Every process is named at the start, and none runs at the end."""
    require_or_skip(is_installed(), "Redis is not installed: apt-get install redis-server")
    leaks: list[bool] = []

    async def tell(story: ClusterStory) -> bool:
        leaks.append(story.leak)
        await story.alice.create(story.service.url)
        if not ends_well:
            raise FactFailed("it is not so")
        return True

    monkeypatch.setattr(cluster_run, "cluster_service", small_service)
    monkeypatch.setattr(ClusterStory, "tell", tell)
    out = io.StringIO()
    if ends_well:
        assert await play_on_cluster(JsonStage(out), tmp_path, leak=True)
    else:
        with pytest.raises(FactFailed):
            await play_on_cluster(JsonStage(out), tmp_path, leak=False)
    assert leaks == [ends_well]
    scene, fact = (json.loads(line) for line in out.getvalue().splitlines())
    assert (scene["kind"], scene["number"]) == ("scene", 0)
    pids = [*fact["relays"].values(), *fact["servers"]]
    assert len(pids) == 2
    assert not any(is_alive(pid) for pid in pids)
