"""A full Redis: memory and log of each envelope, and what sweeping and rewriting the log cost."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Final

from hushpost_store.interface import Store
from hushpost_store.quotas import Quotas
from hushpost_store.redis.options import RedisOptions
from hushpost_store.redis.store import RedisStore

from benchmarks.comparison import PAIRS, Comparison, Effort, scratch
from benchmarks.errors import BenchmarkFailure
from benchmarks.orders import OpenLoop
from benchmarks.processes import Load, Server, load, relay
from benchmarks.redis_relays.field import SYNCED, Contestant, redis_environment
from benchmarks.redis_relays.filling import Filling
from benchmarks.redis_relays.servers import Redis, single
from benchmarks.report import Report
from benchmarks.sync_cost import probe

SIZES: Final = (1024, 4096)
EACH: Final = 4
PER_SECOND: Final = 2_000
PHASE_SECONDS: Final = 2.0
# A rewrite of a gigabyte on a busy core; then something is wrong.
REWRITE_SECONDS_MAX: Final = 120.0
# Redis deletes, and its allocator tidies up, at its own pace.
_SETTLE_SECONDS: Final = 1.0
_LOOK_SECONDS: Final = 0.1


def redis_depth(report: Report, effort: Effort) -> None:
    """200,000 envelopes across 50,000 mailboxes, and mail that passes through beside them."""
    mailboxes = effort.mailboxes
    for size in SIZES:
        with scratch() as folder, single(folder / "redis") as store:
            title = f"redis depth {size} B, {mailboxes * EACH:,} in {mailboxes:,}"
            with _relay(store, folder, size):
                pass  # its identity must be known before there are accounts
            _fill(report, title, store, mailboxes, size)
            _live(report, title, store, folder, size)


def _fill(report: Report, title: str, store: Redis, mailboxes: int, size: int) -> None:
    filling = Filling(mailboxes)
    empty = _memory(store)
    asyncio.run(_by_keeper(store, filling.make_mailboxes))
    made, made_log = _memory(store), store.figure("persistence", "aof_current_size")
    seconds = asyncio.run(_by_keeper(store, partial(filling.put, EACH, size)))
    full, full_log = _memory(store), store.figure("persistence", "aof_current_size")
    envelopes = mailboxes * EACH
    report.row(f"{title}, put in", envelopes / seconds, "/s")
    report.row(f"{title}, memory an account with mailbox", (made - empty) / mailboxes, "B")
    report.row(f"{title}, memory an envelope beside its size", (full - made) / envelopes, "B", size)
    resident = store.figure("memory", "used_memory_rss") / full
    report.row(f"{title}, resident beside used", resident, "x")
    report.row(f"{title}, log an envelope", (full_log - made_log) / envelopes, "B")


async def _by_keeper(store: Redis, work: Callable[[Store], Awaitable[float]]) -> float:
    """Do some work through a store whose connections end before anything is weighed."""
    keeper = RedisStore(RedisOptions(store.url), Quotas())
    await keeper.open()
    try:
        return await work(keeper)
    finally:
        await keeper.close()


def _memory(store: Redis) -> float:
    time.sleep(_SETTLE_SECONDS)
    return store.figure("memory", "used_memory")


def _live(report: Report, title: str, store: Redis, folder: Path, size: int) -> None:
    start = time.perf_counter()
    with load() as loader, _relay(store, folder, size) as server:
        report.row(f"{title}, a relay starts in", time.perf_counter() - start, "s")
        one = Contestant("relay", server, store)
        loader.ask(one.connect(size))
        measured = Comparison(size, probe(folder))
        for _ in range(3):
            measured.note("before", one.name, loader.ask(_order()))
        rewrite = _while(measured, "rewrite", loader, lambda: _rewritten(store))
        for _ in range(3):
            measured.note("after", one.name, loader.ask(_order()))
        sweep = _while(measured, "sweep", loader, lambda: _swept(store))
    report.keep(title, measured)
    report.row(f"{title}, a rewrite takes", rewrite, "s")
    report.row(
        f"{title}, fork of a rewrite",
        store.figure("stats", "latest_fork_usec") / 1000,
        "ms",
    )
    report.row(f"{title}, log after it", store.figure("persistence", "aof_base_size") / 1e6, "MB")
    report.row(f"{title}, a sweep takes", sweep, "s")
    for phase in ("before", "rewrite", "after", "sweep"):
        for what in ("accepted_p50_ms", "accepted_p99_ms", "accepted_max_ms"):
            said = f"{phase}, ACCEPTED {what.split('_')[1]}"
            value, usual = measured.of(phase, "relay")[what], measured.of("before", "relay")[what]
            report.row(f"{title}, {PER_SECOND:,}/s, {said}", value, "ms", usual)


def _relay(store: Redis, folder: Path, size: int) -> AbstractContextManager[Server]:
    return relay(
        folder / "relay",
        enforce_buckets=size == SIZES[-1],
        environment=redis_environment(store, SYNCED),
    )


def _while(measured: Comparison, phase: str, loader: Load, work: Callable[[], float]) -> float:
    """Load the relay until something is done; return the seconds it took."""
    with ThreadPoolExecutor(1) as worker:
        working = worker.submit(work)
        while not working.done():
            measured.note(phase, "relay", loader.ask(_order()))
        return working.result()


def _order() -> OpenLoop:
    return OpenLoop(
        target="relay",
        pairs=PAIRS,
        per_second=PER_SECOND,
        seconds=PHASE_SECONDS,
        hold_tags=True,
        rests=True,
    )


def _rewritten(store: Redis) -> float:
    _until_rewritten(store)  # what the relay asked for
    start = time.perf_counter()
    store.ask("bgrewriteaof")
    _until_rewritten(store)
    return time.perf_counter() - start


def _until_rewritten(store: Redis) -> None:
    until = time.perf_counter() + REWRITE_SECONDS_MAX
    while store.figure("persistence", "aof_rewrite_in_progress"):
        if time.perf_counter() > until:
            raise BenchmarkFailure("a rewrite of Redis's log does not end")
        time.sleep(_LOOK_SECONDS)


def _swept(store: Redis) -> float:
    return asyncio.run(_by_keeper(store, _sweep))


async def _sweep(keeper: Store) -> float:
    start = time.perf_counter()
    await keeper.sweep(time.time())
    return time.perf_counter() - start
