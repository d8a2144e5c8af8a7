"""Where a relay keeps what it must: accounts, prekeys, drops and queued envelopes.

docs/spec/store.md is the specification. The store sees hashes of drops and sealed envelopes; it
is never told who posts.
"""

from hushpost_store.interface import (
    AccountStore,
    DropStore,
    Lifecycle,
    MailboxStore,
    PrekeyStore,
    Store,
    SubmissionListener,
)
from hushpost_store.memory import MemoryStore
from hushpost_store.quotas import Quotas
from hushpost_store.rows import (
    AccountRow,
    Admitted,
    DeviceListRow,
    DeviceRow,
    DropKind,
    ExpiredDrop,
    ExpiredNotice,
    OneTimePrekey,
    OpenedMailbox,
    PrekeyBundle,
    QueuedEnvelope,
    Refusal,
    StandingRecord,
    StoreStats,
    Submission,
    SweepReport,
    TakenPrekeys,
    TtlClass,
)
from hushpost_store.sqlite import SqliteOptions, SqliteStore, restore

__all__ = [
    "AccountRow",
    "AccountStore",
    "Admitted",
    "DeviceListRow",
    "DeviceRow",
    "DropKind",
    "DropStore",
    "ExpiredDrop",
    "ExpiredNotice",
    "Lifecycle",
    "MailboxStore",
    "MemoryStore",
    "OneTimePrekey",
    "OpenedMailbox",
    "PrekeyBundle",
    "PrekeyStore",
    "QueuedEnvelope",
    "Quotas",
    "Refusal",
    "SqliteOptions",
    "SqliteStore",
    "StandingRecord",
    "Store",
    "StoreStats",
    "Submission",
    "SubmissionListener",
    "SweepReport",
    "TakenPrekeys",
    "TtlClass",
    "restore",
]
