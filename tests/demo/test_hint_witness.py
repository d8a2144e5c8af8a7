"""Tests of listening in on relays: what one tells the other is heard whole, and only that."""

import asyncio
from pathlib import Path
from struct import pack

from hushpost_demo.hint_witness import Overheard, overhearing
from hushpost_demo.redis_questions import asking
from hushpost_demo.redis_servers import is_installed
from hushpost_store.conformance import NOW, QUOTAS, envelope, post, with_drops
from hushpost_store.redis.options import RedisOptions
from hushpost_store.redis.store import RedisStore

from tests.conftest import require_or_skip
from tests.demo.small_cluster import small_cluster

ROUTE = bytes(range(16))


def test_hints_name_mailboxes() -> None:
    """Several may come in one; what is of another kind or size names none."""
    hint = pack(">c16sQ", b"m", ROUTE, 7)
    overheard = Overheard([hint + hint, b"e" + hint[1:], hint + b"x", b""])
    assert overheard.mailboxes() == [ROUTE, ROUTE]
    assert overheard.bytes_max == 50
    assert Overheard().bytes_max == 0


async def test_a_real_hint_is_overheard(tmp_path: Path) -> None:
    """Mail posted at one relay for a device at another makes a hint that names its mailbox."""
    require_or_skip(is_installed(), "Redis is not installed: apt-get install redis-server")
    async with small_cluster(tmp_path) as cluster:
        here, there = (
            RedisStore(RedisOptions(cluster.url, node=name), QUOTAS, clock=lambda: NOW)
            for name in ("here", "there")
        )
        await here.open()
        await there.open()
        await with_drops(here, "alice")
        posted = envelope("alice", 1)
        await there.open_mailbox(posted.route, NOW)
        async with overhearing(cluster, b"there") as overheard:
            await post(here, posted)
            async with asyncio.timeout(10), asking(cluster.servers[0]) as questions:
                while not overheard.payloads:
                    await questions.ask(b"PING")
        assert overheard.mailboxes() == [posted.route]
        assert posted.envelope[:16] not in b"".join(overheard.payloads)
        await here.close()
        await there.close()
