"""What relays tell each other about mailboxes: hints, never mail that must arrive.

Each node listens on one channel, `{node}:wake`. Who posts into a mailbox that is logged in
elsewhere tells that node; who logs a device in tells the node that it leaves. A hint may be lost:
every node also looks, once a second, at each mailbox that is logged in on it.

    m  route  sequence                                   mail waits, up to this sequence
    e  route  envelope id  drop reference  not_after  envelope      ephemeral: this is all of it
    d  route  epoch                                      this login has ended
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from functools import partial
from struct import Struct
from struct import error as struct_error
from typing import Final

from hushpost_store import errors
from hushpost_store.interface import LoginWatcher
from hushpost_store.redis import answers
from hushpost_store.redis.command import ConnectionLost
from hushpost_store.redis.connection import ServerConnection
from hushpost_store.redis.look import Look, Standing
from hushpost_store.redis.options import RedisOptions
from hushpost_store.redis.shards import Shards
from hushpost_store.redis.url import RedisUrl
from hushpost_store.rows import Submission

# A lost hint costs at most this and the time of an answer.
LOOK_SECONDS: Final = 1.0
# A connection that only listens is asked so often whether it is still there.
PING_SECONDS: Final = 3.0
LISTEN_AGAIN_SECONDS: Final = 0.2
STOP_AGAIN_SECONDS: Final = 0.5
# Who logged in late at another node, and was given up meanwhile, is gone from there by then.
ENDED_LOOK_SECONDS: Final = 0.25

# The lower bits of an epoch are drawn at random, and say nothing of which one came first.
EPOCH_BITS: Final = 20

_WAITS: Final = Struct(">c16sQ")
_ENDED: Final = Struct(">c16sQ")
_EPHEMERAL: Final = Struct(">c16s16s16sI")


class WakeUps:
    """The hints of one node. `logins` maps the routes logged in here to their epoch."""

    def __init__(self, shards: Shards, url: RedisUrl, options: RedisOptions) -> None:
        self._shards = shards
        self._url = url
        self._options = options
        self._watcher: LoginWatcher | None = None
        self._tasks: tuple[asyncio.Task[None], ...] = ()
        self._is_started = False
        self._to_tell: dict[bytes, dict[bytes, int]] = {}
        self._looks: set[asyncio.Task[None]] = set()
        self._looking = Look(shards, options.node)
        self.logins: dict[bytes, int] = {}

    def watch(self, watcher: LoginWatcher) -> None:
        """Have `watcher` told of what other nodes do, once started."""
        self._watcher = watcher
        if self._is_started:
            self.start()

    def start(self) -> None:
        """Listen and look, if anybody watches."""
        self._is_started = True
        if self._watcher is not None and not self._tasks:
            self._tasks = tuple(
                asyncio.create_task(work)
                for work in (self._listen(self._watcher), self._look(self._watcher))
            )

    async def stop(self) -> None:
        """Neither listen nor look any more."""
        left = {*self._tasks, *self._looks}
        while left:
            for task in left:
                task.cancel()
            # Again, if need be: connecting may take a cancellation for a failure of its own.
            _, left = await asyncio.wait(left, timeout=STOP_AGAIN_SECONDS)
        self._tasks = ()
        self._is_started = False

    # -- telling --------------------------------------------------------------------------------

    def mail_waits(self, node: bytes, route: bytes, sequence: int) -> None:
        """Tell a node, at the end of this turn of the loop, that a mailbox of its has mail."""
        if not self._to_tell:
            asyncio.get_running_loop().call_soon(self._tell_all)
        told = self._to_tell.setdefault(node, {})
        told[route] = max(sequence, told.get(route, 0))

    def ephemeral(self, node: bytes, submission: Submission) -> None:
        """Pass on what is never queued; if it is lost, it is lost."""
        route, drop_hash, envelope_id, _, not_after, envelope = submission
        head = _EPHEMERAL.pack(b"e", route, envelope_id, drop_hash[:16], not_after)
        self._tell(node, head + envelope)

    def login_ended(self, node: bytes, route: bytes, epoch: int) -> None:
        """Tell a node that a device that was logged in there is logged in elsewhere."""
        self._tell(node, _ENDED.pack(b"d", route, epoch))

    def contradicted(self, route: bytes, node: bytes) -> None:
        """Learn from a script's answer whose login stands (b"": nobody's): not one of this node."""
        held = self.logins.get(route)
        if held is None or self._watcher is None:
            return
        if node:
            self._watcher.login_moved(route, held)
        else:
            self._watcher.login_lost(route, held)

    def _tell_all(self) -> None:
        to_tell, self._to_tell = self._to_tell, {}
        for node, routes in to_tell.items():
            # Several in one message: each is of one size.
            hints = [_WAITS.pack(b"m", route, sequence) for route, sequence in routes.items()]
            self._tell(node, b"".join(hints))

    def _tell(self, node: bytes, payload: bytes) -> None:
        channel = _channel(node)
        self._shards.send_command(channel, (b"SPUBLISH", channel, payload), lambda _: None)

    # -- hearing --------------------------------------------------------------------------------

    async def _listen(self, watcher: LoginWatcher) -> None:
        """Listen until stopped; a lost connection is replaced, and the look covers the time."""
        while True:
            try:
                await self._listen_once(watcher)
            except errors.StoreFault:
                pass
            except Exception as error:  # noqa: BLE001 - the edge of this task: reported, and gone on
                _report("a relay does not listen", error)
            await asyncio.sleep(LISTEN_AGAIN_SECONDS)

    async def _listen_once(self, watcher: LoginWatcher) -> None:
        channel = _channel(self._options.node.encode())
        options = self._options
        # Tells nobody anything; but who owns the channel now, if its slot has moved.
        await self._shards.ask(channel, b"SPUBLISH", channel, b"")
        address = self._shards.owner_of(channel)
        connection = ServerConnection(self._url, address, options.connect_seconds_max)
        await connection.open()
        pinging = asyncio.create_task(self._ping(connection))
        try:
            await connection.write([(b"SSUBSCRIBE", channel)], options.answer_seconds_max)
            while True:
                answer = await connection.read(PING_SECONDS + options.answer_seconds_max)
                if isinstance(answer, errors.StoreFault):
                    raise answer  # the channel's slot has moved
                parts = answers.items(answer)
                if parts[0] == b"sunsubscribe":
                    raise errors.StoreFault("the channel's slot moves away")
                if parts[0] == b"smessage":
                    # Of a wrong size: of another version, or of a stranger. A hint may be lost.
                    with suppress(struct_error):
                        self._hear(answers.blob(parts[2]), watcher)
        finally:
            pinging.cancel()
            await asyncio.gather(pinging, return_exceptions=True)
            await connection.close()

    async def _ping(self, connection: ServerConnection) -> None:
        with suppress(ConnectionLost):
            while True:
                await asyncio.sleep(PING_SECONDS)
                await connection.write([(b"PING",)], self._options.answer_seconds_max)

    def _hear(self, payload: bytes, watcher: LoginWatcher) -> None:
        match payload[:1]:
            case b"m":
                for _, route, sequence in _WAITS.iter_unpack(payload):
                    watcher.mail_waits(route, sequence)
            case b"e":
                _, route, envelope_id, drop_ref, not_after = _EPHEMERAL.unpack_from(payload)
                envelope = payload[_EPHEMERAL.size :]
                watcher.ephemeral_came(route, envelope_id, drop_ref, not_after, envelope)
            case b"d":
                _, route, _ = _ENDED.unpack(payload)
                self._in_background(self._look_after_end(route, watcher))
            case _:
                return  # of a later version

    # -- looking --------------------------------------------------------------------------------

    async def _look_after_end(self, route: bytes, watcher: LoginWatcher) -> None:
        """Look whether a login that a hint calls ended has moved, or whom it moved to is gone."""
        await asyncio.sleep(ENDED_LOOK_SECONDS)
        held = self.logins.get(route)
        if held is not None:
            with suppress(errors.StoreFault):
                self._judge(watcher, await self._looking.one(route, held))

    async def _look(self, watcher: LoginWatcher) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            # The next one does not wait for it: a server may hang.
            self._in_background(self._looking.look(self.logins, partial(self._judge, watcher)))

    def _judge(self, watcher: LoginWatcher, standing: Standing) -> None:
        """Tell what became of a login, by the mailbox's epoch, last sequence and node."""
        route, held, epoch, last, node = standing
        if self.logins.get(route) != held:
            return
        try:
            stands = 0 if epoch is None else int(answers.blob(epoch))
            waits = 0 if last is None else int(answers.blob(last))
        except ValueError:
            return  # a figure that is no number is damage, which the scripts report
        is_ours = node == self._options.node.encode()
        later = (stands >> EPOCH_BITS) - (held >> EPOCH_BITS)
        if stands == held and is_ours:
            watcher.mail_waits(route, waits)
        elif node is not None and (later > 0 or (later == 0 and not is_ours)):
            watcher.login_moved(route, held)
        else:
            # A failover took it back, or who was logged in after it is gone again, or the mailbox.
            watcher.login_lost(route, held)

    def _in_background(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._looks.add(task)
        task.add_done_callback(self._looked)

    def _looked(self, look: asyncio.Task[None]) -> None:
        self._looks.discard(look)
        if not look.cancelled() and (error := look.exception()) is not None:
            _report("mailboxes were not looked at", error)


def _report(message: str, error: BaseException) -> None:
    """Have the relay's log say what nobody expected."""
    asyncio.get_running_loop().call_exception_handler({"message": message, "exception": error})


def _channel(node: bytes) -> bytes:
    return b"{" + node + b"}:wake"
