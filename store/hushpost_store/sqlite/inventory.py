"""Every table and column that a relay's database has, why, and until when.

The one declaration: `schema` makes the database from it, so that nothing can be stored that does
not stand here with its purpose, clause and retention; and `owned_rows` finds by it which rows an
account owns. docs/spec/store.md, "What is stored".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from hushpost_store.policy_clauses import Clause

ENVELOPE_TABLE_PREFIX: Final = "envelope_"
DIGEST_BYTES: Final = 8


class Owner(Enum):
    """How a row of a table leads to the one account that it belongs to."""

    NOBODY = auto()
    """It describes the database."""
    ACCOUNT = auto()
    """By its column `account_id`."""
    MAILBOX = auto()
    """By its column `slot`: that of a device, which belongs to an account."""
    ENVELOPE = auto()
    """By the upper half of its column `id`, which is such a slot."""


@dataclass(frozen=True, slots=True)
class Column:
    """One stored column. `retention` says what ends its life; `clause` None: its table's."""

    name: str
    declaration: str
    purpose: str
    retention: str
    clause: Clause | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """One table; `constraint` is what follows its columns, `options` what follows the bracket."""

    name: str
    purpose: str
    columns: tuple[Column, ...]
    constraint: str = ""
    options: str = "WITHOUT ROWID, STRICT"
    indexes: tuple[str, ...] = ()
    clause: Clause = field(kw_only=True)
    owner: Owner = field(kw_only=True)

    def statements(self) -> tuple[str, ...]:
        """Return the SQL that creates the table, its indexes and its triggers."""
        parts = [f"{column.name} {column.declaration}" for column in self.columns]
        if self.constraint:
            parts.append(self.constraint)
        create = f"CREATE TABLE {self.name} ({', '.join(parts)}) {self.options}"
        return (create, *self.indexes, *self.triggers())

    @property
    def is_digested(self) -> bool:
        """Whether triggers keep the digest of each row; that of an envelope comes with it."""
        return _DIGEST in self.columns and self.owner is not Owner.ENVELOPE

    def cells(self, prefix: str = "") -> str:
        """Return what `row_digest` and `row_intact` take: the table and what a digest covers."""
        covered = ", ".join(f"{prefix}{column.name}" for column in self.columns[:-1])
        return f"'{self.name}', {covered}"

    def intact(self, prefix: str = "") -> str:
        """Return the condition under which a row, named by `prefix`, is what was written."""
        return f"row_intact({prefix}{_DIGEST.name}, {self.cells(prefix)})"

    def triggers(self) -> tuple[str, ...]:
        """Return the SQL that keeps digests: set with a row, moved with it, never over damage.

        A row that is copied with its digest keeps that, so that a copy does not hide damage.
        """
        if not self.is_digested:
            return ()
        name, covered = self.name, ", ".join(column.name for column in self.columns[:-1])
        set_digest = (
            f"BEGIN UPDATE {name} SET digest = row_digest({self.cells('NEW.')})"  # noqa: S608 - ours
            f" WHERE {' AND '.join(f'{key} = NEW.{key}' for key in self.keys)}; END"
        )
        return (
            f"CREATE TRIGGER {name}_made AFTER INSERT ON {name}"
            f" WHEN NEW.digest = {_NO_DIGEST} {set_digest}",
            f"CREATE TRIGGER {name}_changed AFTER UPDATE OF {covered} ON {name} {set_digest}",
            f"CREATE TRIGGER {name}_damaged BEFORE UPDATE OF {covered} ON {name}"
            f" WHEN NOT {self.intact('OLD.')} BEGIN SELECT RAISE(IGNORE); END",
        )

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns of the primary key."""
        if self.constraint:
            inner = self.constraint.removeprefix("PRIMARY KEY (").removesuffix(")")
            return tuple(inner.split(", "))
        return tuple(c.name for c in self.columns if "PRIMARY KEY" in c.declaration)

    def to_version_2(self) -> tuple[str, ...]:
        """Return the SQL that brings a table of schema version 1 to the present one."""
        column = self.columns[-1]
        add = f"ALTER TABLE {self.name} ADD COLUMN {column.name} {column.declaration}"
        function = "row_digest" if self.is_digested else "envelope_digest"
        cells = self.cells() if self.is_digested else _ENVELOPE_CELLS
        fill = f"UPDATE {self.name} SET digest = {function}({cells})"  # noqa: S608 - ours
        return (add, fill, *self.triggers())


_NO_DIGEST: Final = f"x'{bytes(DIGEST_BYTES).hex()}'"
_DIGEST: Final = Column(
    "digest",
    f"BLOB NOT NULL DEFAULT {_NO_DIGEST}",
    "tells a row that the disk damaged from one that was written",
    "as long as its row",
)
_ENVELOPE_CELLS: Final = "id, not_after, envelope_id, drop_ref, envelope_bytes, envelope"
_ACCOUNT_LIFE: Final = "until the account is deleted"
_DEVICE_LIFE: Final = "until the device leaves the device list, or the account is deleted"
_ENVELOPE_LIFE: Final = "until acknowledged, at the latest until not_after"
_PREKEY_LIFE: Final = "until expiry_day, or the device leaves"

META: Final = Table(
    name="store_meta",
    purpose="what describes the database itself",
    clause=Clause.SERVICE,
    owner=Owner.NOBODY,
    columns=(
        Column("name", "TEXT PRIMARY KEY", "name of the entry", "as long as the database"),
        Column(
            "value", "BLOB NOT NULL", "random generation of the store", "until the next restore"
        ),
        _DIGEST,
    ),
)

ACCOUNT: Final = Table(
    name="account",
    purpose="who may log in here, and serving of prekeys",
    clause=Clause.ACCOUNT,
    owner=Owner.ACCOUNT,
    columns=(
        Column("account_id", "BLOB PRIMARY KEY", "names the account", _ACCOUNT_LIFE),
        Column("genesis", "BLOB NOT NULL", "proves the account id to contacts", _ACCOUNT_LIFE),
        Column("created_day", "INTEGER NOT NULL", "the day it was made", _ACCOUNT_LIFE),
        Column(
            "deleting",
            "INTEGER NOT NULL",
            "1 while a deletion is under way, so that a crash cannot leave half of one",
            "until the deletion is finished",
            Clause.DELETION,
        ),
        _DIGEST,
    ),
)

DEVICE_LIST: Final = Table(
    name="device_list",
    purpose="lets contacts follow the chain of an account's devices",
    clause=Clause.ACCOUNT,
    owner=Owner.ACCOUNT,
    columns=(
        Column("account_id", "BLOB NOT NULL", "whose list", _ACCOUNT_LIFE),
        Column("version", "INTEGER NOT NULL", "place in the chain", "the last 64 are kept"),
        Column("head", "BLOB NOT NULL", "hash that the next list names", "the last 64 are kept"),
        Column("record", "BLOB NOT NULL", "the signed list", "the last 64 are kept"),
        _DIGEST,
    ),
    constraint="PRIMARY KEY (account_id, version)",
)

DEVICE: Final = Table(
    name="device",
    purpose="the key that a login must sign with, and the mailbox it opens",
    clause=Clause.ACCESS,
    owner=Owner.ACCOUNT,
    columns=(
        Column("account_id", "BLOB NOT NULL", "whose device", _DEVICE_LIFE),
        Column("position", "INTEGER NOT NULL", "place in the device list", _DEVICE_LIFE),
        Column("device_id", "BLOB NOT NULL", "names the device", _DEVICE_LIFE),
        Column("device_key", "BLOB NOT NULL", "verifies logins", _DEVICE_LIFE),
        Column("slot", "INTEGER NOT NULL", "its mailbox", _DEVICE_LIFE),
        _DIGEST,
    ),
    constraint="PRIMARY KEY (account_id, device_id)",
)

MAILBOX: Final = Table(
    name="mailbox",
    purpose="maps the route on the wire to rows",
    clause=Clause.SERVICE,
    owner=Owner.MAILBOX,
    columns=(
        Column(
            "slot",
            "INTEGER PRIMARY KEY",
            "random name of the mailbox within the database",
            _DEVICE_LIFE,
        ),
        Column("route", "BLOB NOT NULL UNIQUE", "names the mailbox to senders", _DEVICE_LIFE),
        Column(
            "knock_day",
            "INTEGER NOT NULL",
            "day that knocks counts for",
            "until the sweep of the next day",
            Clause.SECURITY,
        ),
        Column(
            "knocks",
            "INTEGER NOT NULL",
            "bounds strangers' envelopes a day",
            "until the sweep of the next day",
            Clause.SECURITY,
        ),
        Column(
            "notices_closed",
            "INTEGER NOT NULL",
            "number of the last expired notice",
            _DEVICE_LIFE,
            Clause.UNDELIVERED,
        ),
        _DIGEST,
    ),
    options="STRICT",
)

DROP: Final = Table(
    name="mailbox_drop",
    purpose="who may post, as hashes of secrets that the relay never keeps",
    clause=Clause.SECURITY,
    owner=Owner.MAILBOX,
    columns=(
        Column("slot", "INTEGER NOT NULL", "into which mailbox", "until revoked or used up"),
        Column(
            "drop_hash", "BLOB NOT NULL", "hash of route and secret", "until revoked or used up"
        ),
        Column("kind", "INTEGER NOT NULL", "contact, once or knock", "until revoked or used up"),
        Column(
            "life_end", "INTEGER NOT NULL", "hour at which a one-use drop ends", "until that hour"
        ),
        Column(
            "used_by",
            "BLOB",
            "id of the envelope that used a one-use drop: its repetition is accepted",
            "until that envelope's not_after",
        ),
        _DIGEST,
    ),
    constraint="PRIMARY KEY (slot, drop_hash)",
)

EXPIRED: Final = Table(
    name="expired_notice",
    purpose="tells an owner how many envelopes through which drop were never fetched",
    clause=Clause.UNDELIVERED,
    owner=Owner.MAILBOX,
    columns=(
        Column("slot", "INTEGER NOT NULL", "whose mailbox", "until the owner has seen it"),
        Column("notice_id", "INTEGER NOT NULL", "number of the notice", "until seen"),
        Column("drop_ref", "BLOB NOT NULL", "first 16 bytes of the drop's hash", "until seen"),
        Column("envelopes", "INTEGER NOT NULL", "how many", "until the owner has seen it"),
        _DIGEST,
    ),
    constraint="PRIMARY KEY (slot, notice_id, drop_ref)",
)

ONE_TIME_PREKEY: Final = Table(
    name="one_time_prekey",
    purpose="starts a session with a device that is offline",
    clause=Clause.ENCRYPTION,
    owner=Owner.ACCOUNT,
    columns=(
        Column("account_id", "BLOB NOT NULL", "whose", _PREKEY_LIFE),
        Column("device_id", "BLOB NOT NULL", "which device's", _PREKEY_LIFE),
        Column("prekey_id", "BLOB NOT NULL", "keeps a taken record from coming back", _PREKEY_LIFE),
        Column("expiry_day", "INTEGER NOT NULL", "last day it may be handed out", _PREKEY_LIFE),
        Column(
            "record", "BLOB", "the signed record; null once it was handed out", "until handed out"
        ),
        _DIGEST,
    ),
    constraint="PRIMARY KEY (account_id, device_id, prekey_id)",
    indexes=("CREATE INDEX one_time_prekey_expiry ON one_time_prekey (expiry_day)",),
)

STANDING_RECORD: Final = Table(
    name="standing_record",
    purpose="signed prekey and seal record of each device",
    clause=Clause.ENCRYPTION,
    owner=Owner.ACCOUNT,
    columns=(
        Column("account_id", "BLOB NOT NULL", "whose", _PREKEY_LIFE),
        Column("device_id", "BLOB NOT NULL", "which device's", _PREKEY_LIFE),
        Column("kind", "INTEGER NOT NULL", "signed prekey (1) or seal (2)", _PREKEY_LIFE),
        Column("expiry_day", "INTEGER NOT NULL", "last day it may be handed out", _PREKEY_LIFE),
        Column("record", "BLOB NOT NULL", "the signed record", "until replaced or expired"),
        _DIGEST,
    ),
    constraint="PRIMARY KEY (account_id, device_id, kind)",
)

TABLES: Final = (
    META,
    ACCOUNT,
    DEVICE_LIST,
    DEVICE,
    MAILBOX,
    DROP,
    EXPIRED,
    ONE_TIME_PREKEY,
    STANDING_RECORD,
)


def envelope_table(bucket: int) -> Table:
    """Return the table for envelopes of one bucket: all its rows have one size.

    Its key is `slot << 32 | sequence`, with the top bit of `slot` set so that every key takes
    the same nine bytes: clustered by mailbox, in order within one, random between mailboxes.
    """
    name = f"{ENVELOPE_TABLE_PREFIX}{bucket}"
    return Table(
        name=name,
        purpose=f"queued envelopes of {bucket} bytes",
        clause=Clause.UNDELIVERED,
        owner=Owner.ENVELOPE,
        columns=(
            Column("id", "INTEGER PRIMARY KEY", "mailbox and place in it", _ENVELOPE_LIFE),
            Column(
                "not_after",
                "INTEGER NOT NULL",
                "hour of expiry: whole days, whole hours for the hour class",
                _ENVELOPE_LIFE,
            ),
            Column("envelope_id", "BLOB NOT NULL", "recognises repetitions", _ENVELOPE_LIFE),
            Column("drop_ref", "BLOB NOT NULL", "quota and expiry by drop", _ENVELOPE_LIFE),
            Column("envelope_bytes", "INTEGER NOT NULL", "size before padding", _ENVELOPE_LIFE),
            Column("envelope", "BLOB NOT NULL", "the sealed envelope", _ENVELOPE_LIFE),
            _DIGEST,
        ),
        options="STRICT",
        indexes=(f"CREATE INDEX {name}_expiry ON {name} (not_after)",),
    )
