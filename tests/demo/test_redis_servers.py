"""Redis servers of one's own: they start on what was left, answer, and end with their context."""

import os
import subprocess
from pathlib import Path

import pytest
from hushpost_demo.redis_servers import (
    OVERWRITES_FREED,
    RedisAbsent,
    RedisDidNotStart,
    RedisServer,
    cli,
    free_ports,
    is_installed,
    redis_cluster,
    redis_server,
)

from tests.conftest import require_or_skip

DROP_IN = Path(__file__).parents[2] / "docs" / "deploy" / "redis-forgets.conf"


@pytest.fixture(autouse=True)
def _needs_redis() -> None:
    require_or_skip(is_installed(), "Redis is not installed: apt-get install redis-server")


async def test_a_server_keeps_what_it_was_told_before_it_was_killed(tmp_path: Path) -> None:
    """With the settings of KEEPS nothing that was answered is lost; the context ends the server."""
    async with redis_server(tmp_path) as server:
        port = str(server.port)
        await cli("-p", port, "set", "key", "value")
        server.kill()
        assert not server.is_running
        await server.start()
        assert (await cli("-p", port, "get", "key")).strip() == "value"
        server.stop()
        await server.start()
    assert not server.is_running


async def test_a_cluster_is_whole_when_it_is_handed_over(tmp_path: Path) -> None:
    """Every slot is served, and each replica has all of its primary."""
    async with redis_cluster(tmp_path) as cluster:
        assert cluster.url.count(",") == 5
        for server in cluster.servers:
            info = await cli("-p", str(server.port), "cluster", "info")
            assert "cluster_slots_ok:16384" in info
            assert "cluster_known_nodes:6" in info
    assert not any(server.is_running for server in cluster.servers)


async def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    """The error carries the end of its log."""
    server = RedisServer(tmp_path, free_ports(1)[0], {"appendfsync": "sometimes"})
    with pytest.raises(RedisDidNotStart):
        await server.start()
    with pytest.raises(RedisDidNotStart, match="Could not connect"):
        await cli("-p", "1", "ping")


async def test_an_absent_redis_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install."""

    def which(_name: str) -> None:
        """Find nothing."""

    monkeypatch.setattr("shutil.which", which)
    with pytest.raises(RedisAbsent, match="apt-get install redis-server"):
        await RedisServer(tmp_path, 1).start()


async def test_leftovers_of_a_broken_rewrite_are_deleted_at_the_next_start(tmp_path: Path) -> None:
    """Redis never deletes them, and they hold all that was queued."""
    server = RedisServer(tmp_path, free_ports(1)[0])
    (tmp_path / "temp-rewriteaof-bg-1.aof").write_bytes(b"mail")
    (tmp_path / "appendonlydir").mkdir()
    (tmp_path / "appendonlydir" / "temp-appendonly.aof.manifest").write_bytes(b"mail")
    await server.start()
    server.stop()
    assert not [name for name in os.listdir(tmp_path) if name.startswith("temp-")]
    assert not (tmp_path / "appendonlydir" / "temp-appendonly.aof.manifest").exists()


async def test_what_a_server_frees_is_overwritten(tmp_path: Path) -> None:
    """Its allocator says so itself, where it is jemalloc."""
    async with redis_server(tmp_path) as server:
        said = await cli("-p", str(server.port), "memory", "malloc-stats")
        assert "jemalloc" not in said or 'opt.junk: "free"' in said


def test_the_drop_in_for_systemd_does_what_these_servers_do(tmp_path: Path) -> None:
    """Its lines set the same variables, and its command deletes the same files."""
    lines = DROP_IN.read_text().splitlines()
    for name, value in OVERWRITES_FREED.items():
        assert f'Environment="{name}={value}"' in lines
    (before,) = [line for line in lines if line.startswith("ExecStartPre=")]
    command = before.partition("=-")[2].replace("/var/lib/redis", str(tmp_path)).split()
    folder = tmp_path / "appendonlydir"
    folder.mkdir()
    for path in (tmp_path / "temp-rewriteaof-bg-1.aof", folder / "temp-1.rdb", folder / "kept.aof"):
        path.touch()
    subprocess.run(command, check=True)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["kept.aof"]
