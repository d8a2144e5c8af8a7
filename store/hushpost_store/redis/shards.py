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
from collections.abc import Coroutine, Sequence
from contextlib import suppress
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
    OnDurable,
    Redirected,
    ServerError,
    into,
)
from hushpost_store.redis.connection import slot_of
from hushpost_store.redis.links import Check, Links
from hushpost_store.redis.lookout import Lookout
from hushpost_store.redis.node_link import NodeLink
from hushpost_store.redis.options import RedisOptions
from hushpost_store.redis.scripts import all_scripts
from hushpost_store.redis.stalls import Stalls
from hushpost_store.redis.topology import Topology
from hushpost_store.redis.url import RedisUrl

# A slot that moves settles in milliseconds, a failover within seconds (cluster-node-timeout).
REDIRECTED_SECONDS_MAX: Final = 10.0
# Tried again at once and then, since a failover concerns thousands of slots, less and less often:
# after a quarter of the time that it has taken already.
REDIRECTED_PAUSE_SECONDS: Final = 0.05
REDIRECTED_PAUSE_SECONDS_MAX: Final = 0.5
_PAUSE_SHARE: Final = 0.25
# Under pressure a server is not given the whole time that an answer may take.
SILENT_SECONDS: Final = 1.0
_RELIEVE_PAUSE_SECONDS: Final = 0.1
NOBODY_OWNS: Final = (
    "no server of the cluster owns this slot: is it made (`redis-cli --cluster create`), and whole"
    " (`redis-cli --cluster check`)?"
)


