"""The outbox: sealed envelopes on their way, in stream order for each device (content.md, 5 and 7).

Sealing moves the ratchet and stores the envelope in the same transaction; posting comes after the
commit and always uses the stored bytes. An entry leaves the outbox when a relay accepted it or its
drop refused it for good.
"""

from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import ClassVar, Final

from hushpost_crypto.envelope import OPENING_KEY_BYTES, Bucket, Opening, assemble, bucket_for, pad
from hushpost_wire.frames import RefusalReason
from hushpost_wire.host import Host
from hushpost_wire.identifiers import (
    AccountId,
    DeviceId,
    DropHash,
    DropSecret,
    EnvelopeId,
    Route,
    envelope_id,
)
from hushpost_wire.ttl import DEFAULT_TTL, TtlClass, has_passed, not_after
from pydantic import ConfigDict

from hushpost.content import KIND_OF, Body, Header, Inner, InnerId, Kind, Typing, encode
from hushpost.engine.contact_book import (
    ContactRow,
    DeviceRow,
    PostPath,
    contact_row,
    device_row,
    find_device,
    save_book,
    save_device,
    session_book,
)
from hushpost.engine.desk import Desk
from hushpost.engine.ledger import Table
from hushpost.engine.own_account import own_account
from hushpost.engine.shelf import ROW_CONFIG, Shelf

# Asked to wait without a hint: short enough that nobody notices, long enough to be no flood.
RETRY_SECONDS: Final = 2
# A relay that hints at years is asked again all the same: it may have been mended meanwhile.
RETRY_SECONDS_MAX: Final = 3600
# Envelopes for one device posted and not yet accepted: covers a slow line, and lets a receiver tell
# a sender's repeat from a relay's replay (content.md, 5 and 8).
UNACCEPTED_MAX: Final = 16


@dataclass(frozen=True, slots=True)
class OutboxEntry:
    """One sealed envelope and where it goes. The bytes never change."""

    __pydantic_config__: ClassVar[ConfigDict] = ROW_CONFIG

    account_id: AccountId
    device_id: DeviceId
    stream: int
    kind: int
    inner_id: InnerId
    host: Host
    route: Route
    path: PostPath
    secret: DropSecret = field(repr=False)
    ttl_class: int
    not_after: int
    envelope_id: EnvelopeId
    envelope: bytes = field(repr=False)
    # Not posted before the relay has registered this drop of ours (an answer will come by it).
    waits_for: DropHash | None = None
    # Seconds since the epoch; a relay's retry hint.
    not_before: int = 0
    sealed_first: bool = False

    @property
    def key(self) -> bytes:
        """Sorts nothing; the position in the table is the order."""
        return self.device_key + self.stream.to_bytes(8, "big")

    @property
    def device_key(self) -> bytes:
        """Which device's queue this stands in."""
        return self.account_id + self.device_id


class Outcome(Enum):
    """What became of an entry after a relay's answer."""

    GONE = auto()
    AGAIN = auto()
    # Its time is over by this clock: its message becomes unconfirmed, and was not refused.
    EXPIRED = auto()


@dataclass(frozen=True, slots=True)
class Letter:
    """What to seal: a body, under which inner id, for how long, in at least which bucket."""

    body: Body
    inner_id: InnerId
    ttl_class: TtlClass = DEFAULT_TTL
    bucket_min: Bucket = Bucket.SMALL
    waits_for: DropHash | None = None
    # When a person wrote it, in milliseconds; 0: at this moment.
    written: int = 0


_SHELF: Final = Shelf(Table.OUTBOX, OutboxEntry)


def post(desk: Desk, device: DeviceRow, letter: Letter) -> OutboxEntry:
    """Seal for one device and put it into the outbox. The device must have a session and a path."""
    current = device_row(desk, device.key)
    entry = _seal(desk, current, letter, current.next_out)
    save_device(desk, replace(current, next_out=current.next_out + 1))
    _SHELF.put(desk.ledger, entry.key, entry, lookup=entry.device_key)
    desk.mail.append(entry.key)
    return entry


def seal_in_place(desk: Desk, entry: OutboxEntry, body: Body, inner_id: InnerId) -> None:
    """Seal something else in the place of an entry that no relay has accepted."""
    letter = Letter(body, inner_id, waits_for=entry.waits_for)
    fresh = _seal(desk, device_row(desk, entry.device_key), letter, entry.stream)
    kept = replace(fresh, host=entry.host, route=entry.route, path=entry.path, secret=entry.secret)
    _SHELF.put(desk.ledger, entry.key, kept)
    desk.changed_mail = True


def seal_typing(desk: Desk, device: DeviceRow, inner_id: InnerId, *, began: bool) -> OutboxEntry:
    """Seal a typing notice: it has no place in the stream or the outbox; post it once."""
    return _seal(desk, device, Letter(Typing(began), inner_id, TtlClass.EPHEMERAL), stream=0)


