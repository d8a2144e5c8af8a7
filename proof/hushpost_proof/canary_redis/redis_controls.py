"""The same scan of a relay that leaks: each leak must be found on its surface, or it is blind."""

import json
import random
import shutil
from dataclasses import dataclass, replace
from typing import Final

from hushpost_proof.canary import surfaces
from hushpost_proof.canary.canaries import Canary, Kind, make_character, needles_of
from hushpost_proof.canary.scan import CanaryScan
from hushpost_proof.canary_redis import planted_relay, redis_scan, redis_surfaces
from hushpost_proof.canary_redis.images import look_at_image
from hushpost_proof.canary_redis.office import PLANTED_PROGRAM, Office, Plan, is_replica
from hushpost_proof.harness.waiting import until

_ON_REDIS: Final = (*redis_surfaces.OF_SERVER, *redis_surfaces.OF_ALL)
_ALL: Final = (*_ON_REDIS, *planted_relay.OWN)


@dataclass(frozen=True, slots=True)
class Controls:
    """On which surfaces something was planted, and on which it was found."""

    planted: frozenset[str]
    seen: frozenset[str]


async def scan_leaking(service: Office, plan: Plan, seed: int) -> Controls:
    """Put a leaking relay in the place of the second one, let it leak, and scan once more."""
    chance = random.Random(seed)
    texts = {surface: make_character(chance).sayings[0] for surface in _ALL}
    needles = needles_of(Canary(name, Kind.TOLD_NOBODY, text) for name, text in texts.items())
    scan = CanaryScan(needles)
    leaks = service.folder / "leaks.json"
    leaks.write_text(json.dumps(texts))
    more = {**plan.environment, planted_relay.LEAKS_VARIABLE: str(leaks)}
    leaking = replace(plan, environment=more, program=PLANTED_PROGRAM)
    # A relay refuses to start beside a slow log.
    for server in service.servers:
        await redis_surfaces.make_talkative(server, is_talkative=False)
    relay = await service.replace_second(leaking)
    for server in service.servers:
        await redis_surfaces.make_talkative(server)
    channel = planted_relay.CHANNEL.decode()
    heard = service.folder / "heard-leaking"
    ports = await _owners(service, channel)
    async with redis_surfaces.listening(heard, service.servers, [(one, channel) for one in ports]):
        relay.send(planted_relay.LEAK_SIGNAL)
        await _await_leaks(service, texts[redis_surfaces.LOG])
        # What was written, before the rewrite takes it out of what is appended.
        for server in service.servers:
            redis_surfaces.look_at_files(scan, server, is_replica=await is_replica(server))
        await redis_scan.rewrite(service.servers)
        _plant_in_folders(service, texts)
        await redis_scan.look_at_servers(scan, service.servers)
        await redis_scan.look_at_processes(scan, service.servers)
    await redis_scan.look_at_relay(scan, relay)
    look_at_image(scan, redis_scan.pid_of(relay), surfaces.MEMORY)
    replicas = [one.port for one in service.servers if await is_replica(one)]
    redis_surfaces.look_at_heard(scan, heard, replicas)
    redis_surfaces.look_at_wire(scan, service.redis_wire)
    return _judged(scan, with_replicas=plan.is_cluster)


def _judged(scan: CanaryScan, *, with_replicas: bool) -> Controls:
    planted = (*redis_surfaces.names(with_replicas=with_replicas), *planted_relay.OWN)
    return Controls(
        frozenset(planted),
        frozenset(one for one in planted if redis_surfaces.planted_as(one) in scan.seen(one)),
    )


async def _await_leaks(service: Office, in_log: str) -> None:
    """Wait for the last leak: the one in the log of every copy."""
    copies = 1 + any([await is_replica(server) for server in service.servers])

    def found() -> bool:
        logs = [(server.folder / "redis.log").read_bytes() for server in service.servers]
        return sum(in_log.encode() in log for log in logs) >= copies

    await until(found, 20.0)


async def _owners(service: Office, channel: str) -> list[int]:
    """Return the port of the server that owns a channel."""
    if len(service.servers) == 1:
        return [service.servers[0].port]
    return [
        server.port for server in service.servers if await redis_surfaces.takes(server, channel)
    ]


def _plant_in_folders(service: Office, texts: dict[str, str]) -> None:
    """Leave a piece of a broken rewrite in each folder, and a note in each list of files."""
    for server in service.servers:
        left = server.folder / "temp-rewriteaof-bg-1.aof"
        left.write_bytes(texts[redis_surfaces.FOLDER].encode("utf-16-le"))
        (manifest,) = (server.folder / "appendonlydir").glob("appendonly.aof.manifest")
        copied = manifest.with_name("old.manifest")
        shutil.copy(manifest, copied)
        with copied.open("a") as file:
            file.write(f"# for {texts[redis_surfaces.MANIFEST]}\n")
