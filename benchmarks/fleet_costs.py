"""What accounts, logins and looks cost a relay on Redis, and Redis: what `fleet` reckons with.

    python -m benchmarks.fleet_costs [--runs N] [--out FILE]

Processor times, not times by the clock, so that a busy machine says nearly the same as an idle one.
The throughput of messages is measured elsewhere (`python -m benchmarks`). Linux, a redis-server.
"""

import argparse
import asyncio
import hashlib
import json
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from hushpost import Client
from hushpost_crypto.primitives import random_bytes
from hushpost_demo.redis_questions import asking, blob
from hushpost_demo.redis_servers import RedisServer, redis_server
from hushpost_demo.relay_process import RelayProcess
from hushpost_store.conformance import Recorder
from hushpost_store.redis.options import RedisOptions
from hushpost_store.redis.store import RedisStore
from hushpost_store.rows import DropKind, Submission, TtlClass

from benchmarks.link import Link
from benchmarks.people import Person
from benchmarks.processes import RELAY_ENVIRONMENT
from benchmarks.processor_time import processor_seconds

RESULTS: Final = Path(__file__).parent / "results" / "fleet_costs.json"
_SETTING: Final = "HUSHPOST_RELAY_"
# Accounts made by the client library itself, with all that it publishes.
WHOLE_ACCOUNTS: Final = 12
PEOPLE: Final = 500
LOGIN_ROUNDS: Final = 3
LOGINS_AT_ONCE: Final = 16
IDLE_SECONDS: Final = 10.0
# After connections have ended the relay overwrites what they left in memory.
SETTLE_SECONDS: Final = 4.0
ENVELOPES_EACH: Final = 4
ENVELOPE_BYTES: Final = 4096
DAY_SECONDS: Final = 86_400
DAYS: Final = 7


@dataclass(frozen=True, slots=True)
class Spent:
    """Processor seconds of the relay and of Redis."""

    relay: float
    redis: float

    def less(self, other: "Spent") -> "Spent":
        """Give what was spent since."""
        return Spent(self.relay - other.relay, self.redis - other.redis)


@dataclass(frozen=True, slots=True)
class Bench:
    """One relay on one server."""

    relay: RelayProcess
    redis: RedisServer

    def spent(self) -> Spent:
        """Give what both have spent up to now."""
        assert self.relay.pid is not None
        assert self.redis.process is not None
        pid = self.redis.process.pid
        return Spent(processor_seconds(self.relay.pid), processor_seconds(pid))

    async def of(self, work: Callable[[], Awaitable[object]]) -> Spent:
        """Give what a piece of work costs."""
        before = self.spent()
        await work()
        return self.spent().less(before)

    async def memory(self) -> int:
        """Give the bytes that Redis has allocated."""
        async with asking(self.redis) as questions:
            text = blob(await questions.ask(b"INFO", b"memory")).decode()
        lines = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
        return int(lines["used_memory"])


async def measure() -> dict[str, float]:
    """Run everything; gives each cost by its name, which ends with its unit."""
    with tempfile.TemporaryDirectory(prefix="hushpost-fleet-") as folder:
        place = Path(folder)
        async with redis_server(place / "redis") as redis:
            limits = {k.removeprefix(_SETTING): v for k, v in RELAY_ENVIRONMENT.items()}
            settings = {**limits, "STORE": "redis", "REDIS_URL": redis.url}
            async with RelayProcess(place / "relay", settings) as relay:
                bench = Bench(relay, redis)
                account = await _account_bytes(bench, place)
                people = [Person.make() for _ in range(PEOPLE)]
                await _log_in(bench, people, create=True)
                logins = await _logins(bench, people)
                looks = await _looks(bench, people)
                return {**account, **logins, **looks, **await _waiting(bench, people)}


