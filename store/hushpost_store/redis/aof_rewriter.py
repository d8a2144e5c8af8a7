"""Deleted envelopes leave the append-only files too (docs/spec/store.md, "Deleted").

Redis appends what was deleted as a deletion and keeps the envelope in its log until the log is
rewritten from what is in memory. Here that is asked for when the oldest deletion is old enough, or
when a log has grown enough, of every server that has a copy: of all primaries side by side, and of
the replicas of each after it, so that no two who have the same mail are busy with it.

What was deleted is learned from the servers, not from this relay's own doing: so nobody has to
live for it. What a relay deleted that died, what a replica learns that was away, and what a new
primary has in its log are all found by whichever relay looks next. How each server stood when its
last rewrite began is kept in Redis, for all relays: what was deleted before that is out of its log,
though more is deleted all the time. A server that is busy with a rewrite is left to who asked for
it, or a hundred relays would each have it done once more.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from hushpost_store import errors
from hushpost_store.redis import answers, backlog, server_log
from hushpost_store.redis.address import Address
from hushpost_store.redis.command import ServerError
from hushpost_store.redis.keys import STORE_KEY
from hushpost_store.redis.options import RedisOptions
from hushpost_store.redis.probe import refuse_unfit
from hushpost_store.redis.replication import replicas_of
from hushpost_store.redis.rewrites_seen import RewritesSeen
from hushpost_store.redis.server_log import ServerLog
from hushpost_store.redis.shards import Shards

# An answer of some kilobytes from each server. Where a rewrite is due sooner, looks come sooner.
LOOK_SECONDS: Final = 5.0
_LOOKS_PER_WAIT: Final = 20
# A rewrite copies what is in memory; a server that is not done after this long is stuck.
REWRITE_SECONDS_MAX: Final = 300.0
REWRITE_LOOK_SECONDS: Final = 0.1
# A log that grows fast is not rewritten all the time: in between it grows by the disk's speed.
GROWN_PAUSE_SECONDS: Final = 30.0
# Each try that fails leaves a server with one more file until one succeeds.
RETRY_SECONDS_MAX: Final = 240.0
# Field of the store's key for each server: its mark when its last rewrite began, and when.
_CLEAN: Final = b"clean:"
# Also where memory is full: otherwise every rewrite there would count as failed and be repeated.
_NOTE: Final = b"""#!lua flags=allow-oom
return redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
"""


class AofRewriter:
    """Knows since when deleted bytes may be in a log. `clock` is the relay's."""

    def __init__(self, shards: Shards, options: RedisOptions, clock: Callable[[], float]) -> None:
        self._shards = shards
        self._options = options
        self._clock = clock
        # When this relay first deleted something since it looked last, and what a look that is
        # under way took of that.
        self._noted: float | None = None
        self._judged: float | None = None
        # Servers in whose log something deleted is, by run id, and since when.
        self._dirty: dict[str, float] = {}
        # Those whose log has grown so much that its rewrite is due whatever its age.
        self._grown: set[str] = set()
        # When each server was last seen with nothing deleted in its log.
        self._seen_clean: dict[str, float] = {}
        # What is known of the rewrites of each, whoever asked for them: Redis itself may have.
        self._seen: dict[str, RewritesSeen] = {}
        self._task: asyncio.Task[None] | None = None
        self._look_seconds = min(LOOK_SECONDS, options.rewrite_after_seconds / _LOOKS_PER_WAIT)
        self.rewrites = 0

    def start(self) -> None:
        """Begin to look whether a rewrite is due."""
        self._task = asyncio.create_task(self._look_always())

    async def stop(self) -> None:
        """Stop looking; what is not rewritten yet is found by whichever relay looks next."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def deleted(self, _deleted_bytes: int = 0) -> None:
        """Note that this relay deleted something now: more exact than the next look."""
        if self._noted is None:
            self._noted = self._clock()

    def lag(self, now: float) -> float:
        """Return the seconds since the oldest deletion that may still be in a log."""
        oldest = _earliest((*self._dirty.values(), self._noted, self._judged))
        return 0.0 if oldest is None else max(0.0, now - oldest)

    def is_due(self) -> bool:
        """Whether the oldest deletion that a look found is old enough, or a log is too large."""
        due = self._clock() - self._options.rewrite_after_seconds
        return bool(self._grown) or any(since <= due for since in self._dirty.values())

    async def look(self) -> None:
        """Learn from the servers in which logs something deleted is.

        Raises StoreFault at the end where one could not be asked: what was known of it stands.
        """
        began = self._clock()
        noted = self._judged = _earliest((self._judged, self._noted))
        self._noted = None
        clean = await self._clean_marks()
        found = await self._ask_all()
        is_rid = False
        for log in found.logs:
            # Of a server that nobody rewrote yet: dirty since its deletions are known of.
            mark, rewritten = clean.get(log.run_id, ("", began if noted is None else noted))
            seen = self._seen[log.run_id] = RewritesSeen.at(log, began, self._seen.get(log.run_id))
            if log.mark == mark:
                is_rid |= self._dirty.pop(log.run_id, None) is not None
                self._grown.discard(log.run_id)
                self._seen_clean[log.run_id] = began
            else:
                taken_out = rewritten if mark and rewritten <= began else -math.inf
                taken_out = max(taken_out, seen.taken_out(log))
                is_rid |= self._note_dirty(log.run_id, began, rewritten, taken_out)
                is_rested = not mark or abs(began - rewritten) >= GROWN_PAUSE_SECONDS
                self._grown.discard(log.run_id)
                if is_rested and log.grown >= self._options.rewrite_after_bytes:
                    self._grown.add(log.run_id)
        if is_rid:
            # Rewritten, by whichever relay; what is left is in the buffers of each one's own.
            self._shards.overwrite_buffers()
        if found.fault is not None:
            raise found.fault
        self._judged = None
        self._forget_but({log.run_id for log in found.logs})

    async def rewrite(self) -> None:
        """Have the servers rewrite their logs whose time has come. Raises StoreFault.

        Primaries go on side by side, each with its replicas one after the other, so that nobody's
        mail waits for two rewrites. One that cannot keeps no other from it: its fault is raised at
        the end.
        """
        ripe = self._ripe()
        ends = await asyncio.gather(
            *(self._rewrite_group(primary, ripe) for primary in self._shards.primaries)
        )
        for _, fault in ends:
            if fault is not None:
                raise fault
        if any(done for done, _ in ends):
            await self._drop_marks_of_others()
            self.rewrites += 1

    async def _rewrite_group(
        self, primary: Address, ripe: frozenset[str]
    ) -> tuple[bool, errors.StoreFault | None]:
        """Rewrite a primary, then its replicas; whether any was, and why one could not."""
        servers, fault, is_any = [primary], None, False
        try:
            servers += await replicas_of(self._shards, primary)
        except errors.StoreFault as failed:
            fault = failed
        is_copied = self._shards.is_cluster or len(servers) > 1
        for server in servers:
            try:
                end = await self._rewrite_at(server, ripe, is_copied=is_copied)
            except errors.StoreFault as failed:
                fault = fault or failed
                continue
            if end is _End.BUSY:
                break  # another relay is at this group
            is_any |= end is _End.DONE
        return is_any, fault

    async def _look_always(self) -> None:
        pause = self._look_seconds
        # Relays that were started together shall not all ask for the same rewrite.
        await asyncio.sleep(random.uniform(0.0, pause))  # noqa: S311 - spreads load
        while True:
            pause = self._look_seconds if await self._is_done() else self._later(pause)
            await asyncio.sleep(pause)

    async def _is_done(self) -> bool:
        """Look, and rewrite what is due; whether nothing failed."""
        try:
            is_told = await self._is_told()  # a server that is away keeps no other one from it
            if self.is_due():
                await self.rewrite()
                is_told = await self._is_told()
        except errors.StoreFault:
            return False  # the lag tells the operator
        except Exception as error:  # noqa: BLE001 - the edge of this task: reported, and gone on
            loop = asyncio.get_running_loop()
            loop.call_exception_handler({"message": "no rewrite was made", "exception": error})
            return False
        return is_told

    async def _is_told(self) -> bool:
        try:
            await self.look()
        except errors.StoreFault:
            return False
        return True

    def _later(self, pause: float) -> float:
        return min(pause * 2, RETRY_SECONDS_MAX, self._options.rewrite_after_seconds)

    async def _servers(self) -> tuple[list[Address], errors.StoreFault | None]:
        """Return primaries, then replicas; and the fault of a primary that could not be asked."""
        servers, fault = [*self._shards.primaries], None
        for primary in self._shards.primaries:
            try:
                servers += await replicas_of(self._shards, primary)
            except errors.StoreFault as failed:
                fault = failed
        return servers, fault

    async def _ask_all(self) -> _Found:
        servers, fault = await self._servers()
        logs: list[ServerLog] = []
        for server in servers:
            try:
                logs.append(await server_log.look(self._shards, server))
            except errors.StoreFault as failed:
                fault = failed
        return _Found([log for log in logs if log.is_kept], fault)

    def _ripe(self) -> frozenset[str]:
        """Return the servers to rewrite now: while one fails, the others keep their own time."""
        since = self._clock() - self._options.rewrite_after_seconds / 2
        ripe = {run_id for run_id, moment in self._dirty.items() if moment <= since}
        return frozenset((ripe | self._grown) or self._dirty)

    async def _rewrite_at(self, server: Address, ripe: frozenset[str], *, is_copied: bool) -> _End:
        try:
            async with asyncio.timeout(REWRITE_SECONDS_MAX):
                before = await server_log.look(self._shards, server)
                if not before.is_idle:
                    return _End.BUSY
                if before.run_id not in ripe or await self._was_rewritten(before):
                    return _End.NOT_DUE
                # It may have come after this relay's start.
                await refuse_unfit(
                    self._shards, server, self._options.durability, is_copied=is_copied
                )
                await backlog.overwrite(self._shards, server)
                await backlog.collect(self._shards, server)
                began, before = self._clock(), await server_log.look(self._shards, server)
                if not before.is_idle:
                    return _End.BUSY
                await self._shards.ask_server(server, b"BGREWRITEAOF")
                after = await self._idle(server)
        except TimeoutError:
            raise ServerError("a server does not end the rewrite of its log") from None
        if not after.is_whole or after.run_id != before.run_id:
            raise ServerError("a server could not rewrite its log: look at its disk")
        # Rounded down: not even by half a millisecond later than it was.
        written = f"{math.floor(began * 1_000) / 1_000:.3f} {before.mark}"
        await self._shards.ask(
            *(STORE_KEY, b"EVAL", _NOTE, 1, STORE_KEY, _field(before), written.encode())
        )
        return _End.DONE

    async def _was_rewritten(self, log: ServerLog) -> bool:
        """Whether another relay has had what was deleted here taken out since this one looked."""
        mark, rewritten = (await self._clean_marks()).get(log.run_id, ("", 0.0))
        is_later = self._dirty.get(log.run_id, rewritten) < rewritten <= self._clock()
        return log.mark == mark or is_later

    def _note_dirty(self, run_id: str, now: float, rewritten: float, taken_out: float) -> bool:
        """Keep since when deleted bytes are in a log; whether older ones have left it."""
        known = self._dirty.get(run_id)
        since = self._seen_clean.get(run_id, rewritten) if known is None else known
        # Never in the future: a clock may have been ahead, here or at another relay.
        since = self._dirty[run_id] = min(max(since, taken_out), now)
        return known is not None and since > known

    async def _idle(self, server: Address) -> ServerLog:
        """Wait until the server rewrites nothing, and return how its log stands."""
        while not (log := await server_log.look(self._shards, server)).is_idle:  # noqa: ASYNC110 - no event of ours
            await asyncio.sleep(REWRITE_LOOK_SECONDS)
        return log

    async def _clean_marks(self) -> dict[str, tuple[str, float]]:
        """Return mark and time of each server's last rewrite, by run id."""
        found = answers.fields(await self._shards.ask(STORE_KEY, b"HGETALL", STORE_KEY))
        marks: dict[str, tuple[str, float]] = {}
        for name, value in found.items():
            if name.startswith(_CLEAN):
                began, _, mark = value.decode().partition(" ")
                marks[name.removeprefix(_CLEAN).decode()] = mark, float(began)
        return marks

    async def _drop_marks_of_others(self) -> None:
        """Forget servers that are gone; one that comes back is rewritten once more."""
        found = await self._ask_all()
        gone = (await self._clean_marks()).keys() - {log.run_id for log in found.logs}
        if gone and found.fault is None:
            names = (_CLEAN + run_id.encode() for run_id in gone)
            await self._shards.ask(STORE_KEY, b"HDEL", STORE_KEY, *names)

    def _forget_but(self, run_ids: set[str]) -> None:
        self._grown &= run_ids
        for known in (self._dirty, self._seen_clean, self._seen):
            for run_id in known.keys() - run_ids:
                del known[run_id]


class _End(Enum):
    """How it went with one server."""

    DONE = auto()
    NOT_DUE = auto()
    BUSY = auto()


@dataclass(frozen=True, slots=True)
class _Found:
    """The logs that are kept, and why one server could not be asked."""

    logs: list[ServerLog]
    fault: errors.StoreFault | None


def _field(log: ServerLog) -> bytes:
    return _CLEAN + log.run_id.encode()


def _earliest(moments: Iterable[float | None]) -> float | None:
    return min((moment for moment in moments if moment is not None), default=None)
