"""What lies in a Redis costs it: mail that waits, the log and its rewriting, relays that look.

For `fleet_costs`. A store of this process fills the server, as a relay's would; memory, sizes and
processor time are what Redis and the kernel say.
"""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final

from hushpost_crypto.primitives import random_bytes
from hushpost_demo.redis_questions import asking, blob
from hushpost_demo.redis_servers import RedisServer
from hushpost_store.conformance import Recorder
from hushpost_store.redis.aof_rewriter import AofRewriter
from hushpost_store.redis.figures import Figures
from hushpost_store.redis.look import LOOKS_AT_ONCE, Look, Standing
from hushpost_store.redis.options import RedisOptions
from hushpost_store.redis.shards import Shards
from hushpost_store.redis.store import RedisStore
from hushpost_store.redis.tally import Tally
from hushpost_store.redis.url import RedisUrl
from hushpost_store.rows import DropKind, Submission, TtlClass

from benchmarks.errors import BenchmarkFailure
from benchmarks.processor_time import processor_seconds

ENVELOPES_EACH: Final = 60
ENVELOPE_BYTES: Final = 4096
DAY_SECONDS: Final = 86_400
DAYS: Final = 7
LOOKS: Final = 300
FEW_MAILBOXES: Final = 10
# Submissions under way at once: a store holds so many in memory.
_AT_ONCE: Final = 1_000
_REWRITE_SECONDS_MAX: Final = 120
_PAUSE_SECONDS: Final = 0.01


async def in_the_store(redis: RedisServer, routes: Sequence[bytes]) -> dict[str, float]:
    """Fill, rewrite, look, and empty; gives each cost by its name."""
    options = RedisOptions(redis.url)
    store = RedisStore(options)
    await store.open()
    submissions = [one for route in routes for one in await _mail_for(store, route)]
    before = await _info(redis)
    await _put_in(store, submissions)
    filled = await _info(redis)
    grown = filled["used_memory"] - before["used_memory"]
    put_in = filled["aof_current_size"] - before["aof_current_size"]
    rewriting = await _rewriting(redis)
    looking = await _looking(redis)
    before = await _info(redis)
    logins = await _take_out(store, routes)
    taken_out = (await _info(redis))["aof_current_size"] - before["aof_current_size"]
    scripts = await _look_scripts(redis, options, logins)
    await store.close()
    return {
        "redis_bytes_per_envelope": grown / len(submissions),
        "log_bytes_per_envelope": (put_in + taken_out) / len(submissions),
        **rewriting,
        **looking,
        **scripts,
    }


