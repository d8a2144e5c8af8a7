"""Tests of hunting in Redis: what is planted there is found, in memory and in files."""

from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import pytest
from hushpost_demo import cluster_evidence
from hushpost_demo.cluster_evidence import LEAK_KEY, control_in_redis, hunt_memory, leak
from hushpost_demo.evidence import hunt_words
from hushpost_demo.process_memory import is_readable
from hushpost_demo.redis_look import read_holdings
from hushpost_demo.redis_servers import RedisCluster, is_installed

from tests.conftest import require_or_skip
from tests.demo.small_cluster import small_cluster

TEXT = "Marmalade for the ambassador."


def nothing(_pid: int) -> Iterator[bytes]:
    """Read a memory that holds nothing."""
    yield bytes(64)
    yield b"x"


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncGenerator[RedisCluster]:
    """Run a small one, whose memory can be read."""
    require_or_skip(is_installed(), "Redis is not installed: apt-get install redis-server")
    async with small_cluster(tmp_path) as running:
        process = running.servers[0].process
        assert process is not None
        require_or_skip(is_readable(process.pid), "this system lets nobody read a child's memory")
        yield running


async def test_a_leak_is_found_in_memory_and_files(cluster: RedisCluster, tmp_path: Path) -> None:
    """Nothing is found before a relay leaks; afterwards the words are, in what it wrote."""
    before = await hunt_memory("memory", cluster.servers, [TEXT])
    assert before.report.findings == ()
    assert before.report.files == 1
    assert before.report.bytes_read > 1 << 20
    assert before.unit == "processes"
    await leak(cluster, TEXT)
    assert LEAK_KEY in (await read_holdings(cluster)).keys
    port = cluster.servers[0].port
    found = (await hunt_memory("memory", cluster.servers, [TEXT])).report.findings
    assert {finding.file for finding in found} == {f"memory of the server at {port}"}
    assert "Base64 at 0" in {finding.encoding for finding in found if finding.what == TEXT}
    files = await hunt_words("files", tmp_path, [TEXT], ())
    assert {finding.what for finding in files.report.findings} >= {TEXT}


async def test_every_planted_spelling_is_found(
    cluster: RedisCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In files and memory alike; nothing stays planted; and without eyes nothing is found."""
    result = await control_in_redis(cluster, TEXT, memory=True)
    assert len(result.planted) == 7
    assert result.all_found
    assert (await read_holdings(cluster)).keys == ()
    monkeypatch.setattr(cluster_evidence, "read_memory", nothing)
    blind = await control_in_redis(cluster, TEXT, memory=True)
    assert blind.found == ()
    assert (await control_in_redis(cluster, TEXT, memory=False)).all_found


async def test_short_patterns_are_not_hunted_in_memory(cluster: RedisCluster) -> None:
    """Five letters stand in so much memory by chance; in longer spellings they are hunted."""
    hunt = await hunt_memory("memory", cluster.servers, ["apple"])
    files = await hunt_words("files", cluster.servers[0].folder, ["apple"], ())
    assert 0 < hunt.spellings < files.spellings
