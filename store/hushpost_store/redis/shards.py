"""All servers as one: each command reaches the server that owns its slot, in the order given.

A slot that moves is the one case in which order needs care. A command that was answered with a
redirection is held, with all later ones for its slot, until every earlier one for that slot has
been answered; then the first goes to where the slot is now, and when it was taken the others follow
in their order. So a sender's envelopes cannot overtake each other while an operator moves slots.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from functools import partial
from typing import Final

from hushpost_store import errors
from hushpost_store.redis.address import Address
from hushpost_store.redis.barrier import Barrier
from hushpost_store.redis.command import (
    ANY_LIFE,
    Answer,
    Command,
    ConnectionLost,
    OnAnswer,
    Redirected,
    ServerError,
    into,
)
from hushpost_store.redis.connection import ServerConnection, slot_of
from hushpost_store.redis.lanes import Lanes
from hushpost_store.redis.node_link import NodeLink
from hushpost_store.redis.options import RedisOptions
from hushpost_store.redis.scripts import all_scripts
from hushpost_store.redis.stalls import Stalls
from hushpost_store.redis.topology import Topology
from hushpost_store.redis.url import RedisUrl

# A slot that moves settles in milliseconds, a failover within seconds (cluster-node-timeout).
REDIRECTED_SECONDS_MAX: Final = 10.0
REDIRECTED_PAUSE_SECONDS: Final = 0.05


class Shards:
    """Connections to a server, or to every primary of a cluster; the URL's seeds name the rest."""

    def __init__(self, url: RedisUrl, options: RedisOptions) -> None:
        self._url = url
        self._options = options
        self._topology: Topology | None = None
        self._links: dict[Address, Lanes] = {}
        self._opening: dict[Address, asyncio.Task[None]] = {}
        self._before_open: dict[Address, list[Command]] = {}
        self._ordinals = 0
        self._in_flight: Counter[int] = Counter()
        self._held: dict[int, list[Command]] = {}
        self._tried: dict[int, Command] = {}
        self._background: set[asyncio.Task[None]] = set()
        self._is_closed = True
        self.stalls = Stalls(time.monotonic)
        self.is_cluster = False
        # Set before `open`, or before links are opened anew: which barrier they keep.
        self.barrier: Barrier | None = None
        self.waiting_bytes = 0
        self._watchers: list[tuple[int, asyncio.Future[None]]] = []

    async def open(self) -> None:
        """Find the servers and connect to each primary. Raises StoreFault."""
        self._is_closed = False
        self._topology = await self._look()
        for address in self._topology.primaries:
            await self._open_link(address)

    async def close(self) -> None:
        """Close every connection; commands without an answer are told that they are lost."""
        self._is_closed = True
        for task in (*self._opening.values(), *self._background):
            task.cancel()
            with suppress(asyncio.CancelledError, errors.StoreFault):
                await task
        for link in [*self._links.values()]:
            await link.close()
        self._links.clear()
        for held in [*self._before_open.values(), *self._held.values()]:
            _fail(held, ConnectionLost("the store is closed"))
        self._before_open.clear()
        self._held.clear()

    @property
    def primaries(self) -> tuple[Address, ...]:
        """Return the servers that own slots."""
        return self._known().primaries

    async def run(self, script: str, keys: Sequence[bytes], *arguments: bytes | int) -> Answer:
        """Run a script on its keys' server and return its answer. Raises StoreFault."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.send(script, keys, arguments, into(future))
        return await future

    def send(
        self,
        script: str,
        keys: Sequence[bytes],
        arguments: Sequence[bytes | int],
        on_answer: OnAnswer,
        on_durable: Callable[[bool], None] | None = None,
    ) -> None:
        """Run a script; `on_answer` gets its answer, or the StoreFault in its place.

        `on_durable` is then told whether replicas have it; never where `on_answer` got a fault.
        """
        known = all_scripts()[script]
        whole = (b"EVALSHA", known.sha, len(keys), *keys, *arguments)
        if known.takes_life:
            whole += (ANY_LIFE,)
        slot = slot_of(keys[0])
        command = Command(
            whole,
            slot,
            on_answer,
            on_durable=on_durable,
            takes_life=known.takes_life,
            is_submission=known.is_submission,
        )
        self._give(command)

    def send_command(
        self,
        key: bytes,
        arguments: tuple[bytes | int, ...],
        on_answer: OnAnswer,
        on_durable: Callable[[bool], None] | None = None,
    ) -> None:
        """Send a command to the server that owns `key`; see `send`."""
        self._give(Command(arguments, slot_of(key), on_answer, on_durable=on_durable))

    def owner_of(self, key: bytes) -> Address:
        """Return the server that owns `key`. Raises ServerError where none does."""
        owner = self._known().owners[slot_of(key)]
        if owner is None:
            raise ServerError("no server of the cluster owns this slot")
        return owner

    async def ask(self, key: bytes, *arguments: bytes | int) -> Answer:
        """Send a command to the server that owns `key`. Raises StoreFault."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.send_command(key, arguments, into(future))
        return await future

    async def reopen(self) -> None:
        """Replace every link, for a barrier that was chosen after the first look."""
        for address, link in [*self._links.items()]:
            del self._links[address]
            await link.close()
            await self._open_link(address)

    async def ask_server(self, address: Address, *arguments: bytes | int) -> Answer:
        """Send a command to one server. Raises StoreFault."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._send_to(address, Command(arguments, None, into(future)))
        return await future

    def overwrite_buffers(self) -> None:
        """Have every server write over what its buffers of our connections held last."""
        for lanes in self._links.values():
            lanes.overwrite_buffers()

    async def below(self, waiting_bytes: int) -> None:
        """Return once no more than this waits for answers."""
        if self.waiting_bytes > waiting_bytes:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._watchers.append((waiting_bytes, future))
            await future

    # -- the way of a command -------------------------------------------------------------------

    def _give(self, command: Command) -> None:
        """Give a command its number, count it as waiting until its answer, and send or hold it."""
        self._ordinals += 1
        command.ordinal = self._ordinals
        command.via = self._answered
        self.waiting_bytes += command.size
        slot = command.slot
        assert slot is not None
        if slot in self._held:
            self._held[slot].append(command)
        else:
            self._dispatch(slot, command)

    def _answered(self, command: Command, answer: Answer) -> None:
        """Hand an answer on, or hold a command that was sent elsewhere."""
        slot = command.slot
        assert slot is not None
        was_sent, command.is_sent = command.is_sent, False
        if was_sent:
            self._in_flight[slot] -= 1
        if isinstance(answer, Redirected) and was_sent and not self._is_closed:
            self._hold(slot, command, answer)
        else:
            self.waiting_bytes -= command.size
            command.on_answer(answer)
            if self._watchers:
                self._tell_watchers()
        if slot in self._held and not self._in_flight[slot]:
            if self._tried.get(slot) is command and not isinstance(answer, Redirected):
                self._send_held(slot)
            elif was_sent:
                self._release_soon(slot)

    def _tell_watchers(self) -> None:
        for watcher in [*self._watchers]:
            waiting_bytes, future = watcher
            if self.waiting_bytes <= waiting_bytes or future.done():
                self._watchers.remove(watcher)
                if not future.done():
                    future.set_result(None)

    def _dispatch(self, slot: int, command: Command) -> None:
        owner = command.ask or self._known().owners[slot]
        if owner is None:
            command.answer(ServerError("no server of the cluster owns this slot"))
            return
        if command.is_submission and self.stalls.holds_slot(slot):
            # It was given before an earlier one failed, and waited: it would overtake that one.
            command.answer(ServerError("an earlier submission into the slot failed"))
            return
        self._in_flight[slot] += 1
        command.is_sent = True
        self._send_to(owner, command)

    def _hold(self, slot: int, command: Command, redirected: Redirected) -> None:
        held = self._held.setdefault(slot, [])
        held.append(command)
        if not command.redirected_at:
            command.redirected_at = time.monotonic()
        if redirected.word in ("ASK", "MOVED"):
            target = Address.parse(redirected.target, self._url.seeds[0].host)
            if redirected.word == "ASK":
                command.ask = target
            else:
                self._topology = self._known().moved(slot, target)
        elif redirected.word == "READONLY":
            # It follows another one now; its name may lead elsewhere when it is looked up anew.
            self._drop(command.ask or self._known().owners[slot])
        elif redirected.word == "NOSCRIPT":
            # Flushed by an operator, or a replica that took over.
            for link in self._links.values():
                link.teach()

    def _release_soon(self, slot: int) -> None:
        self._in_background(self._release(slot))

    def _in_background(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _release(self, slot: int) -> None:
        """Try the first of what is held for a slot, where the slot is now; the others wait for it.

        Going along they could overtake it: a slot that settles in between refuses the first and
        takes the next.
        """
        await asyncio.sleep(REDIRECTED_PAUSE_SECONDS)
        await self._look_anew()
        held = self._held.setdefault(slot, [])
        held.sort(key=lambda command: command.ordinal)
        too_old = time.monotonic() - REDIRECTED_SECONDS_MAX
        while held:
            first = held.pop(0)
            if not 0.0 < first.redirected_at < too_old:
                self._tried[slot] = first
                self._dispatch(slot, first)
                return
            first.answer(ServerError("the slot of the mailbox found no server in time"))
        del self._held[slot]

    def _send_held(self, slot: int) -> None:
        """Send all that was held, in the first order: one of the slot has found its server."""
        del self._tried[slot]
        for command in sorted(self._held.pop(slot), key=lambda command: command.ordinal):
            self._dispatch(slot, command)

    def _send_to(self, address: Address, command: Command) -> None:
        link = self._links.get(address)
        if link is not None and command.takes_life and not link.has_life:
            # Connected while it was a replica: what it was called then says nothing now.
            self._drop(address)
            link = None
        if link is not None:
            link.send(command)
        elif self._is_closed:
            command.answer(ConnectionLost("the store is closed"))
        else:
            self._before_open.setdefault(address, []).append(command)
            if address not in self._opening:
                task = asyncio.create_task(self._reopen(address))
                self._opening[address] = task

    async def _reopen(self, address: Address) -> None:
        """Connect anew; what was given meanwhile follows, or is told that nobody is there."""
        try:
            await self._open_link(address)
        except errors.StoreFault as fault:
            del self._opening[address]
            _fail(self._before_open.pop(address, []), fault)
            await self._look_anew()
            return
        del self._opening[address]
        for command in self._before_open.pop(address, []):
            self._links[address].send(command)

    async def _open_link(self, address: Address) -> None:
        lanes = Lanes(
            partial(self._link, address),
            self._options.connections_per_server,
            partial(self._lost, address),
        )
        await lanes.open()
        lanes.teach()
        self._links[address] = lanes

    def _link(self, address: Address, on_lost: Callable[[NodeLink], None]) -> NodeLink:
        connection = ServerConnection(self._url, address, self._options.connect_seconds_max)
        return NodeLink(connection, self._options.answer_seconds_max, on_lost, self.barrier)

    def _lost(self, address: Address, link: Lanes) -> None:
        if self._links.get(address) is link:
            del self._links[address]
            self._in_background(link.close())

    def _drop(self, address: Address | None) -> None:
        """Close the connections to a server, to open others; what waits there is told so."""
        link = self._links.pop(address, None) if address is not None else None
        if link is not None:
            self._in_background(link.close())

    # -- who owns what --------------------------------------------------------------------------

    async def _look_anew(self) -> None:
        """Learn who owns what now, or leave it at what was known."""
        with suppress(errors.StoreFault):
            self._topology = await self._look()
            primaries = self._topology.primaries
            for address, link in self._links.items():
                if address not in primaries:
                    link.forget_life()

    def _known(self) -> Topology:
        if self._topology is None:
            raise errors.StoreClosed("the store is not open")
        return self._topology

    async def _look(self) -> Topology:
        """Ask the servers, one after the other, until one tells. Raises ConnectionLost."""
        known = self._topology.servers if self._topology is not None else ()
        problem = errors.StoreFault("no server was named")
        for address in dict.fromkeys((*self._url.seeds, *known)):
            try:
                return await self._ask_for_topology(address)
            except errors.StoreFault as fault:
                problem = fault
        raise problem

    async def _ask_for_topology(self, address: Address) -> Topology:
        link = self._link(address, lambda _: None)
        await link.open()
        try:
            info = await _once(link, b"INFO", b"cluster")
            self.is_cluster = isinstance(info, bytes) and b"cluster_enabled:1" in info
            if not self.is_cluster:
                return Topology.single(address)
            return Topology.read(await _once(link, b"CLUSTER", b"SLOTS"), address)
        finally:
            await link.close()


async def _once(link: NodeLink, *arguments: bytes | int) -> Answer:
    future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
    link.send(Command(arguments, None, into(future)))
    return await future


def _fail(commands: Sequence[Command], fault: errors.StoreFault) -> None:
    for command in commands:
        command.answer(fault)
