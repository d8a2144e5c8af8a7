"""Relays and servers of a cluster killed, hung, and their slots moved, while people write."""

import asyncio
import random
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Final

from hushpost_demo.redis_servers import redis_cluster

from hushpost_proof.claim import Effort, Row
from hushpost_proof.harness.lives import nursery
from hushpost_proof.redis_faults.cluster_faults import ClusterFaults
from hushpost_proof.redis_faults.course import FAILOVER_COSTS, Fault, people_row, walk
from hushpost_proof.redis_faults.crowd import slot_of
from hushpost_proof.redis_faults.people import people
from hushpost_proof.redis_faults.roving_proxy import RovingProxy
from hushpost_proof.redis_faults.service import Node, Service, service

# Both promises meet the same blows.
NODES: Final = {"replicated": ("r1", "r2"), "synced": ("s1", "s2")}
RELAY_DOWN_SECONDS: Final = 0.5
SLOT_OPEN_SECONDS: Final = 0.2
SLOTS_MOVED: Final = 3
LONG_TIMES: Final = 8
# What overtakes at a failover does so seldom: a real client alarmed once in forty blows.
LONG_FAILOVERS: Final = 16
LONG_PAIRS: Final = 3


async def prove(effort: Effort) -> Sequence[Row]:
    """Run the course; the short one strikes each blow once or twice."""
    chance = random.Random(effort.seed)
    folder = effort.folder
    pairs = LONG_PAIRS if effort.is_long else 1
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        cluster = await enter(redis_cluster(folder / "cluster"))
        begin = await enter(nursery())
        proxy = await enter(RovingProxy(folder / "wire", effort.seed))
        nodes = [
            Node(name, cluster.url, durability)
            for durability, names in NODES.items()
            for name in names
        ]
        office = await enter(service(folder, nodes, begin, public_host=proxy.host))
        proxy.ports = tuple(office.relays[name].port for name in NODES["replicated"])
        real = await enter(people(folder, proxy, begin, pairs=pairs, seed=effort.seed))
        servers = ClusterFaults(cluster.servers, chance)
        faults = _faults(office, servers, chance, effort)
        legs = await walk(
            *(faults, office, NODES),
            folder=folder / "legs",
            seed=effort.seed,
            owners=servers.primaries,
        )
        outcome = await real.settle()
    blows = sum(fault.times for fault in faults)
    return [*(leg.row for leg in legs), people_row(outcome, blows)]


def _faults(
    office: Service, servers: ClusterFaults, chance: random.Random, effort: Effort
) -> list[Fault]:
    times = LONG_TIMES if effort.is_long else 1
    failovers = LONG_FAILOVERS if effort.is_long else 1

    async def kill_relays(_: Sequence[bytes]) -> None:
        doomed = [office.relays[chance.choice(names)] for names in NODES.values()]
        for relay in doomed:
            await relay.kill()
        await asyncio.sleep(chance.uniform(0, RELAY_DOWN_SECONDS))
        await asyncio.gather(*(relay.start() for relay in doomed))

    async def kill_replica(routes: Sequence[bytes]) -> None:
        primary = await servers.primary_of(map(slot_of, routes))
        await servers.kill_and_return(await servers.replica_of(primary), replaced=False)

    async def kill_primary(routes: Sequence[bytes]) -> None:
        await servers.kill_and_return(await servers.primary_of(map(slot_of, routes)), replaced=True)

    async def stop_primary(routes: Sequence[bytes]) -> None:
        await servers.stop_until_replaced(await servers.primary_of(map(slot_of, routes)))

    async def move_slots(routes: Sequence[bytes]) -> None:
        some = [slot_of(route) for route in chance.sample([*routes], SLOTS_MOVED)]
        await servers.move_there_and_back(some, SLOT_OPEN_SECONDS)

    return [
        Fault("a relay of each killed and started again", kill_relays, times),
        Fault("a replica killed, and back after a second", kill_replica, times),
        Fault("a primary killed; failover; it returns", kill_primary, failovers, FAILOVER_COSTS),
        Fault(
            "a primary hung (SIGSTOP); failover; it wakes", stop_primary, failovers, FAILOVER_COSTS
        ),
        Fault("slots moved away and back under load", move_slots, times),
    ]
