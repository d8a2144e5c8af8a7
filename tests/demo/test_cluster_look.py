"""Tests of the look at a service: its relays by their own counters, its mail by Redis."""

from pathlib import Path

from hushpost_demo.cluster_look import look, look_at_node
from hushpost_demo.redis_servers import is_installed

from tests.conftest import require_or_skip
from tests.demo.small_cluster import small_service


async def test_alive_and_dead(tmp_path: Path) -> None:
    """A relay that runs has counters; a dead one has none, and what Redis holds is still seen."""
    require_or_skip(is_installed(), "Redis is not installed: apt-get install redis-server")
    async with small_service(tmp_path) as service:
        view = await look(service)
        node = view.node("A")
        assert (node.pid, node.connected, node.accepted) == (service.relays["A"].pid, 0, 0)
        (server,) = view.servers
        assert server.is_primary
        assert server.pid is not None
        assert (view.accounts, view.queued, view.mailboxes) == (0, 0, ())
        assert b"{hushpost}:store" in view.keys
        service.relays["A"].kill()
        await service.relays["A"].ended()
        dead = await look_at_node("A", service.relays["A"])
        assert (dead.name, dead.pid, dead.connected) == ("A", None, None)
        assert (await look(service)).keys == view.keys
