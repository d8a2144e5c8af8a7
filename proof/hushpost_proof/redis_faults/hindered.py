"""One server killed, hung, full and slow, and the wake-up channel cut, while people write."""

import asyncio
import random
import signal
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from hushpost_demo.redis_servers import KEEPS, RedisServer, cli

from hushpost_proof.claim import Effort, Row
from hushpost_proof.harness.lives import Beginner, nursery
from hushpost_proof.redis_faults import fence
from hushpost_proof.redis_faults.course import Fault, people_row, walk
from hushpost_proof.redis_faults.crossing import LOST_HINT_SECONDS_MAX, cross
from hushpost_proof.redis_faults.crowd import Side, crowd
from hushpost_proof.redis_faults.office import NAMES, Office, office
from hushpost_proof.redis_faults.people import people
from hushpost_proof.redis_faults.redis_proxy import Trouble
from hushpost_proof.redis_faults.roving_proxy import RovingProxy

# Longer than the five seconds after which a relay takes a silent server for dead.
HUNG_SECONDS: Final = 6.0
DOWN_SECONDS_MAX: Final = 1.0
SPELL_SECONDS: Final = 2.0
LONG_TIMES: Final = 8
MOVES: Final = 6
LONG_MOVES: Final = 100
# A planted relay is left by so many devices: one that looks in that very moment hides its defect.
PLANTED_MOVES_MAX: Final = 5
PLANTED_QUIET_SECONDS: Final = 2.0
# So many must have been accepted before a planted loss can show.
PLANTED_ACCEPTED_MIN: Final = 20


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
            await cross(place, trouble, effort, folder)
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
        await pairs.until_accepted(PLANTED_ACCEPTED_MIN)
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
            await pairs.until_accepted(PLANTED_ACCEPTED_MIN)
            figures = await pairs.settle(seconds_max=LOST_HINT_SECONDS_MAX + 1)
    found = f"{figures.accepted - figures.received} not there after two seconds"
    tried = "planted: hints vanish, and nobody looks"
    return Row(tried, figures.accepted, found, figures.received < figures.accepted)


async def _no_fence(folder: Path, begin: Beginner) -> Row:
    """Show that scripts which ask for no login epoch are found."""
    async with office(folder, begin, defect="no-fence") as place:
        place.let_fall(Trouble.UNHEARD)
        one, two = place.service.urls(*NAMES)
        tries: list[fence.Moves] = []
        while len(tries) < PLANTED_MOVES_MAX and not any(one.deleted_by_old for one in tries):
            tries.append(await fence.move(one, two, 1, quiet_seconds=PLANTED_QUIET_SECONDS))
    tried = "planted: scripts without the login epoch; a device moves"
    return Row(tried, len(tries), tries[-1].told(), tries[-1].deleted_by_old > 0)
