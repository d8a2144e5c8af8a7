"""A store that commits when it is told to, fails when it is told to, and survives its relay.

A memory store in which what was admitted and not committed is lost with the process, as in one
that writes to a disk; without a disk, and without a thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from hushpost_store import admission
from hushpost_store.interface import SubmissionListener
from hushpost_store.memory import MemoryStore
from hushpost_store.quotas import Quotas
from hushpost_store.rows import Admitted, OpenedMailbox, QueuedEnvelope, Refusal, Submission


@dataclass(eq=False)
class _Pending:
    submission: Submission
    sequence: int
    life_end: int
    listeners: list[SubmissionListener]


@dataclass
class _Catcher:
    """Passes everything on but `committed`, which it keeps."""

    listener: SubmissionListener
    place: Admitted | None = None

    def refused(self, reason: Refusal, retry_after: int) -> None:
        self.listener.refused(reason, retry_after)

    def admitted(self, admitted: Admitted) -> None:
        self.place = admitted

    def committed(self) -> None:
        pass

    def failed(self) -> None:
        self.listener.failed()


class SlowStore(MemoryStore):
    """`held`: commit only when told. `turns`: how many turns of the loop a read takes."""

    def __init__(self, quotas: Quotas) -> None:
        super().__init__(quotas)
        self.held = False
        self.turns = 1
        self._pending: dict[tuple[bytes, int], _Pending] = {}

    async def close(self) -> None:
        """Commit and keep everything."""
        self.commit()

    def crash(self) -> None:
        """Lose what was not committed, and every login."""
        for pending in self._pending.values():
            self._undo(pending)
        self._pending.clear()
        for mailbox in self._mailboxes.values():
            mailbox.epoch = 0

    def commit(self) -> None:
        """Make everything durable and say so."""
        waiting, self._pending = self._pending, {}
        for pending in waiting.values():
            for listener in pending.listeners:
                listener.committed()

    def fail(self) -> None:
        """Fail everything that waits to be committed."""
        waiting, self._pending = self._pending, {}
        for pending in waiting.values():
            self._undo(pending)
            for listener in pending.listeners:
                listener.failed()

    def submit(self, submission: Submission, listener: SubmissionListener, now: float) -> None:
        """See `MailboxStore`."""
        mailbox = self._mailboxes.get(submission.route)
        drop = mailbox.state.drops.get(submission.drop_hash) if mailbox is not None else None
        life_end = drop.life_end if drop is not None else 0
        catcher = _Catcher(listener)
        super().submit(submission, catcher, now)
        place = catcher.place
        if place is None:
            return
        key = (submission.route, place.sequence)
        known = self._pending.get(key)
        if known is not None:
            known.listeners.append(listener)
        elif place.sequence and not place.duplicate:
            self._pending[key] = _Pending(submission, place.sequence, life_end, [listener])
        listener.admitted(place)
        if key not in self._pending:
            listener.committed()
        elif not self.held:
            asyncio.get_running_loop().call_soon(self.commit)

    def acknowledge(self, route: bytes, epoch: int, sequences: Sequence[int], now: float) -> None:
        """See `MailboxStore`; what was not committed is withdrawn."""
        super().acknowledge(route, epoch, sequences, now)
        for key in [(route, sequence) for sequence in sequences]:
            mailbox = self._mailboxes.get(route)
            if mailbox is not None and key[1] not in mailbox.queue:
                pending = self._pending.pop(key, None)
                for listener in pending.listeners if pending is not None else ():
                    listener.committed()

    async def open_mailbox(self, route: bytes, now: float) -> OpenedMailbox:
        """See `MailboxStore`; the answer takes its time."""
        await self._wait()
        opened = await super().open_mailbox(route, now)
        await self._wait()
        return opened

    async def read_backlog(
        self, route: bytes, epoch: int, *, after_sequence: int, limit: int, now: float
    ) -> list[QueuedEnvelope]:
        """See `MailboxStore`; the answer takes its time."""
        rows = await super().read_backlog(
            route, epoch, after_sequence=after_sequence, limit=limit, now=now
        )
        await self._wait()
        return rows

    async def _wait(self) -> None:
        for _ in range(self.turns):
            await asyncio.sleep(0)

    def _undo(self, pending: _Pending) -> None:
        mailbox = self._mailboxes.get(pending.submission.route)
        if mailbox is not None and mailbox.queue.pop(pending.sequence, None) is not None:
            admission.undo(mailbox.state, pending.submission, pending.sequence, pending.life_end)
