"""The hot path: envelopes in, acknowledgements in (docs/spec/store.md, "Admission").

Decides from the cache, hands rows to the writer, and tells listeners. What is pending is known by
the key of its row, so that a repetition joins it and an acknowledgement withdraws it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from hushpost_store import admission, errors
from hushpost_store.admission import DROP_REF_BYTES, MailboxState
from hushpost_store.interface import SubmissionListener
from hushpost_store.quotas import Quotas
from hushpost_store.rows import Admitted, DropKind, Refusal, Submission
from hushpost_store.sqlite.drops import COUNT_KNOCK_SQL, USE_ONCE_SQL
from hushpost_store.sqlite.group import Entry, Statement
from hushpost_store.sqlite.mailbox_cache import NOT_LOADED, Absent, MailboxCache
from hushpost_store.sqlite.mailboxes import SEQUENCE_BITS, row_id
from hushpost_store.sqlite.writer import Writer

# What RETRY proposes: a group is committed many times within a second.
RETRY_SECONDS: Final = 1

_CONTACT: Final = DropKind.CONTACT

Held = tuple[Submission, SubmissionListener, float]


@dataclass(slots=True)
class KeptBack:
    """What the writer holds: not on the disk yet, and not to be looked for there."""

    entries: dict[int, list[Entry]] = field(default_factory=dict[int, list[Entry]])
    """Envelopes, by mailbox (its slot)."""
    unerased: list[MailboxState] = field(default_factory=list[MailboxState])
    """Whose deletions are held; they stay pinned."""


class Intake:
    """Decides, sequences, queues and withdraws."""

    def __init__(self, cache: MailboxCache, quotas: Quotas) -> None:
        self._cache = cache
        self._quotas = quotas
        self._pending: dict[int, Entry] = {}
        self.kept_back = KeptBack()
        self._held: dict[bytes, list[Held]] = {}
        self._held_bytes = 0
        self._buckets: tuple[int, ...] = ()
        self._bucket_of: dict[int, int] = {}
        self._writer: Writer | None = None
        self.queued_envelopes = 0
        self.queued_bytes = 0
        self.withdrawn = 0

    def start(self, writer: Writer, buckets: tuple[int, ...]) -> None:
        """Begin to take envelopes for the tables that exist."""
        self._writer = writer
        self._buckets = buckets
        self._bucket_of.clear()

    def submit(self, submission: Submission, listener: SubmissionListener, now: float) -> bool:
        """Take one submission; True where it waits for its mailbox to be loaded."""
        mailbox = self._cache.get(submission.route)
        if mailbox is NOT_LOADED:
            return self._hold(submission, listener, now)
        self._decide(mailbox, submission, listener, now)
        return False

    def release(self, route: bytes) -> None:
        """Decide about what was held until its mailbox was loaded, in order."""
        mailbox = self._cache.get(route)
        for submission, listener, now in self._held.pop(route, ()):
            self._held_bytes -= len(submission.envelope)
            if mailbox is NOT_LOADED:
                listener.refused(Refusal.RETRY, RETRY_SECONDS)
            else:
                self._decide(mailbox, submission, listener, now)

    def acknowledge(self, mailbox: MailboxState, sequences: Sequence[int], now: float) -> None:
        """Delete what was acknowledged; withdraw what was not committed yet."""
        writer = self._live_writer()
        pending = self._pending
        base = mailbox.slot << SEQUENCE_BITS
        gone: dict[int, list[int]] = {}
        count = 0
        stored_bytes = 0
        for sequence in sequences:
            place = admission.forget(mailbox, sequence)
            if place is None:
                continue
            size = place[2]
            bucket = self._bucket_of.get(size) or self._bucket(size)
            count += 1
            stored_bytes += bucket
            key = base | sequence
            entry = pending.pop(key, None)
            if entry is not None:
                self._withdraw(entry, key, now)
            elif bucket in gone:
                gone[bucket].append(key)
            else:
                gone[bucket] = [key]
        self._cache.entries -= count
        self.count_out(stored_bytes, count)
        for bucket, keys in gone.items():
            writer.delete(bucket, keys, now)
        if gone and writer.is_holding:
            # Loaded anew from the disk it would have them again.
            mailbox.pins += 1
            self.kept_back.unerased.append(mailbox)

    def count_out(self, stored_bytes: int, envelopes: int = 1) -> None:
        """Note that envelopes left the store."""
        self.queued_envelopes -= envelopes
        self.queued_bytes -= stored_bytes

    def expired(self, route: bytes, sequence: int, stored_bytes: int) -> None:
        """Note that an envelope's row was swept away, unless it was acknowledged meanwhile."""
        mailbox = self._cache.peek(route)
        if mailbox is not None:
            if admission.forget(mailbox, sequence) is None:
                return
            self._cache.entries -= 1
        self.count_out(stored_bytes)

    def finished(self, entry: Entry) -> None:
        """Tell an entry's listeners what its commit came to."""
        self._pending.pop(entry.row[0], None)
        entry.mailbox.pins -= 1
        if entry.failed:
            if not entry.mailbox.gone:
                self._cache.entries -= 1
            self.count_out(entry.bucket)
            admission.undo(entry.mailbox, entry.submission, entry.sequence, entry.life_end_before)
            for listener in entry.listeners:
                listener.failed()
            return
        for listener in entry.listeners:
            listener.committed()

    def _decide(
        self,
        mailbox: MailboxState | Absent,
        submission: Submission,
        listener: SubmissionListener,
        now: float,
    ) -> None:
        known = mailbox if isinstance(mailbox, MailboxState) else None
        decision = admission.decide(known, submission, now, self._quotas)
        if not isinstance(decision, Admitted):
            listener.refused(decision.reason, decision.retry_after)
            return
        if known is None or not decision.sequence:
            listener.admitted(decision)
            listener.committed()
        elif decision.duplicate:
            self._join(known, decision, listener)
        else:
            self._enqueue(known, submission, decision, listener, now)

    def _join(
        self, mailbox: MailboxState, decision: Admitted, listener: SubmissionListener
    ) -> None:
        entry = self._pending.get(row_id(mailbox.slot, decision.sequence))
        if entry is not None:
            entry.listeners.append(listener)
        listener.admitted(decision)
        if entry is None:
            listener.committed()

    def _enqueue(
        self,
        mailbox: MailboxState,
        submission: Submission,
        decision: Admitted,
        listener: SubmissionListener,
        now: float,
    ) -> None:
        _, drop_hash, envelope_id, _, not_after, envelope = submission
        size = len(envelope)
        writer = self._writer or self._live_writer()
        bucket = self._bucket_of.get(size) or self._bucket(size)
        if not bucket or not writer.has_room(bucket):
            listener.refused(Refusal.RETRY, RETRY_SECONDS)
            return
        sequence = decision.sequence
        life_end_before = mailbox.drops[drop_hash].life_end
        kind = admission.admit(mailbox, submission, sequence, now)
        mailbox.pins += 1
        self._cache.entries += 1
        self.queued_envelopes += 1
        self.queued_bytes += bucket
        key = mailbox.slot << SEQUENCE_BITS | sequence
        padded = envelope if size == bucket else envelope.ljust(bucket, b"\0")
        entry = Entry(
            bucket,
            (key, not_after, envelope_id, drop_hash[:DROP_REF_BYTES], size, padded),
            () if kind is _CONTACT else _beside(kind, mailbox, submission),
            mailbox,
            submission,
            sequence,
            life_end_before,
            [listener],
        )
        self._pending[key] = entry
        if writer.is_holding:
            self.kept_back.entries.setdefault(mailbox.slot, []).append(entry)
        writer.enqueue(entry)
        listener.admitted(decision)

    def _withdraw(self, entry: Entry, key: int, now: float) -> None:
        writer = self._live_writer()
        if entry.taken:
            # Being committed at this moment: the row may come to be, so it must be deleted.
            writer.delete(entry.bucket, (key,), now)
        else:
            self.withdrawn += 1
            if entry.beside:
                writer.write_beside(entry.beside)
        writer.release(entry)
        entry.mailbox.pins -= 1
        for listener in entry.listeners:
            listener.committed()

    def _hold(self, submission: Submission, listener: SubmissionListener, now: float) -> bool:
        size = len(submission.envelope)
        if not self._live_writer().has_room(self._held_bytes + size):
            listener.refused(Refusal.RETRY, RETRY_SECONDS)
            return False
        self._held_bytes += size
        self._held.setdefault(submission.route, []).append((submission, listener, now))
        return True

    def _bucket(self, size: int) -> int:
        """Return the table for an envelope of this size, or 0 if it fits in none."""
        bucket = self._bucket_of.get(size)
        if bucket is None:
            bucket = next((b for b in self._buckets if b >= size), 0)
            self._bucket_of[size] = bucket
        return bucket

    def _live_writer(self) -> Writer:
        if self._writer is None:
            raise errors.StoreClosed("the store is not open")
        return self._writer


def _beside(kind: DropKind, mailbox: MailboxState, submission: Submission) -> tuple[Statement, ...]:
    if kind is DropKind.ONCE:
        used = (submission.envelope_id, submission.not_after, mailbox.slot, submission.drop_hash)
        return ((USE_ONCE_SQL, used),)
    return ((COUNT_KNOCK_SQL, (mailbox.knock_day, mailbox.knocks, mailbox.slot)),)