async def _account_bytes(bench: Bench, folder: Path) -> dict[str, float]:
    before = await bench.memory()
    for number in range(WHOLE_ACCOUNTS):
        vault = folder / f"{number}.vault"
        url = bench.relay.address.url
        async with await Client.create(vault, relay=url, key=bytes([number]) * 32) as client:
            await client.online()
            if not await client.settled(timeout=60):
                raise TimeoutError("a client did not publish its keys")
    return {"redis_bytes_per_device": (await bench.memory() - before) / WHOLE_ACCOUNTS}


async def _logins(bench: Bench, people: list[Person]) -> dict[str, float]:
    async def rounds() -> None:
        for _ in range(LOGIN_ROUNDS):
            await _log_in(bench, people, create=False)

    spent = await bench.of(rounds)
    count = LOGIN_ROUNDS * len(people)
    return {
        "relay_us_per_login": spent.relay / count * 1e6,
        "redis_us_per_login": spent.redis / count * 1e6,
    }


async def _log_in(bench: Bench, people: list[Person], *, create: bool) -> None:
    for link in await _open(bench, people, create=create):
        await link.close()


async def _open(bench: Bench, people: list[Person], *, create: bool) -> list[Link]:
    left, links = iter(people), list[Link]()

    async def work() -> None:
        for person in left:
            links.append(await person.open_inbox(bench.relay.address.url, create=create))

    await asyncio.gather(*(work() for _ in range(LOGINS_AT_ONCE)))
    return links


async def _looks(bench: Bench, people: list[Person]) -> dict[str, float]:
    """Compare a relay at rest with one whose connections do nothing but be logged in."""
    await asyncio.sleep(SETTLE_SECONDS)
    rest = await bench.of(lambda: asyncio.sleep(IDLE_SECONDS))
    links = await _open(bench, people, create=False)
    await asyncio.sleep(SETTLE_SECONDS)
    spent = (await bench.of(lambda: asyncio.sleep(IDLE_SECONDS))).less(rest)
    for link in links:
        await link.close()
    count = IDLE_SECONDS * len(people)
    return {
        "relay_us_per_connection_second": max(0.0, spent.relay / count * 1e6),
        "redis_us_per_connection_second": max(0.0, spent.redis / count * 1e6),
    }


async def _waiting(bench: Bench, people: list[Person]) -> dict[str, float]:
    """Queue mail as a relay does, without one, and see what Redis's memory grows by."""
    store = RedisStore(RedisOptions(bench.redis.url))
    await store.open()
    now = time.time()
    not_after = (int(now // DAY_SECONDS) + DAYS) * 24
    submissions: list[Submission] = []
    for person in people:
        drop_hash = random_bytes(32)
        await store.register_drop(person.route, drop_hash, DropKind.CONTACT, now)
        for _ in range(ENVELOPES_EACH):
            envelope = random_bytes(ENVELOPE_BYTES)
            digest = hashlib.sha256(envelope).digest()[:16]
            submissions.append(
                Submission(person.route, drop_hash, digest, TtlClass.WEEK, not_after, envelope)
            )
    before = await bench.memory()
    recorders = [Recorder() for _ in submissions]
    for submission, recorder in zip(submissions, recorders, strict=True):
        store.submit(submission, recorder, now)
    await asyncio.gather(*(recorder.settled.wait() for recorder in recorders))
    refused = [recorder.reason for recorder in recorders if recorder.reason is not None]
    if refused:
        raise ValueError(f"{len(refused)} envelopes were refused: {refused[0]}")
    grown = await bench.memory() - before
    await store.close()
    return {"redis_bytes_per_envelope": grown / len(submissions)}


def main() -> None:
    """Measure, print, and write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet_costs", description=__doc__)
    parser.add_argument("--out", type=Path, default=RESULTS, help="where the figures go")
    parser.add_argument("--runs", type=int, default=3, help="how often; the median is kept")
    given = parser.parse_args()
    runs = [asyncio.run(measure()) for _ in range(max(1, given.runs))]
    figures = {name: round(median(run[name] for run in runs), 2) for name in runs[0]}
    text = json.dumps({"runs": len(runs), **figures}, indent=1)
    given.out.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
