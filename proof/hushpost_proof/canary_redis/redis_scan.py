"""The scan of honest relays on Redis: people and bad clients use both, and every surface is read.

What may be where is as for a relay of one's own (`canary.relay_scan`): a client's address, and what
a bad client says in clear, may be in a relay's memory while the connection is open, and nowhere
else. In Redis nothing of anybody may be found, at any time.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hushpost_demo.redis_servers import RedisServer, cli

from hushpost_proof.canary import surfaces
from hushpost_proof.canary.bad_clients import BadClients
from hushpost_proof.canary.canaries import Canary, Kind, make_address, needles_of
from hushpost_proof.canary.people import Company
from hushpost_proof.canary.relay_scan import GONE_SECONDS_MAX
from hushpost_proof.canary.scan import CanaryScan, Sighting
from hushpost_proof.canary_redis import redis_controls, redis_surfaces
from hushpost_proof.canary_redis.declared import Declared, judge
from hushpost_proof.canary_redis.images import look_at_image
from hushpost_proof.canary_redis.office import TALKATIVE, Office, Plan, is_replica, office
from hushpost_proof.canary_redis.redis_controls import Controls
from hushpost_proof.harness.relay_process import RelayProcess
from hushpost_proof.harness.waiting import until

# The relays' own: database and its log are not there, and what is in the data folder is.
OF_RELAYS: Final = (
    *(surfaces.OTHER_FILES, surfaces.LOG, surfaces.METRICS, surfaces.HEALTH),
    *(surfaces.MEMORY, surfaces.REST),
)
# So few that a person who writes to somebody away soon finds the drop full.
_DROP_ENVELOPES_MAX: Final = 12
_LOOK_AGAIN_SECONDS: Final = 2.0
_REWRITE_SECONDS_MAX: Final = 30.0


@dataclass(slots=True)
class Outcome:
    """What the scan read, what it saw where nothing may be, and what the controls showed."""

    scan: CanaryScan
    canaries: list[Canary]
    with_replicas: bool
    controls: Controls | None = None
    messages: int = 0
    bad_connections: int = 0
    servers: int = 0
    gone_after: float = 0.0
    declared: Declared | None = None

    @property
    def surfaces(self) -> tuple[str, ...]:
        """Return all that had to be read."""
        return (*redis_surfaces.names(with_replicas=self.with_replicas), *OF_RELAYS)

    @property
    def leaks(self) -> list[Sighting]:
        """Return what was seen where it must not be."""
        kinds = {canary.what: canary.kind for canary in self.canaries}
        return [
            one
            for one in self.scan.sightings
            if one.surface != surfaces.MEMORY or kinds[one.what] is Kind.TOLD_NOBODY
        ]


async def scan_redis(
    folder: Path, seed: int, *, is_cluster: bool, is_long: bool = False
) -> Outcome:
    """Have everything happen that can, and read everything; raises when a relay fails.

    `is_long`: so many messages, too, that ratchets take their post-quantum steps, which to Redis
    are envelopes like others.
    """
    await asyncio.to_thread(folder.mkdir)
    # Not the characters of the scan without Redis, which may run beside this one: its bad clients
    # bind the ports of one address.
    chance = random.Random(f"redis {seed}")
    addresses = [make_address(chance) for _ in range(3)]
    bad = BadClients(make_address(chance), chance)
    plan = Plan(
        is_cluster=is_cluster,
        addresses=addresses,
        settings=TALKATIVE,
        environment={
            "HUSHPOST_RELAY_LOG_LEVEL": "debug",
            "HUSHPOST_RELAY_DROP_ENVELOPES_MAX": str(_DROP_ENVELOPES_MAX),
            "HUSHPOST_RELAY_SWEEP_INTERVAL_SECONDS": "1",
        },
    )
    async with office(folder, plan) as service:
        company = Company(folder, service.proxy.url, chance)
        canaries = company.canaries() + bad.canaries()
        canaries += [Canary(f"address {one}", Kind.ADDRESS, one) for one in addresses]
        scan = CanaryScan(await asyncio.to_thread(needles_of, canaries))
        outcome = Outcome(scan, canaries, is_cluster, servers=len(service.servers))
        for server in service.servers:
            await redis_surfaces.make_talkative(server)
        channels = await redis_surfaces.channels_of(service.servers)
        heard = folder / "heard"
        async with redis_surfaces.listening(heard, service.servers, channels):
            visit = _Visit(outcome, service, company, bad)
            await visit.everything(is_long=is_long)
            replicas = [one.port for one in service.servers if await is_replica(one)]
        await asyncio.to_thread(redis_surfaces.look_at_heard, scan, heard, replicas)
        await asyncio.to_thread(redis_surfaces.look_at_wire, scan, service.redis_wire)
        outcome.messages, outcome.bad_connections = company.said, bad.connections
        outcome.controls = await redis_controls.scan_leaking(service, plan, seed + 1)
    return outcome


class _Visit:
    """The order of events, and what is read between them."""

    def __init__(
        self, outcome: Outcome, service: Office, company: Company, bad: BadClients
    ) -> None:
        self._outcome = outcome
        self._scan = outcome.scan
        self._service = service
        self._company = company
        self._bad = bad

    async def everything(self, *, is_long: bool) -> None:
        """Live through it all."""
        company = self._company
        await company.arrive("writer", "friend", "stranger", "pest")
        await company.befriend()
        await company.knock()
        talk = asyncio.create_task(company.chat())
        # Of one relay, and of both when nobody is connected any more.
        busy = pid_of(self._service.relays[0])
        await asyncio.to_thread(look_at_image, self._scan, busy, surfaces.MEMORY)
        await look_at_processes(self._scan, self._service.servers)
        await talk
        if is_long:
            await company.step_ratchets()
        await company.leave("friend")
        await company.write_to_nobody_there(_DROP_ENVELOPES_MAX + 6)
        await self._look()
        await rewrite(self._service.servers)
        await self._lose_a_relay()
        await company.arrive("friend")
        await company.displace()
        await company.fall_out()
        await self._misbehave()
        await company.leave_all()
        await self._await_gone()
        self._outcome.declared = await judge(self._service.url)
        await self._look()
        await look_at_processes(self._scan, self._service.servers)

    async def _lose_a_relay(self) -> None:
        """Kill one as it stands, and go on with the other one until it is back."""
        first = self._service.relays[0]
        await first.kill()
        # It refuses to start beside a slow log.
        await self._talk(is_talkative=False)
        await first.start()
        await self._talk(is_talkative=True)

    async def _talk(self, *, is_talkative: bool) -> None:
        for server in self._service.servers:
            await redis_surfaces.make_talkative(server, is_talkative=is_talkative)

    async def _misbehave(self) -> None:
        for relay in self._service.relays[:1]:
            self._bad.port = relay.port
            await self._bad.misbehave()
        asked = f"{self._bad.marks['path']}={self._bad.marks['query']}"
        for relay in self._service.relays:
            await surfaces.look_at_pages(self._scan, relay.metrics_url, asked)

    async def _await_gone(self) -> None:
        """Read the relays' memory when nobody is connected, until nothing is found."""
        began = time.monotonic()
        shown = {one.what for one in self._outcome.canaries if one.kind is not Kind.TOLD_NOBODY}
        while True:
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
            self._scan.forget(surfaces.REST, shown)
            waited = self._outcome.gone_after = time.monotonic() - began
            for relay in self._service.relays:
                await asyncio.to_thread(look_at_image, self._scan, pid_of(relay), surfaces.REST)
            if waited >= GONE_SECONDS_MAX or not self._scan.seen(surfaces.REST):
                return

    async def _look(self) -> None:
        """Read servers, files and pages, as they are now."""
        await look_at_servers(self._scan, self._service.servers)
        for relay in self._service.relays:
            await look_at_relay(self._scan, relay)


