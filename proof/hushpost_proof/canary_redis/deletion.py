"""What is left in Redis of envelopes that were acknowledged or expired: in files, and in memory.

Relays whose bound is seconds in place of 15 minutes, by the same code. In every stage envelopes are
posted, found in the logs while they wait, then deleted in one way or another while something goes
wrong, and hunted in every file of every server until nothing is left.
"""

import asyncio
import os
import re
import signal
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from hushpost_demo.redis_servers import RedisServer, cli, delete_leftovers
from hushpost_store.redis.layout import TAIL_BYTES

from hushpost_proof.canary import surfaces
from hushpost_proof.canary.remains import Left, Remains
from hushpost_proof.canary_redis import planted_relay
from hushpost_proof.canary_redis.images import image_of
from hushpost_proof.canary_redis.office import PLANTED_PROGRAM, Office, Plan, is_replica, office
from hushpost_proof.harness.capture import read_capture
from hushpost_proof.harness.journal import Journal
from hushpost_proof.harness.relay_process import RelayProcess
from hushpost_proof.harness.waiting import until
from hushpost_proof.harness.wire_person import LoginFailed, WirePerson
from hushpost_proof.harness.wrong_clock import CLOCK_VARIABLE, set_clock

# After so long a rewrite is due, in place of ten minutes; the bound is three times that, as it is
# one and a half times that for an operator: a busy machine starts late.
REWRITE_SECONDS: Final = 3.0
BOUND_SECONDS: Final = 3 * REWRITE_SECONDS
# Of each pair of people, in each stage. Three mailboxes: with three primaries most have one.
EACH: Final = 12
_PAIRS: Final = 3
_SETTLE_SECONDS_MAX: Final = 60.0
_FORTNIGHT_SECONDS: Final = 16 * 86_400
_LOOK_AGAIN_SECONDS: Final = 0.2
# Two seconds, and the round in which a server looks at each of its connections.
_BUFFERS_SECONDS: Final = 4.0


@dataclass(frozen=True, slots=True)
class Stage:
    """What was deleted how, what of it was in files before, and what was left after how long."""

    name: str
    queued: Left
    left: Left
    seconds: float
    # What had to be seen on the way, and was not.
    missed: str = ""

    @property
    def holds(self) -> bool:
        """Whether all was in files, and within the bound nothing is any more."""
        is_seen = self.queued.in_part == self.queued.envelopes > 0
        return (
            is_seen and not self.left.pieces and self.seconds <= BOUND_SECONDS * (not self.missed)
        )


@dataclass(slots=True)
class Course:
    """All stages of one office, and what is left in the memory of its servers."""

    stages: list[Stage] = field(default_factory=list[Stage])
    memory_at_once: list[Left] = field(default_factory=list[Left])
    memory: list[Left] = field(default_factory=list[Left])

    @property
    def worst(self) -> Left:
        """Return what the server that holds most has in memory."""
        return max(self.memory, key=lambda left: left.pieces)

    @property
    def worst_at_once(self) -> Left:
        """Return the same, right after the last deletion."""
        return max(self.memory_at_once, key=lambda left: left.pieces)


async def single(folder: Path) -> Course:
    """Run stages on a single server that overwrites what it frees."""
    async with _town(folder, _hasty(folder, is_cluster=False)) as town:
        await town.fetched_later()
        await town.rewrite_fails()
        await town.killed_while_it_rewrites()
        await town.expired()
        await town.look_into_memory()
        return town.course


async def keeping(folder: Path) -> Course:
    """Do the same beside relays with the default bound, and a Redis that overwrites nothing."""
    async with _town(folder, Plan(allocator={})) as town:
        await town.fetched_later(wait_seconds=BOUND_SECONDS)
        await town.look_into_memory()
        return town.course


async def cluster(folder: Path) -> Course:
    """Run stages on a cluster with replicas, and lose a relay and a primary."""
    async with _town(folder, _hasty(folder, is_cluster=True)) as town:
        await town.fetched_later()
        await town.relay_that_deleted_dies()
        await town.fails_over()
        await town.look_into_memory()
        return town.course


def _hasty(folder: Path, *, is_cluster: bool) -> Plan:
    environment = {
        planted_relay.HASTE_VARIABLE: str(REWRITE_SECONDS),
        CLOCK_VARIABLE: str(folder / "clock"),
        "HUSHPOST_RELAY_SWEEP_INTERVAL_SECONDS": "0.5",
    }
    return Plan(is_cluster=is_cluster, environment=environment, program=PLANTED_PROGRAM)