def whole_outbox(desk: Desk) -> list[OutboxEntry]:
    """Give everything that is on its way, in order."""
    return list(_SHELF.all(desk.ledger))


def mail_waits(desk: Desk, device_key: bytes) -> bool:
    """Whether anything for one device is not accepted yet."""
    return bool(_SHELF.find(desk.ledger, device_key))


def find_entry(desk: Desk, key: bytes) -> OutboxEntry | None:
    """Give an entry that may be gone by now."""
    return _SHELF.get(desk.ledger, key)


def release(desk: Desk, keys: tuple[bytes, ...]) -> None:
    """Let go entries that waited for a drop of ours, which is registered now."""
    for key in keys:
        entry = find_entry(desk, key)
        if entry is not None:
            _SHELF.put(desk.ledger, key, replace(entry, waits_for=None))
            desk.changed_mail = True


def remove(desk: Desk, entry: OutboxEntry) -> None:
    """Take an entry out."""
    _SHELF.delete(desk.ledger, entry.key)


def remove_contact_mail(desk: Desk, device_key: bytes) -> list[OutboxEntry]:
    """Take out everything for one device; gives what there was."""
    found = _SHELF.find(desk.ledger, device_key)
    for key, _ in found:
        _SHELF.delete(desk.ledger, key)
    return [entry for _, entry in found]


def refused(desk: Desk, entry: OutboxEntry, reason: RefusalReason, retry_after: int) -> Outcome:
    """Follow a refusal: later, by a better drop, or never (content.md, 7)."""
    if has_passed(entry.not_after, desk.now):
        remove(desk, entry)
        return Outcome.EXPIRED
    if reason is RefusalReason.BAD_TTL:
        # One of two clocks is wrong: it waits until that is mended (delivery.md, 3).
        later = int(desk.now) + RETRY_SECONDS_MAX
        _SHELF.put(desk.ledger, entry.key, replace(entry, not_before=later))
        desk.changed_mail = True
        return Outcome.AGAIN
    if reason in (RefusalReason.FULL, RefusalReason.RETRY, RefusalReason.SLOW_DOWN):
        # Rounded up, so that the same second is never tried twice.
        later = int(desk.now) + min(max(retry_after, RETRY_SECONDS), RETRY_SECONDS_MAX)
        _SHELF.put(desk.ledger, entry.key, replace(entry, not_before=later))
        desk.changed_mail = True
        return Outcome.AGAIN
    if reason is RefusalReason.NO_DROP:
        better = _better_path(desk, entry)
        if better is not None:
            _SHELF.put(desk.ledger, entry.key, better)
            desk.changed_mail = True
            return Outcome.AGAIN
    remove(desk, entry)
    return Outcome.GONE


def _better_path(desk: Desk, entry: OutboxEntry) -> OutboxEntry | None:
    device = find_device(desk, entry.account_id, entry.device_id)
    if device is None or device.path_secret is None or device.path_secret == entry.secret:
        return None
    if entry.kind == Kind.REQUEST and device.path is PostPath.CONTACT:
        return None
    return replace(
        entry,
        host=device.host,
        route=device.route,
        path=device.path,
        secret=device.path_secret,
        not_before=0,
    )


def _seal(desk: Desk, device: DeviceRow, letter: Letter, stream: int) -> OutboxEntry:
    if device.path_secret is None:
        raise ValueError("a device without a path cannot be posted to")
    contact = contact_row(desk, device.account_id)
    ends = not_after(letter.ttl_class, desk.now)
    plain = encode(_inner(desk, contact, letter, stream, ends))
    book = session_book(desk, device)
    overhead = book.overhead_bytes(desk.now)
    bucket = max(letter.bucket_min, bucket_for(len(plain), overhead))
    opening = Opening(desk.random(OPENING_KEY_BYTES), plain)
    commitment = opening.commitment()
    sealed_first = book.sessions[0].unanswered is not None
    book, ciphertext = book.encrypt(
        pad(opening, bucket, overhead), commitment=commitment, now=desk.now, random=desk.random
    )
    save_book(desk, device, book)
    envelope = assemble(commitment, ciphertext)
    return OutboxEntry(
        account_id=device.account_id,
        device_id=device.device_id,
        stream=stream,
        kind=KIND_OF[type(letter.body)],
        inner_id=letter.inner_id,
        host=device.host,
        route=device.route,
        path=device.path,
        secret=device.path_secret,
        ttl_class=letter.ttl_class,
        not_after=ends,
        envelope_id=envelope_id(envelope),
        envelope=envelope,
        waits_for=letter.waits_for,
        sealed_first=sealed_first,
    )


def _inner(desk: Desk, contact: ContactRow, letter: Letter, stream: int, ends: int) -> Inner:
    own = own_account(desk)
    header = Header(
        inner_id=letter.inner_id,
        stream=stream,
        not_after=ends,
        sent_milliseconds=(letter.written or desk.milliseconds) if own.send_times else 0,
        own_list=own.view,
        peer_list=contact.view,
    )
    return Inner(header, letter.body)
