"""Where Redis could leave something, and how each of these places is read.

base, incr, manifest    the append-only file: what was last rewritten, what came since, their list
folder                  every other file: configuration, cluster, snapshots, pieces of rewrites
log                     Redis's own, at level debug
slow log                all commands, for it is made to take each one for slow
reports                 what a server says of itself and of its clients
memory                  every mapping of the process
monitor                 every command as an operator may watch it
wake-up channel         what relays tell each other, heard by one more listener
wire                    all that went either way between relays and Redis, and to replicas

What lies at a replica has a name of its own, so that none of it is thought to be read.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from hushpost_demo.redis_servers import RedisServer, cli

from hushpost_proof.canary.scan import CanaryScan
from hushpost_proof.canary_redis.images import look_at_image
from hushpost_proof.harness.hunt import files_in

BASE, INCR, MANIFEST, FOLDER = "AOF base", "AOF incr", "AOF manifest", "Redis folder"
LOG, SLOWLOG, REPORTS, MEMORY = "Redis log", "slow log", "Redis reports", "Redis memory"
MONITOR, WAKE, WIRE = "MONITOR", "wake-up channel", "Redis wire"
# Of each server, wherever it stands.
OF_SERVER: Final = (BASE, INCR, MANIFEST, FOLDER, LOG, SLOWLOG, REPORTS, MEMORY, MONITOR)
# At replicas nobody but the primary's stream and the rewriter runs commands.
OF_ALL: Final = (WAKE, WIRE)
_REPLICAS: Final = " of a replica"
_WORDS: Final = (
    ("info", "everything"),
    ("client", "list"),
    ("acl", "log"),
    ("latency", "latest"),
    ("latency", "histogram"),
    ("latency", "doctor"),
    ("memory", "stats"),
    ("memory", "doctor"),
    ("pubsub", "shardchannels"),
    ("cluster", "slots"),
    ("config", "get", "*"),
)
_SLOWEST_MAX: Final = "4000"


def of(surface: str, *, is_replica: bool) -> str:
    """Name a surface as that of a replica, where it is one's."""
    return surface + _REPLICAS * is_replica


def names(*, with_replicas: bool) -> tuple[str, ...]:
    """List all surfaces, those of replicas behind their primaries'."""
    replicas = tuple(of(one, is_replica=True) for one in OF_SERVER)
    return (*OF_SERVER, *(replicas if with_replicas else ()), *OF_ALL)


def planted_as(surface: str) -> str:
    """Return under what name a control for a surface is planted: one for both roles."""
    return surface.removesuffix(_REPLICAS)


def look_at_files(scan: CanaryScan, server: RedisServer, *, is_replica: bool) -> None:
    """Read every file of a server's working folder whole, as a thief of the disk would."""
    for path in files_in(server.folder):
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            continue  # a rewrite ended since the folder was listed
        scan.look(of(_kind(path), is_replica=is_replica), f"{server.port}/{path.name}", data)


def _kind(path: Path) -> str:
    if path.name == "redis.log":
        return LOG
    if path.name.startswith("temp-"):
        return FOLDER
    kinds = {".base.": BASE, ".incr.": INCR, ".manifest": MANIFEST}
    return next((kind for mark, kind in kinds.items() if mark in path.name), FOLDER)


def look_at_process(scan: CanaryScan, server: RedisServer, *, is_replica: bool) -> None:
    """Read the memory of a server that runs; raises `ImageUnreadable`."""
    assert server.process is not None
    look_at_image(scan, server.process.pid, of(MEMORY, is_replica=is_replica))


async def make_talkative(server: RedisServer, *, is_talkative: bool = True) -> None:
    """Have a server note every command as slow, and every event as late; or neither again."""
    for name, value in (
        ("slowlog-log-slower-than", "0" if is_talkative else "-1"),
        ("slowlog-max-len", _SLOWEST_MAX),
        ("latency-monitor-threshold", "1"),
    ):
        await cli("-p", str(server.port), "config", "set", name, value)


