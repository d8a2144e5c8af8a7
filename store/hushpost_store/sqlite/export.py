"""Reading a whole SQLite store, account by account, while nobody writes to it.

docs/spec/store.md, "Moving". Holds the lock that a relay would take. Every row is held against its
digest; one that is damaged is refused with its account, never passed over in silence.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, Final, TypeVar

from hushpost_store import errors
from hushpost_store.contents import (
    GATHERING,
    PAGE_ENVELOPES,
    AccountContents,
    KeptDrop,
    KeptPrekey,
    KeptStanding,
    MailboxContents,
    QueuedThrough,
)
from hushpost_store.rows import DeviceRow, DropKind, ExpiredDrop, ExpiredNotice, QueuedEnvelope
from hushpost_store.sqlite import accounts, mailboxes, schema
from hushpost_store.sqlite.database import FileLock, fault, lock_of
from hushpost_store.sqlite.inventory import (
    ACCOUNT,
    DROP,
    ENVELOPE_TABLE_PREFIX,
    EXPIRED,
    MAILBOX,
    ONE_TIME_PREKEY,
    STANDING_RECORD,
    Table,
)
from hushpost_store.sqlite.log_inspection import LogState, inspect_log
from hushpost_store.sqlite.mailboxes import SEQUENCE_MASK, row_id
from hushpost_store.sqlite.migration_mark import MigrationMark, mark_in, write_mark
from hushpost_store.sqlite.row_digest import Damage, install

T = TypeVar("T")

_NO_HOUR: Final = -1
"""Before the end of any envelope: all are read, also those that have expired meanwhile."""


class SqliteExport:
    """An open database; see `opened`. One operation at a time, in a thread beside the loop."""

    def __init__(self, connection: sqlite3.Connection, damage: Damage) -> None:
        self._connection = connection
        self._damage = damage
        self._turn = asyncio.Lock()
        self._buckets = schema.envelope_buckets(connection)

    async def mark(self) -> MigrationMark | None:
        """Return how far its mail has moved already."""
        return await self._run(mark_in)

    async def set_mark(self, mark: MigrationMark | None) -> None:
        """Say how far its mail has moved; durable on return."""
        await self._run(lambda connection: write_mark(connection, mark))

    async def generation(self) -> bytes:
        """Return the generation of the store."""
        found = await self._run(
            lambda c: c.execute("SELECT value FROM store_meta WHERE name = 'generation'").fetchone()
        )
        return bytes(found[0])

    async def totals(self) -> tuple[int, int]:
        """Count the accounts and the envelopes."""
        tables = [f"{ENVELOPE_TABLE_PREFIX}{bucket}" for bucket in self._buckets]

        def count(connection: sqlite3.Connection) -> tuple[int, int]:
            queued = [_one(connection, f"SELECT count(*) FROM {name}") for name in tables]  # noqa: S608 - names of ours
            return _one(connection, f"SELECT count(*) FROM account {_SERVED}"), sum(queued)  # noqa: S608 - names of ours

        return await self._run(count, is_strict=False)

    async def account_ids(self, after: bytes, limit: int) -> list[bytes]:
        """Return the next accounts in the order of their ids; b"" comes before all."""
        rows = await self._run(
            lambda connection: connection.execute(
                f"SELECT account_id FROM account {_SERVED} AND account_id > ?"  # noqa: S608 - names of ours
                " ORDER BY account_id LIMIT ?",
                (after, limit),
            ).fetchall(),
            is_strict=False,
        )
        return [row[0] for row in rows]

    async def account(self, account_id: bytes) -> AccountContents | None:
        """See `Exporting`."""
        return await self._run(lambda connection: _account(connection, account_id))

    async def mailbox(self, account_id: bytes, device: DeviceRow) -> MailboxContents | None:
        """See `Exporting`."""
        return await self._run(
            lambda connection: _mailbox(connection, account_id, device, self._buckets)
        )

    async def envelopes(self, route: bytes, after_sequence: int) -> list[QueuedEnvelope]:
        """See `Exporting`."""

        def read(connection: sqlite3.Connection) -> list[QueuedEnvelope]:
            found = connection.execute(
                "SELECT slot FROM mailbox WHERE route = ?", (route,)
            ).fetchone()
            if found is None:
                return []
            return mailboxes.read_backlog(
                connection,
                found[0],
                self._buckets,
                after_sequence=after_sequence,
                limit=PAGE_ENVELOPES,
                hour=_NO_HOUR,
            )

        return await self._run(read)

    async def _run(
        self, function: Callable[[sqlite3.Connection], T], *, is_strict: bool = True
    ) -> T:
        async with self._turn:
            # Anew for each operation: a row that is met again is noted again.
            self._damage.rows.clear()
            try:
                found = await asyncio.to_thread(function, self._connection)
            except sqlite3.Error as error:
                raise fault(error) from error
            if is_strict and self._damage.count:
                raise errors.StoreDamaged("rows of this account are not what was written")
            return found


@asynccontextmanager
async def opened(path: Path) -> AsyncGenerator[SqliteExport]:
    """Open a database of the present version that no relay has open, and keep every relay away.

    Raises StoreInUse, StoreDamaged, StoreFault.
    """
    _require_file(path)
    lock = FileLock(lock_of(path))
    lock.take()
    try:
        if await asyncio.to_thread(inspect_log, path) is LogState.DAMAGED:
            raise errors.StoreDamaged("its write-ahead log is damaged in the middle")
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        with closing(connection):
            damage = Damage()
            install(connection, damage)
            for statement in ("PRAGMA secure_delete = ON", "PRAGMA synchronous = FULL"):
                connection.execute(statement)
            schema.migrate(connection, ())
            yield SqliteExport(connection, damage)
    except sqlite3.Error as error:
        raise fault(error) from error
    finally:
        lock.release()


# A damaged mark of deletion deletes nothing: such an account is read, and found damaged.
_SERVED: Final = f"WHERE NOT (deleting AND {ACCOUNT.intact()})"


def _account(connection: sqlite3.Connection, account_id: bytes) -> AccountContents | None:
    account = accounts.load(connection, account_id)
    if account is None:
        return None
    prekeys = _intact_rows(
        connection,
        ONE_TIME_PREKEY,
        "device_id, prekey_id, expiry_day, record",
        "account_id = ? ORDER BY device_id, prekey_id",
        account_id,
    )
    standing = _intact_rows(
        connection,
        STANDING_RECORD,
        "device_id, kind, expiry_day, record",
        "account_id = ? ORDER BY device_id, kind",
        account_id,
    )
    known = {device.device_id for device in account.devices}
    if any(row[0] not in known for row in (*prekeys, *standing)):
        raise errors.StoreDamaged("prekeys of a device that the account does not name")
    return AccountContents(
        account,
        accounts.lists(connection, account_id, -1),
        tuple(KeptPrekey(*row) for row in prekeys),
        tuple(KeptStanding(*row) for row in standing),
    )


def _mailbox(
    connection: sqlite3.Connection, account_id: bytes, device: DeviceRow, buckets: tuple[int, ...]
) -> MailboxContents | None:
    found = _intact_rows(
        connection, MAILBOX, "slot, knock_day, knocks, notices_closed", "route = ?", device.route
    )
    if not found:
        return None
    slot, knock_day, knocks, closed = found[0]
    drops = _intact_rows(
        connection,
        DROP,
        "drop_hash, kind, life_end, used_by",
        "slot = ? ORDER BY drop_hash",
        slot,
    )
    through, last, earliest, latest = _queued(connection, slot, buckets)
    return MailboxContents(
        route=device.route,
        account_id=account_id,
        device_id=device.device_id,
        last_sequence=last,
        knock_day=knock_day,
        knocks=knocks,
        notices_closed=closed,
        drops=tuple(KeptDrop(row[0], DropKind(row[1]), row[2], row[3]) for row in drops),
        expired=_expired(connection, slot, closed),
        through=through,
        earliest=earliest,
        latest=latest,
    )


def _expired(connection: sqlite3.Connection, slot: int, closed: int) -> tuple[ExpiredNotice, ...]:
    notices: dict[int, list[ExpiredDrop]] = {}
    for number, drop_ref, envelopes in _intact_rows(
        connection,
        EXPIRED,
        "notice_id, drop_ref, envelopes",
        "slot = ? ORDER BY notice_id, drop_ref",
        slot,
    ):
        known = number if number <= closed else GATHERING
        notices.setdefault(known, []).append(ExpiredDrop(drop_ref, envelopes))
    return tuple(ExpiredNotice(number, tuple(notices[number])) for number in sorted(notices))


def _queued(
    connection: sqlite3.Connection, slot: int, buckets: tuple[int, ...]
) -> tuple[tuple[QueuedThrough, ...], int, int, int]:
    """Return what is queued by drop, the last sequence, and the hours of the first and last end."""
    counts: dict[bytes, tuple[int, int]] = {}
    last, ends = 0, list[int]()
    span = (row_id(slot, 0), row_id(slot, SEQUENCE_MASK))
    for bucket in buckets:
        rows = connection.execute(
            "SELECT drop_ref, count(*), sum(envelope_bytes), max(id), min(not_after),"  # noqa: S608 - names of ours
            f" max(not_after) FROM {ENVELOPE_TABLE_PREFIX}{bucket}"
            " WHERE id BETWEEN ? AND ? GROUP BY drop_ref",
            span,
        )
        for drop_ref, envelopes, size, number, first_end, last_end in rows:
            known = counts.get(drop_ref, (0, 0))
            counts[drop_ref] = (known[0] + envelopes, known[1] + size)
            last = max(last, number & SEQUENCE_MASK)
            ends += (first_end, last_end)
    through = tuple(QueuedThrough(ref, *counts[ref]) for ref in sorted(counts))
    return through, last, min(ends, default=0), max(ends, default=0)


def _intact_rows(
    connection: sqlite3.Connection, table: Table, columns: str, condition: str, *values: object
) -> list[tuple[Any, ...]]:
    """Return rows, each held against its digest; a damaged one is noted by the function."""
    rows: list[tuple[Any, ...]] = connection.execute(
        f"SELECT {columns}, {table.intact()} FROM {table.name} WHERE {condition}",  # noqa: S608 - names of ours
        values,
    ).fetchall()
    return [row[:-1] for row in rows]


def _require_file(path: Path) -> None:
    if not path.is_file():
        raise errors.StoreFault(f"there is no database {path}: name the folder of the relay")


def _one(connection: sqlite3.Connection, query: str) -> int:
    return int(connection.execute(query).fetchone()[0])
