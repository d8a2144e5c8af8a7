"""Commits that wait until they are told (docs/spec/store.md, "Holding commits").

For the quiet profile: what is acknowledged while it is held never reaches the disk, and every
commit costs one sync, whether anything is left to write or not.
"""

from __future__ import annotations

import sqlite3

from hushpost_store.admission import DROP_REF_BYTES, HOUR_SECONDS, MailboxState
from hushpost_store.rows import QueuedEnvelope
from hushpost_store.sqlite.group import Entry
from hushpost_store.sqlite.intake import Intake, KeptBack
from hushpost_store.sqlite.writer import Writer


class SqliteCommitHold:
    """The `CommitHold` of the SQLite store."""

    def __init__(self, writer: Writer, intake: Intake) -> None:
        self._writer = writer
        self._intake = intake
        self._cut_off = KeptBack()

    @property
    def is_empty(self) -> bool:
        """See `CommitHold`."""
        return self._writer.holds_nothing

    def begin(self) -> None:
        """See `CommitHold`."""
        self._writer.hold()

    async def decided(self) -> None:
        """See `CommitHold`."""
        # Mailboxes are loaded by jobs; this one has its turn after all of them.
        await self._writer.run(_nothing)

    def cut(self) -> None:
        """See `CommitHold`."""
        self._writer.cut()
        kept, self._intake.kept_back = self._intake.kept_back, KeptBack()
        for slot, entries in kept.entries.items():
            self._cut_off.entries.setdefault(slot, []).extend(entries)
        self._cut_off.unerased += kept.unerased

    async def commit(self) -> None:
        """See `CommitHold`."""
        written, self._cut_off = self._cut_off, KeptBack()
        self._writer.let_go()
        try:
            await self._writer.run(_touch)
        finally:
            for mailbox in written.unerased:
                mailbox.pins -= 1

    def kept_back(self, mailbox: MailboxState, after_sequence: int) -> list[Entry]:
        """Return what a read that is asked for now will not find on the disk."""
        slot = mailbox.slot
        entries = (
            *self._cut_off.entries.get(slot, ()),
            *self._intake.kept_back.entries.get(slot, ()),
        )
        return [entry for entry in entries if entry.sequence > after_sequence]

    def completed(
        self,
        mailbox: MailboxState,
        rows: list[QueuedEnvelope],
        kept_back: list[Entry],
        *,
        limit: int,
        now: float,
    ) -> list[QueuedEnvelope]:
        """Return what was read with what was kept back behind it, less what was acknowledged."""
        places = mailbox.places
        whole = [row for row in rows if row.sequence in places]
        # A full page ends before anything that is held: sequences rise in the order of commits.
        if len(rows) < limit:
            whole += [
                _queued(entry)
                for entry in kept_back
                if entry.sequence in places and entry.submission.not_after * HOUR_SECONDS > now
            ]
        return whole[:limit]


def _queued(entry: Entry) -> QueuedEnvelope:
    submission = entry.submission
    return QueuedEnvelope(
        entry.sequence,
        submission.envelope_id,
        submission.drop_hash[:DROP_REF_BYTES],
        submission.not_after,
        submission.envelope,
    )


def _nothing(_: sqlite3.Connection) -> None:
    """Take a turn in the queue."""


def _touch(connection: sqlite3.Connection) -> None:
    """Have the transaction write a page, so that its commit syncs: the header as it stands."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    connection.execute(f"PRAGMA user_version = {version}")
