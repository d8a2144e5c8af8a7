"""One server killed, hung, full and slow, and the wake-up channel cut, while people write."""

import asyncio
import random
import signal
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hushpost_demo.redis_servers import KEEPS, RedisServer, cli, redis_server

from hushpost_proof.claim import Effort, Row
from hushpost_proof.harness.lives import Beginner, nursery
from hushpost_proof.redis_faults import fence
from hushpost_proof.redis_faults.course import Fault, people_row, walk
from hushpost_proof.redis_faults.crowd import Side, crowd
from hushpost_proof.redis_faults.delays import spread
from hushpost_proof.redis_faults.people import people
from hushpost_proof.redis_faults.redis_proxy import RedisProxy, Trouble
from hushpost_proof.redis_faults.roving_person import STAYS
from hushpost_proof.redis_faults.roving_proxy import RovingProxy
from hushpost_proof.redis_faults.service import PUBLIC_HOST, Node, Service, service

NAMES: Final = ("one", "two")
# What a lost hint may cost: docs/spec/store.md, "Many relays".
LOST_HINT_SECONDS_MAX: Final = 2.0
# Longer than the five seconds after which a relay takes a silent server for dead.
HUNG_SECONDS: Final = 6.0
DOWN_SECONDS_MAX: Final = 1.0
SPELL_SECONDS: Final = 2.0
HINT_SPELL_SECONDS: Final = 2.5
LONG_TIMES: Final = 8
MOVES: Final = 6
LONG_MOVES: Final = 100
LONG_HINT_SECONDS: Final = 45.0


@dataclass(frozen=True, slots=True)
class Office:
    """Two relays on one server, each over a proxy of its own."""

    server: RedisServer
    proxies: tuple[RedisProxy, ...]
    service: Service

    def let_fall(self, trouble: Trouble) -> None:
        """Have both proxies do this from now on."""
        for proxy in self.proxies:
            proxy.let_fall(trouble)

    @property
    def crossing(self) -> Side:
        """Pairs of whom one is at each relay, and stays."""
        one, two = self.service.urls(*NAMES)
        return Side("crossing", (one,), stay_seconds=STAYS, right_urls=(two,))