class Shards:
    """Connections to a server, or to every primary of a cluster; the URL's seeds name the rest."""

    def __init__(self, url: RedisUrl, options: RedisOptions) -> None:
        self._url = url
        self._options = options
        self._topology: Topology | None = None
        self._links = Links(url, options, self._look_soon)
        self._lookout = Lookout(url.seeds, self._link_to_ask)
        self._ordinals = 0
        self._in_flight: Counter[int] = Counter()
        self._held: dict[int, list[Command]] = {}
        self._tried: dict[int, Command] = {}
        self._background: set[asyncio.Task[None]] = set()
        self._is_closed = True
        self._will_look = False
        self._is_pressed = False
        self.stalls = Stalls(time.monotonic)
        self.waiting_bytes = 0
        self._watchers: list[tuple[int, asyncio.Future[None]]] = []

    async def open(self) -> None:
        """Find the servers and connect to each primary. Raises StoreFault."""
        self._is_closed = False
        self._topology = await self._lookout.look()
        for address in self._topology.primaries:
            await self._links.open(address)

    async def close(self) -> None:
        """Close every connection; commands without an answer are told that they are lost."""
        self._is_closed = True
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await self._lookout.close()
        await self._links.close()
        while self._held:
            _, held = self._held.popitem()
            for command in held:
                command.answer(ConnectionLost("the store is closed"))

    @property
    def barrier(self) -> Barrier | None:
        """Which barrier links keep that are opened from now on; see `reopen`."""
        return self._links.barrier

    @barrier.setter
    def barrier(self, barrier: Barrier | None) -> None:
        self._links.barrier = barrier

    def check_with(self, check: Check) -> None:
        """Have each primary looked at that is connected to from now on, before it is used."""
        self._links.check = check

    @property
    def is_cluster(self) -> bool:
        """Whether the servers are those of a cluster."""
        return self._lookout.is_cluster

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
        on_durable: OnDurable | None = None,
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
        on_durable: OnDurable | None = None,
    ) -> None:
        """Send a command to the server that owns `key`; see `send`."""
        self._give(Command(arguments, slot_of(key), on_answer, on_durable=on_durable))

    def owner_of(self, key: bytes) -> Address:
        """Return the server that owns `key`. Raises ServerError where none does."""
        owner = self._known().owners[slot_of(key)]
        if owner is None:
            raise ServerError(NOBODY_OWNS)
        return owner

    async def ask(self, key: bytes, *arguments: bytes | int) -> Answer:
        """Send a command to the server that owns `key`. Raises StoreFault."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.send_command(key, arguments, into(future))
        return await future

    async def reopen(self) -> None:
        """Replace every link, for a barrier that was chosen after the first look."""
        await self._links.reopen()

    async def ask_server(self, address: Address, *arguments: bytes | int) -> Answer:
        """Send a command to one server. Raises StoreFault."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._links.send(address, Command(arguments, None, into(future)))
        return await future

    def overwrite_buffers(self) -> None:
        """Have every server write over what its buffers of our connections held last."""
        self._links.overwrite_buffers()

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
        if self.waiting_bytes > self._options.waiting_bytes_high and not self._is_pressed:
            self._is_pressed = True
            self._in_background(self._relieve())
        slot = command.slot
        assert slot is not None
        if slot in self._held:
            command.redirected_at = time.monotonic()
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
        is_tried = self._tried.get(slot) is command
        if is_tried:
            del self._tried[slot]
        if slot in self._held and not self._in_flight[slot]:
            if is_tried and not isinstance(answer, Redirected):
                self._send_held(slot)
            elif was_sent:
                self._in_background(self._release(slot, time.monotonic()))

    async def _relieve(self) -> None:
        """Leave servers that hang while so much waits that senders are not read: others' do not."""
        waits_for_replicas = 0.0 if self.barrier is None else self._options.replica_seconds_max
        while self.waiting_bytes > self._options.waiting_bytes_high:
            self._links.drop_silent(SILENT_SECONDS + waits_for_replicas)
            await asyncio.sleep(_RELIEVE_PAUSE_SECONDS)
        self._is_pressed = False

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
            command.answer(ServerError(NOBODY_OWNS))
            self._look_soon()
            return
        if command.is_submission and self.stalls.holds_slot(slot):
            # It was given before an earlier one failed, and waited: it would overtake that one.
            command.answer(ServerError("an earlier submission into the slot failed"))
            return
        self._in_flight[slot] += 1
        command.is_sent = True
        self._links.send(owner, command)

    def _hold(self, slot: int, command: Command, redirected: Redirected) -> None:
        held = self._held.setdefault(slot, [])
        held.append(command)
        if not command.redirected_at:
            command.redirected_at = time.monotonic()
        if redirected.word in ("ASK", "MOVED"):
            self._follow(slot, command, redirected)
        elif redirected.word == "READONLY":
            # It follows another one now; its name may lead elsewhere when it is looked up anew.
            self._links.drop(command.ask or self._known().owners[slot])
        elif redirected.word == "NOSCRIPT":
            self._links.teach()

    def _follow(self, slot: int, command: Command, redirected: Redirected) -> None:
        try:
            target = Address.parse(redirected.target, self._url.seeds[0].host)
        except ValueError:
            return  # it names nobody: the next look tells
        if redirected.word == "ASK":
            command.ask = target
        else:
            self._topology = self._known().moved(slot, target)

    def _in_background(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _release(self, slot: int, redirected_at: float) -> None:
        """Try the first of what is held for a slot, where the slot is now; the others wait for it.

        Going along they could overtake it: a slot that settles in between refuses the first and
        takes the next.
        """
        held = self._held[slot]
        held.sort(key=lambda command: command.ordinal)
        await asyncio.sleep(_pause(redirected_at - held[0].redirected_at))
        await self._look_anew(redirected_at)
        held.sort(key=lambda command: command.ordinal)
        too_old = time.monotonic() - REDIRECTED_SECONDS_MAX
        while held and held[0].redirected_at < too_old:
            held.pop(0).answer(ServerError("the slot of the mailbox found no server in time"))
        if held:
            self._tried[slot] = held.pop(0)
            self._dispatch(slot, self._tried[slot])
        else:
            del self._held[slot]

    def _send_held(self, slot: int) -> None:
        """Send all that was held, in the first order: one of the slot has found its server."""
        for command in sorted(self._held.pop(slot), key=lambda command: command.ordinal):
            self._dispatch(slot, command)

    # -- who owns what --------------------------------------------------------------------------

    def _look_soon(self) -> None:
        """Look anew, beside what goes on: once, however many commands had it done."""
        if not self._is_closed and not self._will_look:
            self._will_look = True
            self._in_background(self._look_by_itself())

    async def _look_by_itself(self) -> None:
        await self._look_anew(time.monotonic() - REDIRECTED_PAUSE_SECONDS)
        self._will_look = False

    async def _look_anew(self, since: float) -> None:
        """Learn who owns what after a moment, or leave it at what was known."""
        with suppress(errors.StoreFault):
            self._topology = await self._lookout.look(since)
            self._links.forget_lives_but(self._topology.primaries)

    def _known(self) -> Topology:
        if self._topology is None:
            raise errors.StoreClosed("the store is not open")
        return self._topology

    def _link_to_ask(self, address: Address) -> NodeLink:
        return self._links.link(address, lambda _: None)


def _pause(redirected_seconds: float) -> float:
    pause = max(REDIRECTED_PAUSE_SECONDS, redirected_seconds * _PAUSE_SHARE)
    return min(pause, REDIRECTED_PAUSE_SECONDS_MAX)