async def _mail_for(store: RedisStore, route: bytes) -> list[Submission]:
    now, drop_hash = time.time(), random_bytes(32)
    await store.register_drop(route, drop_hash, DropKind.CONTACT, now)
    not_after = (int(now // DAY_SECONDS) + DAYS) * 24
    envelopes = [random_bytes(ENVELOPE_BYTES) for _ in range(ENVELOPES_EACH)]
    return [
        Submission(route, drop_hash, _id_of(mail), TtlClass.WEEK, not_after, mail)
        for mail in envelopes
    ]


def _id_of(envelope: bytes) -> bytes:
    return hashlib.sha256(envelope).digest()[:16]


async def _put_in(store: RedisStore, submissions: Sequence[Submission]) -> None:
    for first in range(0, len(submissions), _AT_ONCE):
        some = submissions[first : first + _AT_ONCE]
        recorders = [Recorder() for _ in some]
        for submission, recorder in zip(some, recorders, strict=True):
            store.submit(submission, recorder, time.time())
        await asyncio.gather(*(recorder.settled.wait() for recorder in recorders))
        refused = [recorder.reason for recorder in recorders if recorder.reason is not None]
        if refused:
            raise BenchmarkFailure(f"{len(refused)} envelopes were refused: {refused[0]}")


async def _take_out(store: RedisStore, routes: Sequence[bytes]) -> dict[bytes, int]:
    """Log in, read and acknowledge; gives the logins."""
    logins: dict[bytes, int] = {}
    for route in routes:
        now = time.time()
        login = await store.open_mailbox(route, now)
        rows = await store.read_backlog(
            route, login.epoch, after_sequence=0, limit=ENVELOPES_EACH, now=now
        )
        for row in rows:  # one by one, as devices do that are connected
            store.acknowledge(route, login.epoch, [row.sequence], now)
        await store.expired_notices(route)
        logins[route] = login.epoch
    return logins


async def _look_scripts(
    redis: RedisServer, options: RedisOptions, logins: dict[bytes, int]
) -> dict[str, float]:
    """Tell a script's own cost from that of the mailboxes that it looks at."""
    shards = Shards(RedisUrl.parse(redis.url), options)
    await shards.open()
    spent: list[tuple[float, float]] = []
    for count in (FEW_MAILBOXES, LOOKS_AT_ONCE):
        look, some = Look(shards, options.node), dict(list(logins.items())[:count])
        told = list[Standing]()
        await look.look(some, told.append)
        told.clear()
        spent.append(await _spent(redis, partial(look.look, some, told.append)))
        if told:
            raise BenchmarkFailure("a mailbox stands otherwise than it was left")
    await shards.close()
    (few_relay, few_redis), (all_relay, all_redis) = spent
    part = FEW_MAILBOXES / LOOKS_AT_ONCE
    return {
        "relay_us_per_look_script": max(0.0, (few_relay - part * all_relay) / (1 - part)),
        "redis_us_per_look_script": max(0.0, (few_redis - part * all_redis) / (1 - part)),
    }


async def _rewriting(redis: RedisServer) -> dict[str, float]:
    """Have the log written anew, with envelopes compressed in vain and without."""
    found: dict[str, float] = {}
    async with asking(redis) as questions:
        for name, word in (("compressing_", b"yes"), ("", b"no")):
            await questions.ask(b"CONFIG", b"SET", b"rdbcompression", word)
            began = time.monotonic()
            await questions.ask(b"BGREWRITEAOF")
            async with asyncio.timeout(_REWRITE_SECONDS_MAX):
                while (await _info(redis))["aof_rewrite_in_progress"]:  # noqa: ASYNC110 - Redis's work
                    await asyncio.sleep(_PAUSE_SECONDS)
            told = await _info(redis)
            mebibytes = told["used_memory"] / (1 << 20)
            speed = mebibytes / (time.monotonic() - began)
            found[f"{name}rewrite_mib_per_second"] = speed
            found["fork_ms_per_gib"] = told["latest_fork_usec"] / 1e3 / (mebibytes / 1024)
    return found


async def _looking(redis: RedisServer) -> dict[str, float]:
    """Look at the server's log as each relay does, and tell and ask the shared sums."""
    options = RedisOptions(redis.url)
    shards = Shards(RedisUrl.parse(redis.url), options)
    await shards.open()
    rewriter = AofRewriter(shards, options, time.time)
    tally = Tally(shards, Figures(on_deleted=rewriter.deleted), lambda: None)
    relay, server = await _spent(redis, rewriter.look)
    tally_relay, tally_server = await _spent(redis, tally.tell)
    await shards.close()
    return {
        "relay_us_per_server_look": relay,
        "redis_us_per_server_look": server,
        "relay_us_per_tally": tally_relay,
        "redis_us_per_tally": tally_server,
    }


async def _spent(redis: RedisServer, work: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    assert redis.process is not None
    pid = redis.process.pid
    ours, theirs = time.process_time(), processor_seconds(pid)
    for _ in range(LOOKS):
        await work()
    ours, theirs = time.process_time() - ours, processor_seconds(pid) - theirs
    return ours / LOOKS * 1e6, theirs / LOOKS * 1e6


async def _info(redis: RedisServer) -> dict[str, float]:
    """Give the figures among what a server says of itself."""
    async with asking(redis) as questions:
        text = blob(await questions.ask(b"INFO")).decode()
    found: dict[str, float] = {}
    for name, _, value in (line.partition(":") for line in text.splitlines()):
        if value.isdecimal():
            found[name] = float(value)
    return found