@asynccontextmanager
async def office(
    folder: Path,
    begin: Beginner,
    *,
    durability: str = "synced",
    defect: str = "",
    settings: Mapping[str, str] = KEEPS,
    public_host: str = PUBLIC_HOST,
) -> AsyncGenerator[Office]:
    """Run server, proxies and relays for the time of a block."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(redis_server(folder / "redis", settings))
        proxies = [await stack.enter_async_context(RedisProxy(server.port)) for _ in NAMES]
        nodes = [
            Node(name, proxy.url, durability, defect)
            for name, proxy in zip(NAMES, proxies, strict=True)
        ]
        made = await stack.enter_async_context(
            service(folder, nodes, begin, public_host=public_host)
        )
        yield Office(server, tuple(proxies), made)


async def prove(effort: Effort) -> Sequence[Row]:
    """Run the course, and beside it what is planted."""
    async with nursery() as begin, asyncio.TaskGroup() as group:
        course = group.create_task(_course(effort, begin))
        planted = group.create_task(_planted(effort, begin))
    return [*course.result(), *planted.result()]


async def _course(effort: Effort, begin: Beginner) -> list[Row]:
    folder = effort.folder / "course"
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        proxy = await enter(RovingProxy(effort.folder / "wire", effort.seed))
        place = await enter(office(folder, begin, public_host=proxy.host))
        proxy.ports = tuple(relay.port for relay in place.service.relays.values())
        real = await enter(people(effort.folder, proxy, begin, pairs=1, seed=effort.seed))
        faults = _faults(place, random.Random(effort.seed), effort)
        nodes = {"synced": NAMES}
        legs = await walk(faults, place.service, nodes, folder=folder / "legs", seed=effort.seed)
        hints = [
            await _cross(place, trouble, effort, folder / trouble.name)
            for trouble in (Trouble.NONE, Trouble.UNHEARD, Trouble.CUT)
        ]
        fenced = await _moves(place, LONG_MOVES if effort.is_long else MOVES)
        outcome = await real.settle()
    blows = sum(fault.times for fault in faults) + len(hints) - 1
    rows = [leg.row for leg in legs]
    return [*rows, *hints, fenced, people_row(outcome, blows)]


def _faults(place: Office, chance: random.Random, effort: Effort) -> list[Fault]:
    times = LONG_TIMES if effort.is_long else 1
    server = place.server

    async def kill(_: Sequence[bytes]) -> None:
        server.kill()
        await asyncio.sleep(chance.uniform(0, DOWN_SECONDS_MAX))
        await server.start()

    async def hang(_: Sequence[bytes]) -> None:
        assert server.process is not None
        server.process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(HUNG_SECONDS)
        server.process.send_signal(signal.SIGCONT)

    async def fill(_: Sequence[bytes]) -> None:
        # Less than it holds when empty: nothing more is taken, and what frees memory goes on.
        await _set(server, "maxmemory", "1mb")
        await asyncio.sleep(SPELL_SECONDS)
        await _set(server, "maxmemory", "0")

    async def slow(_: Sequence[bytes]) -> None:
        place.let_fall(Trouble.SLOW)
        await asyncio.sleep(SPELL_SECONDS)
        place.let_fall(Trouble.NONE)

    return [
        Fault("the server killed and started again", kill, times),
        Fault(f"the server hung for {HUNG_SECONDS:g} s (SIGSTOP)", hang, times),
        Fault("the server full, then with room again", fill, times),
        Fault("the server slow: 0.2 s each way", slow, times),
    ]


async def _set(server: RedisServer, name: str, value: str) -> None:
    await cli("-p", str(server.port), "config", "set", name, value)


async def _cross(place: Office, trouble: Trouble, effort: Effort, folder: Path) -> Row:
    """Measure how long mail takes from one relay to the other."""
    struck = sum(proxy.struck for proxy in place.proxies)
    place.let_fall(trouble)
    async with crowd(folder, [place.crossing], effort.seed) as pairs:
        await asyncio.sleep(LONG_HINT_SECONDS if effort.is_long else HINT_SPELL_SECONDS)
        figures = await pairs.settle()
    place.let_fall(Trouble.NONE)
    struck = sum(proxy.struck for proxy in place.proxies) - struck
    waits = [max(0.0, one.seconds_after_acceptance or 0.0) for one in figures.passed]
    is_in_time = max(waits, default=LOST_HINT_SECONDS_MAX) < LOST_HINT_SECONDS_MAX
    name = "fair" if trouble is Trouble.NONE else trouble.value
    found = f"{figures.told()}; after ACCEPTED {spread(waits)}; {struck} hints or channels struck"
    holds = figures.is_whole and is_in_time and (struck > 0) == (trouble is not Trouble.NONE)
    return Row(f"mail from relay to relay, wake-up channel: {name}", figures.sent, found, holds)


async def _moves(place: Office, times: int) -> Row:
    place.let_fall(Trouble.UNHEARD)
    one, two = place.service.urls(*NAMES)
    moves = await fence.move(one, two, times)
    place.let_fall(Trouble.NONE)
    tried = "a device moves; the relay that it left hears nothing of it"
    return Row(tried, times, moves.told(), moves.is_fenced)


# -- planted -------------------------------------------------------------------------------------


async def _planted(effort: Effort, begin: Beginner) -> list[Row]:
    folder = effort.folder / "planted"
    return [
        await _memory(folder / "memory", begin, effort.seed),
        await _no_look(folder / "no-look", begin, effort.seed),
        await _no_fence(folder / "no-fence", begin),
    ]


async def _memory(folder: Path, begin: Beginner, seed: int) -> Row:
    """Show that what durability `memory` loses with its server is found."""
    settings = {**KEEPS, "appendonly": "no"}
    async with (
        office(folder, begin, durability="memory", settings=settings) as place,
        crowd(folder, [Side("all", place.service.urls())], seed, listen=False) as pairs,
    ):
        await asyncio.sleep(1.0)
        place.server.kill()
        await place.server.start()
        pairs.listen()
        figures = await pairs.settle(seconds_max=3.0)
    return Row(
        "planted: durability `memory`, the server killed", 1, figures.told(), figures.lost > 0
    )


async def _no_look(folder: Path, begin: Beginner, seed: int) -> Row:
    """Show that a relay that never looks is found when hints vanish."""
    async with office(folder, begin, defect="no-look") as place:
        place.let_fall(Trouble.UNHEARD)
        async with crowd(folder, [place.crossing], seed) as pairs:
            await asyncio.sleep(1.0)
            figures = await pairs.settle(seconds_max=LOST_HINT_SECONDS_MAX + 1)
    found = f"{figures.accepted - figures.received} not there after two seconds"
    tried = "planted: hints vanish, and nobody looks"
    return Row(tried, figures.accepted, found, figures.received < figures.accepted)


async def _no_fence(folder: Path, begin: Beginner) -> Row:
    """Show that scripts which ask for no login epoch are found."""
    async with office(folder, begin, defect="no-fence") as place:
        place.let_fall(Trouble.UNHEARD)
        one, two = place.service.urls(*NAMES)
        moves = await fence.move(one, two, 1)
    tried = "planted: scripts without the login epoch; a device moves"
    return Row(tried, 1, moves.told(), moves.deleted_by_old > 0)