class _Town:
    """Some pairs who write one way, and the office between them."""

    def __init__(
        self, folder: Path, service: Office, pairs: Sequence[tuple[WirePerson, WirePerson]]
    ) -> None:
        self.course = Course()
        self._folder = folder
        self._service = service
        self._pairs = pairs
        self._hunted: list[bytes] = []

    async def fetched_later(self, wait_seconds: float = BOUND_SECONDS) -> None:
        """Deliver half of it at once and have half fetched later; all is acknowledged."""
        async with self._reading():
            await self._post(EACH // 2)
            await self._arrived()
        await self._post(EACH // 2)
        new = self._new()
        # What came at once may have left the logs already; what waits must be in them.
        waiting = await self._left(new[-(EACH // 2) * len(self._pairs) :])
        await self._fetch()
        await self._await_gone("acknowledged at once, or fetched later", new, waiting, wait_seconds)

    async def expired(self) -> None:
        """Let its time run out; nobody fetches it."""
        new, queued = await self._queue()
        set_clock(self._folder / "clock", _FORTNIGHT_SECONDS)
        await self._swept(len(new))
        await self._await_gone("expired, never fetched", new, queued)

    async def relay_that_deleted_dies(self) -> None:
        """Kill the relay through which it was fetched, at once and for good."""
        new, queued = await self._queue()
        first, second = self._service.relays
        self._service.proxy.lead_to(second.port)
        await self._fetch()
        await second.kill()
        self._service.proxy.lead_to(first.port)
        await self._await_gone("fetched through a relay that dies then", new, queued)

    async def fails_over(self) -> None:
        """Kill a primary with mail in its log; its replica goes on, and it comes back later."""
        new, queued = await self._queue()
        lost = await self._holder(new)
        lost.kill()
        await self._fetch()
        others = [one for one in self._service.servers if one is not lost]
        await self._await_gone("fetched from the new primary", new, queued, servers=others)
        asleep = await self._left(new, [lost])
        await lost.start()
        missed = "" if asleep.in_part else "the dead primary's files held nothing"
        await self._await_gone("the old primary comes back", new, queued, missed=missed)

    async def rewrite_fails(self) -> None:
        """Keep a server from writing its new list of files until health is red; then let it."""
        new, queued = await self._queue()
        (server,) = self._service.servers
        obstacle = server.folder / "appendonlydir" / "temp-appendonly.aof.manifest"
        obstacle.mkdir()
        await self._fetch()
        turned_red = await self._within(BOUND_SECONDS + _SETTLE_SECONDS_MAX, self._is_red)
        kept = await self._left(new)
        obstacle.rmdir()
        missed = "" if turned_red and kept.in_part else "health stayed green, or nothing was kept"
        await self._await_gone("a rewrite failed beyond the bound", new, queued, missed=missed)
        assert await self._within(_SETTLE_SECONDS_MAX, self._is_green)

    async def killed_while_it_rewrites(self) -> None:
        """Kill a server in a rewrite, of which a piece stays; whoever starts it deletes that."""
        new, queued = await self._queue()
        (server,) = self._service.servers
        port = str(server.port)
        await cli("-p", port, "config", "set", "rdb-key-save-delay", "300000")
        await cli("-p", port, "bgrewriteaof")
        await until(lambda: any(server.folder.glob("temp-rewriteaof-*")), _SETTLE_SECONDS_MAX)
        _kill_with_children(server)
        pieces = list(server.folder.glob("temp-rewriteaof-*"))
        delete_leftovers(server.folder)
        missed = "" if pieces and not list(server.folder.glob("temp-*")) else "no piece was left"
        await server.start()
        await self._fetch()
        await self._await_gone("killed in a rewrite, started again", new, queued, missed=missed)

    async def look_into_memory(self) -> None:
        """Count what of all that was deleted is in the memory of each server, and a while later.

        A server shrinks the buffers of connections on which nothing came for two seconds.
        """
        self.course.memory_at_once = await self._in_memory()
        await asyncio.sleep(_BUFFERS_SECONDS)
        self.course.memory = await self._in_memory()

    async def _in_memory(self) -> list[Left]:
        remains = Remains([[body] for body in self._hunted])
        found: list[Left] = []
        for server in self._service.servers:
            assert server.process is not None
            image = await asyncio.to_thread(image_of, server.process.pid)
            stretches = [stretch.data for stretch in image]
            found.append(await asyncio.to_thread(remains.among, stretches))
        return found

    # ---- within

    async def _queue(self) -> tuple[list[bytes], Left]:
        await self._post(EACH)
        new = self._new()
        return new, await self._left(new)

    async def _post(self, count: int) -> None:
        """Write and wait until all is accepted."""
        for writer, _ in self._pairs:
            for _ in range(count):
                writer.write()
        writers = [asyncio.create_task(writer.post()) for writer, _ in self._pairs]
        await until(
            lambda: not any(writer.outbox.letters for writer, _ in self._pairs),
            _SETTLE_SECONDS_MAX,
        )
        await _end(writers)

    @asynccontextmanager
    async def _reading(self) -> AsyncGenerator[None]:
        tasks = [asyncio.create_task(_listen(reader)) for _, reader in self._pairs]
        try:
            yield
        finally:
            await _end(tasks)

    async def _arrived(self) -> None:
        await until(lambda: all(one.is_settled for one, _ in self._pairs), _SETTLE_SECONDS_MAX)
        # What was received last is acknowledged by now, and its connection still open.
        await asyncio.sleep(0.3)

    async def _fetch(self) -> None:
        async with self._reading():
            await self._arrived()

    def _new(self) -> list[bytes]:
        """Return what was posted since the last call, as Redis has it, in order."""
        seen = set(self._hunted)
        posted = dict.fromkeys(
            bytes(submit.envelope)[:-TAIL_BYTES]
            for submit in read_capture(self._service.wire).submits
        )
        new = [body for body in posted if body not in seen]
        self._hunted += new
        return new

    async def _left(
        self, bodies: Sequence[bytes], servers: Sequence[RedisServer] | None = None
    ) -> Left:
        """Hunt for bodies in every file of servers."""
        remains = Remains([[body] for body in bodies])
        places = [one.folder for one in servers or self._service.servers]
        return await asyncio.to_thread(remains.among, _all_files(places))

    async def _await_gone(
        self,
        name: str,
        bodies: Sequence[bytes],
        queued: Left,
        wait_seconds: float = BOUND_SECONDS + _SETTLE_SECONDS_MAX,
        *,
        servers: Sequence[RedisServer] | None = None,
        missed: str = "",
    ) -> None:
        began = time.monotonic()
        left = await self._left(bodies, servers)
        while left.pieces and time.monotonic() - began < wait_seconds:
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
            left = await self._left(bodies, servers)
        self.course.stages.append(Stage(name, queued, left, time.monotonic() - began, missed))

    async def _swept(self, count: int) -> None:
        async def is_swept() -> bool:
            pages = [await _page(relay, "/metrics") for relay in self._service.relays]
            figures = re.findall(rb"^hushpost_expired_total (\d+)$", b"\n".join(pages), re.M)
            return sum(map(int, figures)) >= count

        assert await self._within(_SETTLE_SECONDS_MAX, is_swept)

    async def _holder(self, bodies: Sequence[bytes]) -> RedisServer:
        """Return a primary in whose log some of these are."""
        for server in self._service.servers:
            if not await is_replica(server) and (await self._left(bodies, [server])).pieces:
                return server
        raise AssertionError("no primary has what was queued")

    async def _is_red(self) -> bool:
        return b" 503 " in (await _page(self._service.relays[0], "/health")).splitlines()[0]

    async def _is_green(self) -> bool:
        return not await self._is_red()

    async def _within(self, seconds: float, is_so: Callable[[], Awaitable[bool]]) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not await is_so():  # noqa: ASYNC110 - other processes
                    await asyncio.sleep(_LOOK_AGAIN_SECONDS)
                return True
        return False


@asynccontextmanager
async def _town(folder: Path, plan: Plan) -> AsyncGenerator[_Town]:
    await asyncio.to_thread(folder.mkdir)
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(office(folder, plan))
        pairs: list[tuple[WirePerson, WirePerson]] = []
        for number in range(_PAIRS):
            people = [
                WirePerson(
                    f"{role}-{number}",
                    service.proxy.url,
                    stack.enter_context(Journal(folder, f"{role}-{number}", 1)),
                )
                for role in ("writer", "reader")
            ]
            writer, reader = people
            await writer.register()
            await reader.register()
            await writer.befriend(reader)
            pairs.append((writer, reader))
        yield _Town(folder, service, pairs)


async def _listen(reader: WirePerson) -> None:
    """Read, also where a relay has no server to ask for a while."""
    while True:
        with suppress(LoginFailed):
            await reader.listen()
        await asyncio.sleep(_LOOK_AGAIN_SECONDS)


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _page(relay: RelayProcess, path: str) -> bytes:
    return await surfaces.fetch(relay.metrics_url, path)


def _all_files(places: Sequence[Path]) -> list[bytes]:
    found: list[bytes] = []
    for place in places:
        for path in place.rglob("*"):
            with suppress(FileNotFoundError, IsADirectoryError):
                found.append(path.read_bytes())
    return found


def _kill_with_children(server: RedisServer) -> None:
    """End a server and its rewrite, as a machine's end does both."""
    assert server.process is not None
    os.killpg(server.process.pid, signal.SIGKILL)
    server.process.wait()
