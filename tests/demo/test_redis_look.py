"""Tests of looking into Redis: what stands there is shown, byte for byte, and logs are renewed."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from hushpost_demo.errors import RedisSilent
from hushpost_demo.evidence import find_envelopes
from hushpost_demo.redis_look import home_of, login_node, primaries, read_holdings, rewrite_logs
from hushpost_demo.redis_servers import RedisCluster, is_installed
from hushpost_store.conformance import NOW, QUOTAS, envelope, post, with_drops
from hushpost_store.redis.options import RedisOptions
from hushpost_store.redis.store import RedisStore

from tests.conftest import require_or_skip
from tests.demo.small_cluster import small_cluster

NODE = "relay-of-this-test"


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncGenerator[RedisCluster]:
    """Run a small one."""
    require_or_skip(is_installed(), "Redis is not installed: apt-get install redis-server")
    async with small_cluster(tmp_path) as running:
        yield running


async def test_what_waits_is_seen_and_then_gone(cluster: RedisCluster, tmp_path: Path) -> None:
    """Envelopes byte for byte, who is logged in where, and a log that forgets once renewed."""
    store = RedisStore(RedisOptions(cluster.url, node=NODE), QUOTAS, clock=lambda: NOW)
    await store.open()
    await with_drops(store, "alice", "bert")
    waiting = [envelope("alice", number) for number in range(3)]
    for one in waiting:
        assert (await post(store, one)).reason is None
    holdings = await read_holdings(cluster)
    assert holdings.envelopes == tuple(one.envelope for one in waiting)
    by_route = {mailbox.route: mailbox for mailbox in holdings.mailboxes}
    whose = waiting[0].route
    assert by_route[whose].envelopes == 3
    assert by_route[whose].envelope_bytes == sum(len(one.envelope) for one in waiting)
    assert by_route[whose].drops == 2
    assert sum(mailbox.envelopes for mailbox in holdings.mailboxes) == 3
    assert holdings.accounts == sum(key.endswith(b":account") for key in holdings.keys)
    assert await login_node(cluster, whose) == b""
    opened = await store.open_mailbox(whose, NOW)
    assert await login_node(cluster, whose) == NODE.encode()
    rows = await store.read_backlog(whose, opened.epoch, after_sequence=0, limit=9, now=NOW)
    store.acknowledge(whose, opened.epoch, [row.sequence for row in rows], NOW)
    await store.close()
    assert (await read_holdings(cluster)).envelopes == ()
    assert await find_envelopes(tmp_path, holdings.envelopes)
    await rewrite_logs(cluster.servers)
    assert not await find_envelopes(tmp_path, holdings.envelopes)


async def test_keys_have_a_home(cluster: RedisCluster) -> None:
    """One that owns the slot; a dead server owns nothing, and nothing is made up of its silence."""
    (server,) = cluster.servers
    home = await home_of(cluster, b"{x}:mailbox")
    assert home.primary is server
    assert home.replicas == ()
    assert await primaries(cluster) == [server]
    server.kill()
    with pytest.raises(RedisSilent):
        await read_holdings(cluster)
