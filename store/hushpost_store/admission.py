"""Admission: whether an envelope gets a place in a mailbox (docs/spec/store.md, "Admission").

Pure and shared by every store that decides in its own process. A `MailboxState` is what must be
known of a mailbox to decide: its drops, what is queued, and today's knocks. `decide` only reads
it; `admit`, `forget` and `undo` move it along with what the store does.

The order of the checks is part of the contract: the lifetime is judged before the drop is looked
at, and only who holds a valid drop learns that a mailbox is full. An unknown mailbox is judged by
the same steps as an unknown drop, on an empty state.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from hushpost_store import errors
from hushpost_store.quotas import Quotas
from hushpost_store.rows import Admitted, DropKind, Refusal, Submission, TtlClass

DROP_REF_BYTES: Final = 16
HOUR_SECONDS: Final = 3_600
DAY_SECONDS: Final = 86_400
DAY_HOURS: Final = 24
# An operator has to mend it.
DAMAGED_RETRY_SECONDS: Final = 60
# A sequence is the lower half of a stored key; at a thousand a second it lasts 49 days of
# uninterrupted flooding, and starts anew whenever the mailbox is empty and closed.
SEQUENCE_MAX: Final = (1 << 32) - 1

# Names of the hot path: a member of an Enum class costs a search in the class at every use, and
# the constructor of a NamedTuple twice what `tuple.__new__` costs.
_EPHEMERAL: Final = int(TtlClass.EPHEMERAL)
_HOUR: Final = int(TtlClass.HOUR)
_FORTNIGHT: Final = int(TtlClass.FORTNIGHT)
_CONTACT: Final = DropKind.CONTACT
_ONCE: Final = DropKind.ONCE
_KNOCK: Final = DropKind.KNOCK
_new_tuple: Final = tuple[object, ...].__new__


class Refused(NamedTuple):
    """The decision against an envelope."""

    reason: Refusal
    retry_after: int


@dataclass(slots=True)
class DropState:
    """A registered drop; a one-use drop knows which envelope used it, until `life_end` (hours)."""

    kind: DropKind
    life_end: int = 0
    used_by: bytes | None = None


@dataclass(slots=True)
class DropUsage:
    """What is queued through one drop, also after the drop was revoked."""

    envelopes: int = 0
    envelope_bytes: int = 0


class Place(NamedTuple):
    """What the state remembers of one queued envelope."""

    envelope_id: bytes
    drop_ref: bytes
    envelope_bytes: int


@dataclass(slots=True)
class MailboxState:
    """All that admission must know of one mailbox. `slot` is the store's own name for it."""

    slot: int = 0
    next_sequence: int = 1
    envelope_bytes: int = 0
    knock_day: int = 0
    knocks: int = 0
    gone: bool = False
    # A drop of it could not be read.
    is_damaged: bool = False
    # What keeps the state in a cache: an open login, and envelopes not yet committed.
    pins: int = 0
    drops: dict[bytes, DropState] = field(default_factory=dict[bytes, DropState])
    places: dict[int, Place] = field(default_factory=dict[int, Place])
    sequences: dict[bytes, int] = field(default_factory=dict[bytes, int])
    usage: dict[bytes, DropUsage] = field(default_factory=dict[bytes, DropUsage])

    def weight(self) -> int:
        """Return how many entries this state keeps in memory, for the cache's bound."""
        return 1 + len(self.drops) + len(self.places)


_NOWHERE: Final = MailboxState()
_UNKNOWN: Final = Refused(Refusal.NO_DROP, 0)
# It may be the drop whose row is damaged: nobody is told for good that it does not exist.
_UNREADABLE: Final = Refused(Refusal.RETRY, DAMAGED_RETRY_SECONDS)