async def look_at_servers(scan: CanaryScan, servers: Sequence[RedisServer]) -> None:
    """Read files and words of each server."""
    for server in servers:
        as_replica = await is_replica(server)
        await redis_surfaces.look_at_words(scan, server, is_replica=as_replica)
        await asyncio.to_thread(redis_surfaces.look_at_files, scan, server, is_replica=as_replica)


async def look_at_processes(scan: CanaryScan, servers: Sequence[RedisServer]) -> None:
    """Read the memory of each server."""
    for server in servers:
        as_replica = await is_replica(server)
        await asyncio.to_thread(redis_surfaces.look_at_process, scan, server, is_replica=as_replica)


async def look_at_relay(scan: CanaryScan, relay: RelayProcess) -> None:
    """Read the files, the log and the pages of a relay."""
    for folder in (relay.data_folder, relay.folder / "tmp"):
        await asyncio.to_thread(surfaces.look_at_files, scan, folder)
    await asyncio.to_thread(surfaces.look_at_files, scan, relay.log_path, surfaces.LOG)
    await surfaces.look_at_pages(scan, relay.metrics_url)


async def rewrite(servers: Sequence[RedisServer]) -> None:
    """Have every server rewrite its log, so that there is a base that holds something."""
    for server in servers:
        bases = set(_bases(server))
        await cli("-p", str(server.port), "bgrewriteaof")
        with suppress(TimeoutError):
            await until(
                lambda server=server, bases=bases: bool(set(_bases(server)) - bases),  # type: ignore[misc]  # bound at once
                _REWRITE_SECONDS_MAX,
            )


def _bases(server: RedisServer) -> list[str]:
    return [path.name for path in (server.folder / "appendonlydir").glob("*.base.*")]


def pid_of(relay: RelayProcess) -> int:
    """Return the process of a relay that runs."""
    assert relay.pid is not None
    return relay.pid
