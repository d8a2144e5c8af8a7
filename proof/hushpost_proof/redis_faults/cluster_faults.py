"""What is done to the servers of a cluster: killed, stopped, and their slots moved under load.

Everything is done as an operator or a machine would: signal 9, SIGSTOP, and the commands of Redis
Cluster, by redis-cli.
"""

import asyncio
import random
import signal
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from hushpost_demo.redis_servers import RedisDidNotStart, RedisServer, cli

# Judges nothing: an experiment whose cluster does not come back has failed, on a busy machine late.
FAILOVER_SECONDS_MAX: Final = 180.0
_LOOK_AGAIN_SECONDS: Final = 0.05
_KEYS_AT_ONCE: Final = 100
_MIGRATE_MILLISECONDS_MAX: Final = 30_000


@dataclass(frozen=True, slots=True)
class Member:
    """What a cluster says of one server."""

    node_id: str
    port: int
    is_primary: bool
    is_well: bool
    primary_id: str
    slots: tuple[tuple[int, int], ...]

    def owns(self, slot: int) -> bool:
        """Whether the slot is this server's."""
        return any(first <= slot <= last for first, last in self.slots)


class ClusterFaults:
    """Strikes the servers of one cluster; each blow ends with the cluster whole again."""

    def __init__(self, servers: Sequence[RedisServer], chance: random.Random) -> None:
        self._servers = {server.port: server for server in servers}
        self._chance = chance

    async def members(self, asked: RedisServer | None = None) -> list[Member]:
        """Ask a server that runs how it sees the cluster."""
        server = asked or next(one for one in self._servers.values() if one.is_running)
        text = await _cli(server, "cluster", "nodes")
        return [read_member(line) for line in text.splitlines() if line]

    async def primaries(self) -> frozenset[str]:
        """Return the names of who owns slots now: they change with each failover."""
        return frozenset(
            one.node_id for one in await self.members() if one.is_primary and one.slots
        )

    async def name_of(self, server: RedisServer) -> str:
        """Return the name that the cluster has for a server."""
        return (await _cli(server, "cluster", "myid")).strip()

    async def primary_of(self, slots: Iterable[int]) -> RedisServer:
        """Return the server that owns the most of these slots."""
        wanted = [*slots]
        members = [one for one in await self.members() if one.is_primary and one.is_well]
        best = max(members, key=lambda one: sum(one.owns(slot) for slot in wanted))
        return self._servers[best.port]

    async def replica_of(self, primary: RedisServer) -> RedisServer:
        """Return a replica of this primary."""
        members = await self.members(primary)
        (owner,) = (one for one in members if one.port == primary.port)
        return self._servers[next(one.port for one in members if one.primary_id == owner.node_id)]

    async def until_replaced(self, dead: RedisServer) -> None:
        """Wait until another server owns what a dead or deaf one had."""
        asked = next(one for one in self._servers.values() if one is not dead and one.is_running)
        async with asyncio.timeout(FAILOVER_SECONDS_MAX):
            while await self._owns_something(dead, asked):  # noqa: ASYNC110 - no event of ours
                await asyncio.sleep(_LOOK_AGAIN_SECONDS)

    async def _owns_something(self, server: RedisServer, asked: RedisServer) -> bool:
        (member,) = (one for one in await self.members(asked) if one.port == server.port)
        state = await _cli(asked, "cluster", "info")
        return bool(member.is_primary and member.slots) or "cluster_state:ok" not in state

    async def until_whole(self) -> None:
        """Wait until all servers see each other well, agree who is who, and replicas have all."""
        async with asyncio.timeout(FAILOVER_SECONDS_MAX):
            while not await self._is_whole():  # noqa: ASYNC110 - no event of ours
                await asyncio.sleep(_LOOK_AGAIN_SECONDS)

    async def _is_whole(self) -> bool:
        views: set[frozenset[tuple[str, bool, str]]] = set()
        for server in self._servers.values():
            try:
                members = await self.members(server)
                state = await _cli(server, "cluster", "info")
                copying = await _cli(server, "info", "replication")
            except RedisDidNotStart:
                return False  # it reads its log, or copies its primary
            following = "role:master" in copying or "master_link_status:up" in copying
            well = all(one.is_well for one in members)
            if not (following and well and "cluster_state:ok" in state):
                return False
            views.add(frozenset((one.node_id, one.is_primary, one.primary_id) for one in members))
        return len(views) == 1

    async def kill_and_return(self, server: RedisServer, *, replaced: bool) -> None:
        """Kill a server; `replaced`: wait until another took over; start it again, and wait."""
        server.kill()
        if replaced:
            await self.until_replaced(server)
        else:
            await asyncio.sleep(1.0)
        await server.start()
        await self.until_whole()

    async def stop_until_replaced(self, server: RedisServer) -> None:
        """Stop a primary as a hung machine is, until another took over; then let it go on."""
        assert server.process is not None
        server.process.send_signal(signal.SIGSTOP)
        try:
            await self.until_replaced(server)
        finally:
            server.process.send_signal(signal.SIGCONT)
        await self.until_whole()

    async def move_there_and_back(self, slots: Iterable[int], seconds_open: float) -> int:
        """Move slots to another primary and back, each open for a while; return the moves."""
        moves = 0
        for slot in slots:
            members = [one for one in await self.members() if one.is_primary and one.is_well]
            (owner,) = (one for one in members if one.owns(slot))
            target = self._chance.choice([one for one in members if one is not owner])
            for source, destination in ((owner, target), (target, owner)):
                await self._move(slot, source, destination, members, seconds_open)
                moves += 1
        return moves

    async def _move(
        self,
        slot: int,
        source: Member,
        target: Member,
        primaries: Sequence[Member],
        seconds_open: float,
    ) -> None:
        here, there = self._servers[source.port], self._servers[target.port]
        milliseconds = str(_MIGRATE_MILLISECONDS_MAX)
        await _cli(there, "cluster", "setslot", str(slot), "importing", source.node_id)
        await _cli(here, "cluster", "setslot", str(slot), "migrating", target.node_id)
        await asyncio.sleep(self._chance.uniform(0, seconds_open))
        while keys := (
            await _cli(here, "cluster", "getkeysinslot", str(slot), str(_KEYS_AT_ONCE))
        ).split():
            # Key by key, so that scripts find some of a mailbox here and some there (TRYAGAIN).
            for key in keys:
                await _cli(here, "migrate", there.host, str(there.port), key, "0", milliseconds)
                await asyncio.sleep(self._chance.uniform(0, seconds_open / 10))
        for member in (target, source, *primaries):
            server = self._servers[member.port]
            await _cli(server, "cluster", "setslot", str(slot), "node", target.node_id)


async def _cli(server: RedisServer, *arguments: str) -> str:
    return await cli("-h", server.host, "-p", str(server.port), *arguments)


def read_member(line: str) -> Member:
    """Read a line of `CLUSTER NODES`."""
    node_id, address, flags, primary_id, _, _, _, link, *slots = line.split()
    said = flags.split(",")
    ranges = [slot.split("-") for slot in slots if not slot.startswith("[")]
    return Member(
        node_id,
        int(address.split("@")[0].rpartition(":")[2]),
        is_primary="master" in said,
        is_well=not {"fail", "fail?", "handshake", "noaddr"} & {*said}
        and (link == "connected" or "myself" in said),
        primary_id=primary_id,
        slots=tuple((int(each[0]), int(each[-1])) for each in ranges),
    )
