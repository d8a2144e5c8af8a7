"""The nouns that cross the store's interface (docs/spec/store.md, "Rows").

All are immutable. Those of the hot path are NamedTuples, not frozen dataclasses: one is made
for every envelope, and a tuple costs a quarter of a frozen dataclass to make. The store looks
into none of the `bytes` that are called records: genesis, device list, prekeys and seals are
the caller's, verified before they come here and again by who reads them.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final, NamedTuple

# What fits one control message of the wire, with room to spare.
NOTICE_DROPS_MAX: Final = 500
# An owner that never confirms has so many closed notices; what it loses later gathers in one more.
NOTICES_MAX: Final = 32


class TtlClass(enum.IntEnum):
    """How long an envelope may wait; the numbers are those of the wire."""

    EPHEMERAL = 0
    HOUR = 1
    DAY = 2
    WEEK = 3
    FORTNIGHT = 4


class DropKind(enum.IntEnum):
    """What a drop allows: a contact's stream, one envelope, or strangers' knocks."""

    CONTACT = 1
    ONCE = 2
    KNOCK = 3


class Refusal(enum.IntEnum):
    """Why a submission was not taken; the numbers are those of the wire."""

    NO_DROP = 1
    FULL = 2
    RETRY = 3
    BAD_TTL = 5


class Submission(NamedTuple):
    """One envelope on its way into a mailbox. `not_after` counts hours since the Unix epoch."""

    route: bytes
    drop_hash: bytes
    envelope_id: bytes
    ttl_class: int
    not_after: int
    envelope: bytes


class Admitted(NamedTuple):
    """The place an envelope took in its mailbox.

    `sequence` rises within one route and is 0 where nothing is queued: an ephemeral envelope, or
    a repetition of a one-use drop's envelope that has already been acknowledged. `duplicate`:
    the mailbox has this envelope (under `sequence`), do not push it again.
    """

    sequence: int
    duplicate: bool


class QueuedEnvelope(NamedTuple):
    """One envelope of a backlog."""

    sequence: int
    envelope_id: bytes
    drop_ref: bytes
    not_after: int
    envelope: bytes


class ExpiredDrop(NamedTuple):
    """So many envelopes through one drop were never fetched in time."""

    drop_ref: bytes
    envelopes: int


@dataclass(frozen=True, slots=True)
class ExpiredNotice:
    """What expired since the notice before; kept until `expired_seen(route, notice_id)`.

    At most NOTICE_DROPS_MAX drops; more are in the notices after it.
    """

    notice_id: int
    drops: tuple[ExpiredDrop, ...]


@dataclass(frozen=True, slots=True)
class OpenedMailbox:
    """Answer to a login: everything up to `backlog_end` is to be read, what follows is live."""

    epoch: int
    backlog_end: int
    queued: int
    expired: tuple[ExpiredNotice, ...]


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """One device of an account and the mailbox it owns."""

    device_id: bytes
    device_key: bytes
    route: bytes


@dataclass(frozen=True, slots=True)
class DeviceListRow:
    """One version of a signed device list; `head` is its hash, `record` its whole bytes."""

    version: int
    head: bytes
    record: bytes


@dataclass(frozen=True, slots=True)
class AccountRow:
    """An account as it stands: genesis record, newest device list, its devices, the day made."""

    account_id: bytes
    genesis: bytes
    created_day: int
    device_list: DeviceListRow
    devices: tuple[DeviceRow, ...]

    def device(self, device_id: bytes) -> DeviceRow | None:
        """Return the device of this id, or None."""
        return next((d for d in self.devices if d.device_id == device_id), None)


@dataclass(frozen=True, slots=True)
class OneTimePrekey:
    """A record that is handed out at most once, and never after `expiry_day` has passed."""

    prekey_id: bytes
    expiry_day: int
    record: bytes


@dataclass(frozen=True, slots=True)
class StandingRecord:
    """A signed prekey or seal record: one a device, replaced by the next, handed out freely."""

    expiry_day: int
    record: bytes


@dataclass(frozen=True, slots=True)
class PrekeyBundle:
    """What one device offers to who starts a session. `left` one-time records remain."""

    device_id: bytes
    signed: bytes | None
    seal: bytes | None
    one_time: bytes | None
    left: int


@dataclass(frozen=True, slots=True)
class TakenPrekeys:
    """The bundles of every device of an account, with the records that certify them."""

    genesis: bytes
    device_list: DeviceListRow
    bundles: tuple[PrekeyBundle, ...]


@dataclass(frozen=True, slots=True)
class SweepReport:
    """What one sweep removed, and the routes for which an expired notice now waits."""

    envelopes: int
    drops: int
    prekeys: int
    routes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ServiceMark:
    """As whom the relays of one store are known: all of them as the same."""

    relay_key: bytes
    """The public key of their identity."""
    host: str


@dataclass(frozen=True, slots=True)
class StoreStats:
    """Figures for metrics and health; sums over all mailboxes, never one's own.

    `generation` is drawn anew when a store is created or restored from a backup: owners whose
    client saw another one must publish prekeys and settle their drops again. A `deletion_lag` above
    `deletion_seconds_max` means that the store breaks its promise.
    """

    generation: bytes
    accounts: int = 0
    queued_envelopes: int = 0
    queued_bytes: int = 0
    pending_envelopes: int = 0
    pending_bytes: int = 0
    commits: int = 0
    committed_envelopes: int = 0
    withdrawn_envelopes: int = 0
    failed_envelopes: int = 0
    commit_seconds: float = 0.0
    database_bytes: int = 0
    log_bytes: int = 0
    checkpoints: int = 0
    checkpoints_busy: int = 0
    cached_mailboxes: int = 0
    deletion_seconds_max: float = 30.0
    faulty: bool = False
    damaged: int = 0
    """Rows that are not what was written, and faults of the file, since it was opened."""
    log_was_cut: bool = False
    """The log ended in a transaction that was not whole: a power loss, or a damaged last one."""
