"""What accounts, logins and looks cost a relay on Redis, and Redis: what `fleet` reckons with.

    python -m benchmarks.fleet_costs [--runs N] [--out FILE]

Mostly processor times, so that a busy machine says twice as much and not ten times; its load at
the start stands beside the figures, since rewrites are timed by the clock. The throughput of
messages is measured elsewhere (`python -m benchmarks`). Linux, a redis-server.
"""

import argparse
import asyncio
import json
import os
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from hushpost import Client
from hushpost_demo.redis_questions import asking, blob
from hushpost_demo.redis_servers import RedisServer, redis_server
from hushpost_demo.relay_process import RelayProcess
from hushpost_wire.control import Prekeys, TakePrekeys
from hushpost_wire.records import AccountId

from benchmarks.fleet_store_costs import in_the_store
from benchmarks.link import Link
from benchmarks.people import Person, ask, open_post
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
# Fewer than the one-time records of an account: each take takes one out.
TAKES_EACH: Final = 90
_TAKES: Final = {"PREFIX_TAKES_PER_MINUTE": "0", "ACCOUNT_TAKES_PER_HOUR": "0"}


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
            settings = {**limits, **_TAKES, "STORE": "redis", "REDIS_URL": redis.url}
            async with RelayProcess(place / "relay", settings) as relay:
                bench = Bench(relay, redis)
                account = await _accounts(bench, place)
                people = [Person.make() for _ in range(PEOPLE)]
                await _log_in(bench, people, create=True)
                logins = await _logins(bench, people)
                looks = await _looks(bench, people)
                stored = await in_the_store(redis, [person.route for person in people])
                return {**account, **logins, **looks, **stored}


async def _accounts(bench: Bench, folder: Path) -> dict[str, float]:
    """Make accounts as people do, and let strangers take their prekeys."""
    ids: list[AccountId] = []
    before = await bench.memory()
    for number in range(WHOLE_ACCOUNTS):
        vault = folder / f"{number}.vault"
        url = bench.relay.address.url
        async with await Client.create(vault, relay=url, key=bytes([number]) * 32) as client:
            await client.online()
            if not await client.settled(timeout=60):
                raise TimeoutError("a client did not publish its keys")
            ids.append(client.address.account_id)
    grown = await bench.memory() - before
    spent = await bench.of(lambda: _take(bench, ids))
    count = TAKES_EACH * len(ids)
    return {
        "redis_bytes_per_device": grown / WHOLE_ACCOUNTS,
        "relay_us_per_take": spent.relay / count * 1e6,
        "redis_us_per_take": spent.redis / count * 1e6,
    }


async def _take(bench: Bench, accounts: list[AccountId]) -> None:
    link = await open_post(bench.relay.address.url)
    for number in range(TAKES_EACH):
        for account in accounts:
            await ask(link, TakePrekeys(id=number + 1, account=account), Prekeys)
    await link.close()


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


def main() -> None:
    """Measure, print, and write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet_costs", description=__doc__)
    parser.add_argument("--out", type=Path, default=RESULTS, help="where the figures go")
    parser.add_argument("--runs", type=int, default=3, help="how often; the median is kept")
    given = parser.parse_args()
    busy = round(os.getloadavg()[0], 1)
    runs = [asyncio.run(measure()) for _ in range(max(1, given.runs))]
    figures = {name: round(median(run[name] for run in runs), 2) for name in runs[0]}
    text = json.dumps({"runs": len(runs), "load_average": busy, **figures}, indent=1)
    given.out.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