async def look_at_words(scan: CanaryScan, server: RedisServer, *, is_replica: bool) -> None:
    """Ask a server for all that it tells about itself, its clients and their commands."""
    at = ("-p", str(server.port))
    for words in _WORDS:
        if words[0] == "cluster" and "cluster-enabled" not in server.settings:
            continue
        said = await _said(*at, *words)
        scan.look(of(REPORTS, is_replica=is_replica), f"{server.port} {' '.join(words)}", said)
    slow = await _said(*at, "slowlog", "get", _SLOWEST_MAX)
    scan.look(of(SLOWLOG, is_replica=is_replica), str(server.port), slow)


@asynccontextmanager
async def listening(
    folder: Path, servers: Sequence[RedisServer], channels: Sequence[tuple[int, str]]
) -> AsyncGenerator[None]:
    """Watch every command, and listen to channels (port of their server, name), into files."""
    await asyncio.to_thread(folder.mkdir)
    wanted: list[tuple[str, int, tuple[str, ...]]]
    wanted = [(f"monitor-{one.port}", one.port, ("monitor",)) for one in servers]
    wanted += [
        (f"channel-{number}", port, ("ssubscribe", name))
        for number, (port, name) in enumerate(channels)
    ]
    processes: list[asyncio.subprocess.Process] = []
    try:
        for name, port, words in wanted:
            with (folder / name).open("wb") as file:
                processes.append(await _into(file.fileno(), "-p", str(port), *words))
        await _all_began(folder, [name for name, _, _ in wanted])
        yield
    finally:
        for process in processes:
            process.kill()
            await process.wait()


def look_at_heard(
    scan: CanaryScan, folder: Path, replicas: Sequence[int], *, is_replica_apart: bool = True
) -> None:
    """Read what was watched and heard; `replicas` are the ports of those."""
    for path in files_in(folder):
        kind, _, port = path.name.partition("-")
        surface = WAKE
        if kind == "monitor":
            surface = of(MONITOR, is_replica=is_replica_apart and int(port) in replicas)
        scan.look(surface, path.name, path.read_bytes())


def look_at_wire(scan: CanaryScan, folder: Path) -> None:
    """Read all that went between relays and Redis."""
    for path in files_in(folder):
        scan.look(WIRE, f"{path.parent.name}/{path.name}", path.read_bytes())


async def channels_of(servers: Sequence[RedisServer]) -> list[tuple[int, str]]:
    """Return the channels on which relays listen now, with the port where each is."""
    return [
        (server.port, name)
        for server in servers
        for name in (await cli("-p", str(server.port), "pubsub", "shardchannels")).split()
    ]


async def takes(server: RedisServer, channel: str) -> bool:
    """Whether a server of a cluster is a primary and owns the slot of a channel."""
    slot = int(await cli("-p", str(server.port), "cluster", "keyslot", channel))
    said = await cli("-p", str(server.port), "cluster", "nodes")
    (mine,) = [line.split() for line in said.splitlines() if "myself" in line]
    ranges = (one.split("-") for one in mine[8:] if not one.startswith("["))
    return "master" in mine[2] and any(int(one[0]) <= slot <= int(one[-1]) for one in ranges)


async def _said(*arguments: str) -> bytes:
    """Return what redis-cli printed, as it printed it."""
    process = await asyncio.create_subprocess_exec(
        "redis-cli", "-e", *arguments, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output[:200]
    return output


async def _into(descriptor: int, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        "redis-cli", *arguments, stdin=asyncio.subprocess.DEVNULL, stdout=descriptor
    )


async def _all_began(folder: Path, wanted: Sequence[str]) -> None:
    async with asyncio.timeout(10):
        while any(not size for size in _sizes(folder, wanted)):  # noqa: ASYNC110 - other processes
            await asyncio.sleep(0.02)


def _sizes(folder: Path, wanted: Sequence[str]) -> Iterator[int]:
    return ((folder / name).stat().st_size for name in wanted)
