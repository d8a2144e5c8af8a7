"""Tests of what the cluster demo runs: two relays of one identity behind one address."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hushpost_demo import cluster_service as module
from hushpost_demo.cluster_service import cluster_service
from hushpost_demo.errors import RedisMissing
from hushpost_demo.redis_servers import RedisAbsent, RedisCluster, RedisDidNotStart, is_installed

from tests.conftest import require_or_skip
from tests.demo.small_cluster import small_cluster


@pytest.fixture
def on_one_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have one server stand for six, which nobody copies."""
    require_or_skip(is_installed(), "Redis is not installed: apt-get install redis-server")
    monkeypatch.setattr(module, "redis_cluster", small_cluster)
    monkeypatch.setattr(module, "DURABILITY", "synced")


@pytest.mark.usefixtures("on_one_server")
async def test_two_relays_of_one_identity_stand_behind_one_address(tmp_path: Path) -> None:
    """Both say what address people know; each has the key; and all ends with the block."""
    async with cluster_service(tmp_path) as service:
        relays = [*service.relays.values()]
        assert {relay.address.host for relay in relays} == {service.balancer.host}
        assert service.url == f"ws://{service.balancer.host}"
        ports = [relay.address.port for relay in relays]
        assert len(set(ports)) == 2
        identities = {(relay.data_folder / "identity.json").read_bytes() for relay in relays}
        assert len(identities) == 1
        assert service.balancer.targets == tuple(ports)
        service.lead_to("B")
        assert service.balancer.targets == (ports[1],)
        for place in (service.relay_files, service.redis_files):
            assert any(place.rglob("*"))
    assert not any(server.is_running for server in service.cluster.servers)
    assert all(relay.pid is None for relay in relays)


@pytest.mark.parametrize("error", [RedisAbsent("install redis"), RedisDidNotStart("install redis")])
async def test_what_is_missing_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """A Redis that is absent or does not start is an error of the demo, in its own words."""

    @asynccontextmanager
    async def broken(*_: object, **__: object) -> AsyncGenerator[RedisCluster]:
        raise error
        yield  # pragma: no cover  - a generator needs one

    monkeypatch.setattr(module, "redis_cluster", broken)
    with pytest.raises(RedisMissing, match="install redis"):
        async with cluster_service(tmp_path):
            pass
