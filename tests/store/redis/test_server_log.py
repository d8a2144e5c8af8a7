"""How a server's log stands is read from what it says of itself."""

import asyncio

import pytest
from hushpost_store.conformance import NOW, envelope, post, route, with_drops
from hushpost_store.redis import server_log
from hushpost_store.redis.command import ServerError
from hushpost_store.redis.server_log import ServerLog
from hushpost_store.redis.shards import Shards
from hushpost_store.redis.store import RedisStore

INFO = """# Server
run_id:abc
# Persistence
aof_enabled:1
aof_rewrite_in_progress:0
aof_rewrite_scheduled:0
aof_last_bgrewrite_status:ok
aof_rewrites:4
aof_current_size:700
aof_base_size:100
# Stats
expired_keys:3
# Commandstats
cmdstat_hdel:calls=7,usec=9
"""


def test_what_a_server_says_is_read() -> None:
    """Counts of commands that were never run are zero."""
    log = ServerLog.read(INFO)
    assert (log.run_id, log.is_kept, log.is_idle, log.is_whole) == ("abc", True, True, True)
    assert log.grown == 600
    assert log.rewrites == 4
    assert ServerLog.read(INFO.replace("aof_rewrites:4\n", "")).rewrites == 0
    assert log.mark == "3/7/0/0/0/0/0/0"


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("aof_enabled:0", "is_kept"),
        ("aof_rewrite_in_progress:1", "is_idle"),
        ("aof_rewrite_scheduled:1", "is_idle"),
        ("aof_last_bgrewrite_status:err", "is_whole"),
    ],
)
def test_each_state_is_told_apart(line: str, field: str) -> None:
    """A log that is off, being written or broken off is seen as that."""
    name = line.partition(":")[0]
    lines = [line if one.startswith(f"{name}:") else one for one in INFO.splitlines()]
    assert not getattr(ServerLog.read("\n".join(lines)), field)


def test_a_server_that_says_nothing_is_a_fault() -> None:
    """An answer without the figures is no clean log."""
    with pytest.raises(ServerError, match="how its log stands"):
        ServerLog.read("# Server\nrun_id:abc\n")


async def test_only_deletions_change_the_mark(shards: Shards, redis_store: RedisStore) -> None:
    """Logins, mail that comes and a sweep that finds nothing leave it; the rest changes it."""
    (server,) = shards.primaries
    marks = [(await server_log.look(shards, server)).mark]

    async def is_changed() -> bool:
        marks.append((await server_log.look(shards, server)).mark)
        return marks[-1] != marks[-2]

    await with_drops(redis_store, "alice")
    place = (await post(redis_store, envelope("alice", 1))).place
    opened = await redis_store.open_mailbox(route("bob"), NOW)
    await redis_store.sweep(NOW)
    assert not await is_changed()
    assert place is not None
    redis_store.acknowledge(route("bob"), opened.epoch, [place.sequence], NOW)
    await redis_store.expired_notices(route("bob"))
    assert await is_changed()
    await post(redis_store, envelope("alice", 2))
    assert not await is_changed()
    await redis_store.sweep(NOW + 40 * 86_400)
    assert await is_changed()
    await shards.ask_server(server, b"SET", b"passing", b"x", b"PX", 1)
    await asyncio.sleep(0.02)
    await shards.ask_server(server, b"GET", b"passing")
    assert await is_changed()
    assert len(set(marks)) == 4
