"""Stores with one bug each, which the store machine must find.

Each is the real store with one thing done wrong, as a slip of the pen would do it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from hushpost_store import admission, memory_accounts
from hushpost_store.admission import MailboxState, Refused
from hushpost_store.interface import SubmissionListener
from hushpost_store.memory import MemoryStore
from hushpost_store.rows import (
    Admitted,
    OpenedMailbox,
    PrekeyBundle,
    QueuedEnvelope,
    Submission,
    SweepReport,
)
from hushpost_store.sqlite import drops as sqlite_drops
from hushpost_store.sqlite import prekeys as sqlite_prekeys
from hushpost_store.sqlite.options import SqliteOptions
from hushpost_store.sqlite.store import SqliteStore
from hushpost_store.sqlite.writer import Writer

from tests.model.store_machine import QUOTAS
from tests.model.store_model import HOUR

# One table for both sizes of envelopes; no checkpoint while files are copied.
OPTIONS = SqliteOptions(bucket_sizes=(64,), checkpoint_seconds=3_600)


def _nothing(*_: object) -> None:
    """Stand in for a step that is forgotten."""


class _ForgetsEpochs(MemoryStore):
    """Any epoch may acknowledge."""

    def acknowledge(self, route: bytes, epoch: int, sequences: Sequence[int], now: float) -> None:
        mailbox = self._mailboxes.get(route)
        super().acknowledge(route, mailbox.epoch if mailbox is not None else 0, sequences, now)


class _ExpiresEarly(MemoryStore):
    """Sweeps what has another hour to live."""

    async def sweep(self, now: float) -> SweepReport:
        return await super().sweep(now + HOUR)


class _ServesExpired(MemoryStore):
    """Delivers what has expired and was not swept yet."""

    async def read_backlog(
        self, route: bytes, epoch: int, *, after_sequence: int, limit: int, now: float
    ) -> list[QueuedEnvelope]:
        return await super().read_backlog(
            route, epoch, after_sequence=after_sequence, limit=limit, now=now - 24 * HOUR
        )


class _DropsLastOfPage(MemoryStore):
    """Forgets the last envelope of a full page."""

    async def read_backlog(
        self, route: bytes, epoch: int, *, after_sequence: int, limit: int, now: float
    ) -> list[QueuedEnvelope]:
        rows = await super().read_backlog(
            route, epoch, after_sequence=after_sequence, limit=limit + 1, now=now
        )
        return rows if len(rows) <= limit else [*rows[: limit - 1], rows[limit]]


class _ForgetsNotices(MemoryStore):
    """Tells of what expired once, seen or not."""

    async def open_mailbox(self, route: bytes, now: float) -> OpenedMailbox:
        opened = await super().open_mailbox(route, now)
        self._mailboxes[route].notices.clear()
        return opened


class _RevokesNothing(MemoryStore):
    """Lets a revoked drop post on."""

    async def revoke_drop(self, route: bytes, drop_hash: bytes) -> None:
        self._mailbox(route)


class _RevokesUntilRestart(SqliteStore):
    """Revokes in memory alone."""

    async def revoke_drop(self, route: bytes, drop_hash: bytes) -> None:
        with patch.object(sqlite_drops, "delete", _nothing):
            await super().revoke_drop(route, drop_hash)


class _Hasty:
    """A listener that is told `committed` with `admitted`."""

    def __init__(self, listener: SubmissionListener) -> None:
        self.refused = listener.refused
        self._listener = listener

    def admitted(self, admitted: Admitted) -> None:
        self._listener.admitted(admitted)
        self._listener.committed()

    def committed(self) -> None:
        pass

    def failed(self) -> None:
        pass


class _AcceptsBeforeCommit(SqliteStore):
    """Says committed when it is not."""

    def submit(self, submission: Submission, listener: SubmissionListener, now: float) -> None:
        super().submit(submission, _Hasty(listener), now)


class _DeletesNothing(SqliteStore):
    """Acknowledges in memory alone: after a restart, all is delivered again."""

    def acknowledge(self, route: bytes, epoch: int, sequences: Sequence[int], now: float) -> None:
        with patch.object(Writer, "delete", _nothing):
            super().acknowledge(route, epoch, sequences, now)


@contextmanager
def once_drops_used_again() -> Generator[None]:
    """Leave a one-use drop open after its envelope."""
    with patch.object(admission, "_decide_once", _nothing):
        yield


@contextmanager
def duplicates_queued() -> Generator[None]:
    """Queue an envelope again that is queued already."""
    decide = admission.decide

    def forgetful(
        mailbox: MailboxState | None, submission: Submission, now: float, quotas: object
    ) -> Admitted | Refused:
        decision = decide(mailbox, submission, now, QUOTAS)
        if isinstance(decision, Admitted) and decision.duplicate and mailbox is not None:
            return Admitted(mailbox.next_sequence, duplicate=False)
        return decision

    with patch.object(admission, "decide", forgetful):
        yield


@contextmanager
def prekeys_handed_out_twice() -> Generator[None]:
    """Keep a one-time record that was handed out."""
    take: Callable[..., PrekeyBundle] = memory_accounts.PrekeyShelf.take

    def keeping(self: memory_accounts.PrekeyShelf, *rest: Any, **named: Any) -> PrekeyBundle:
        kept = dict(self.one_time)
        bundle = take(self, *rest, **named)
        self.one_time.update(kept)
        return bundle

    with patch.object(memory_accounts.PrekeyShelf, "take", keeping):
        yield


@contextmanager
def taken_prekeys_come_back() -> Generator[None]:
    """Delete a record that was handed out with its id, so that the batch brings it back."""
    with patch.object(sqlite_prekeys, "_take_one", _take_without_trace):
        yield


_take_one = sqlite_prekeys._take_one  # pyright: ignore[reportPrivateUsage]  # what the variant is made of


def _take_without_trace(connection: sqlite3.Connection, *rest: Any, **named: Any) -> PrekeyBundle:
    take: Callable[..., PrekeyBundle] = _take_one
    bundle = take(connection, *rest, **named)
    connection.execute("DELETE FROM one_time_prekey WHERE record IS NULL")
    return bundle


@contextmanager
def knocks_refilled_by_reading() -> Generator[None]:
    """Count only the knocks that wait."""
    forget = admission.forget

    def refilling(mailbox: MailboxState, sequence: int) -> admission.Place | None:
        place = forget(mailbox, sequence)
        if place is not None:
            mailbox.knocks = max(0, mailbox.knocks - 1)
        return place

    with patch.object(admission, "forget", refilling):
        yield


@contextmanager
def no_slip() -> Generator[None]:
    """Change nothing beyond the class."""
    yield


def off_by_one() -> MemoryStore:
    """Take one envelope more than a drop may hold."""
    return MemoryStore(replace(QUOTAS, drop_envelopes_max=QUOTAS.drop_envelopes_max + 1))


def _memory(kind: type[MemoryStore]) -> Callable[[], MemoryStore]:
    return lambda: kind(QUOTAS)


def _sqlite(kind: type[SqliteStore]) -> Callable[[Path], SqliteStore]:
    return lambda path: kind(path, QUOTAS, OPTIONS)


IN_MEMORY = {
    "any epoch may acknowledge": (_memory(_ForgetsEpochs), no_slip),
    "the unexpired is swept": (_memory(_ExpiresEarly), no_slip),
    "the expired is delivered": (_memory(_ServesExpired), no_slip),
    "the last of a page is dropped": (_memory(_DropsLastOfPage), no_slip),
    "a notice is forgotten unseen": (_memory(_ForgetsNotices), no_slip),
    "a revoked drop still posts": (_memory(_RevokesNothing), no_slip),
    "a quota is off by one": (off_by_one, no_slip),
    "a one-use drop is used twice": (_memory(MemoryStore), once_drops_used_again),
    "a duplicate is queued": (_memory(MemoryStore), duplicates_queued),
    "a prekey is handed out twice": (_memory(MemoryStore), prekeys_handed_out_twice),
    "reading refills the knocks": (_memory(MemoryStore), knocks_refilled_by_reading),
}
IN_FILES = {
    "accepted before the commit": (_sqlite(_AcceptsBeforeCommit), no_slip),
    "a revoked drop posts after a restart": (_sqlite(_RevokesUntilRestart), no_slip),
    "the acknowledged comes back after a restart": (_sqlite(_DeletesNothing), no_slip),
    "a taken prekey comes back with its batch": (_sqlite(SqliteStore), taken_prekeys_come_back),
}
REAL_IN_MEMORY = _memory(MemoryStore)
REAL_IN_FILES = _sqlite(SqliteStore)