def hour_of(now: float) -> int:
    """Return whole hours since the epoch."""
    return int(now // HOUR_SECONDS)


def day_of(now: float) -> int:
    """Return whole days since the epoch."""
    return int(now // DAY_SECONDS)


def is_lifetime_valid(ttl_class: int, not_after: int, now: float) -> bool:
    """Whether an envelope of this class may be queued until `not_after`, in hours."""
    return ttl_class == _EPHEMERAL or (
        _HOUR <= ttl_class <= _FORTNIGHT
        # Times on stored rows are whole days; only what lives an hour may be stored to the hour.
        and (not_after % DAY_HOURS == 0 or ttl_class == _HOUR)
        and not_after * HOUR_SECONDS > now
    )


def once_life_end(now: float, quotas: Quotas) -> int:
    """Return the hour at which a one-use drop registered now ends: a whole day, as stored times."""
    return (day_of(now) + quotas.once_drop_days + 1) * DAY_HOURS


def decide(
    mailbox: MailboxState | None, submission: Submission, now: float, quotas: Quotas
) -> Admitted | Refused:
    """Judge a submission without changing anything.

    `admit` must follow an `Admitted` that is no duplicate and has a sequence, before the next
    decision about the same mailbox.
    """
    _, drop_hash, envelope_id, ttl_class, not_after, envelope = submission
    if not is_lifetime_valid(ttl_class, not_after, now):
        return Refused(Refusal.BAD_TTL, 0)
    known = _NOWHERE if mailbox is None or mailbox.gone else mailbox
    drop = known.drops.get(drop_hash)
    if drop is None:
        return _UNREADABLE if known.is_damaged else _UNKNOWN
    if ttl_class == _EPHEMERAL:
        return _decide_ephemeral(drop)
    sequence = known.sequences.get(envelope_id)
    if drop.kind is _ONCE:
        decision = _decide_once(drop, submission, sequence, now)
        if decision is not None:
            return decision
    if sequence is not None:
        return Admitted(sequence, duplicate=True)
    if drop.kind is _KNOCK:
        full = _knock_fullness(known, submission, now, quotas)
    else:
        full = _fullness(known, drop_hash[:DROP_REF_BYTES], len(envelope), quotas)
    return _new_tuple(Admitted, (known.next_sequence, False)) if full is None else full


def admit(mailbox: MailboxState, submission: Submission, sequence: int, now: float) -> DropKind:
    """Note an admitted envelope; returns the drop's kind, for what must be written beside it."""
    _, drop_hash, envelope_id, _, not_after, envelope = submission
    drop = mailbox.drops[drop_hash]
    mailbox.next_sequence = sequence + 1
    queued = (envelope_id, drop_hash[:DROP_REF_BYTES], len(envelope))
    place(mailbox, sequence, _new_tuple(Place, queued))
    kind = drop.kind
    if kind is _CONTACT:
        return kind
    if kind is _ONCE:
        drop.used_by = envelope_id
        drop.life_end = not_after
    elif kind is _KNOCK:
        today = day_of(now)
        if today != mailbox.knock_day:
            mailbox.knock_day, mailbox.knocks = today, 0
        mailbox.knocks += 1
    return kind


def registrable(
    mailbox: MailboxState, drop_hash: bytes, kind: DropKind, now: float, quotas: Quotas
) -> DropState | None:
    """Return the drop to enter into the mailbox, or None where it is registered already.

    Raises DropConflict, DropsFull.
    """
    known = mailbox.drops.get(drop_hash)
    if known is not None:
        if known.kind is not kind:
            raise errors.DropConflict("the drop is registered as another kind: revoke it first")
        return None
    reference = drop_hash[:DROP_REF_BYTES]
    if any(other[:DROP_REF_BYTES] == reference for other in mailbox.drops):
        raise errors.DropConflict("another drop begins with the same 16 bytes: draw a new secret")
    if len(mailbox.drops) >= quotas.drops_max:
        raise errors.DropsFull("the mailbox has as many drops as it may: revoke one first")
    return DropState(kind, once_life_end(now, quotas) if kind is DropKind.ONCE else 0)


def expire_drops(mailbox: MailboxState, now: float) -> int:
    """Take out the one-use drops whose life has ended; returns how many. Forgets past knocks."""
    if mailbox.knock_day < day_of(now):
        mailbox.knock_day = mailbox.knocks = 0
    ended = [
        drop_hash
        for drop_hash, drop in mailbox.drops.items()
        if drop.kind is DropKind.ONCE and drop.life_end * HOUR_SECONDS <= now
    ]
    for drop_hash in ended:
        del mailbox.drops[drop_hash]
    return len(ended)


def place(mailbox: MailboxState, sequence: int, queued: Place) -> None:
    """Enter a queued envelope into the state (admission, and loading from disk)."""
    envelope_id, drop_ref, size = queued
    mailbox.places[sequence] = queued
    mailbox.sequences[envelope_id] = sequence
    mailbox.envelope_bytes += size
    usage = mailbox.usage.get(drop_ref)
    if usage is None:
        usage = mailbox.usage[drop_ref] = DropUsage()
    usage.envelopes += 1
    usage.envelope_bytes += size


def forget(mailbox: MailboxState, sequence: int) -> Place | None:
    """Take an envelope out of the state (acknowledged, expired); None where it is not in it."""
    queued = mailbox.places.pop(sequence, None)
    if queued is None:
        return None
    envelope_id, drop_ref, size = queued
    del mailbox.sequences[envelope_id]
    mailbox.envelope_bytes -= size
    usage = mailbox.usage[drop_ref]
    usage.envelopes -= 1
    usage.envelope_bytes -= size
    if not usage.envelopes:
        del mailbox.usage[drop_ref]
    return queued


def undo(mailbox: MailboxState, submission: Submission, sequence: int, life_end: int) -> None:
    """Take back an admission whose commit failed.

    `life_end` is what the drop's was before. A knock stays counted: failing must not refill.
    """
    if forget(mailbox, sequence) is None:
        return
    drop = mailbox.drops.get(submission.drop_hash)
    if drop is not None and drop.used_by == submission.envelope_id:
        drop.used_by, drop.life_end = None, life_end


def _decide_ephemeral(drop: DropState) -> Admitted | Refused:
    # Strangers have nothing ephemeral to say, and a one-use drop would never be used up.
    if drop.kind is DropKind.CONTACT:
        return Admitted(0, duplicate=False)
    return Refused(Refusal.NO_DROP, 0)


def _decide_once(
    drop: DropState, submission: Submission, sequence: int | None, now: float
) -> Admitted | Refused | None:
    if drop.life_end * HOUR_SECONDS <= now:
        return Refused(Refusal.NO_DROP, 0)
    if drop.used_by is None:
        return None
    if drop.used_by != submission.envelope_id:
        return Refused(Refusal.NO_DROP, 0)
    return Admitted(sequence or 0, duplicate=True)


def _fullness(mailbox: MailboxState, drop_ref: bytes, size: int, quotas: Quotas) -> Refused | None:
    usage = mailbox.usage.get(drop_ref)
    if (
        len(mailbox.places) >= quotas.mailbox_envelopes_max
        or mailbox.envelope_bytes + size > quotas.mailbox_bytes_max
        or mailbox.next_sequence > SEQUENCE_MAX
    ):
        return Refused(Refusal.FULL, quotas.full_retry_seconds)
    if usage is not None and (
        usage.envelopes >= quotas.drop_envelopes_max
        or usage.envelope_bytes + size > quotas.drop_bytes_max
    ):
        return Refused(Refusal.FULL, quotas.full_retry_seconds)
    return None


def _knock_fullness(
    mailbox: MailboxState, submission: Submission, now: float, quotas: Quotas
) -> Refused | None:
    """Knocks have a quota of their own, which no contact's mail can use up."""
    today = day_of(now)
    usage = mailbox.usage.get(submission.drop_hash[:DROP_REF_BYTES])
    queued = usage.envelope_bytes if usage is not None else 0
    if today == mailbox.knock_day and mailbox.knocks >= quotas.knocks_per_day:
        return Refused(Refusal.FULL, int((today + 1) * DAY_SECONDS - now) + 1)
    if (
        queued + len(submission.envelope) > quotas.knock_bytes_max
        or mailbox.next_sequence > SEQUENCE_MAX
    ):
        return Refused(Refusal.FULL, quotas.full_retry_seconds)
    return None
