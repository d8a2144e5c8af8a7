"""Receiving: from a delivered envelope to events and answers (docs/spec/content.md, 4 to 9).

    check id -> seen before? -> whose drop? -> open -> read -> compare lists -> order -> act

Every path ends normally: the caller commits and acknowledges whatever arrived. What is wrong with
an envelope becomes an event and never an answer.
"""

from dataclasses import replace
from typing import Final

from hushpost_crypto.envelope import check_envelope
from hushpost_crypto.errors import BadEnvelope, Undecryptable
from hushpost_crypto.session import SessionStart
from hushpost_wire.ttl import has_passed

from hushpost.contacts import ContactStage
from hushpost.content import (
    Accept,
    Inner,
    Ready,
    Receipt,
    Request,
    Resend,
    SessionRestart,
    Text,
    Typing,
    Unknown,
    decode,
)
from hushpost.engine import event_log, first_contact, knocks, message_states, receipts, texts
from hushpost.engine.contact_book import (
    DeviceRow,
    contact_row,
    device_row,
    find_contact,
    find_device,
    public_contact,
    save_device,
)
from hushpost.engine.desk import Desk
from hushpost.engine.opening import (
    Opened,
    WrongDrop,
    accept_first,
    forget_session,
    open_from_contact,
    open_from_stranger,
)
from hushpost.engine.outbox import Letter, post
from hushpost.engine.own_account import own_account
from hushpost.engine.own_drops import DropRow, DropUse, find_drop
from hushpost.engine.peer_lists import EXPLANATIONS, compare_views, warn_if_stale
from hushpost.engine.reassembly import take_chunk
from hushpost.engine.resending import resend_asked
from hushpost.engine.seen import Arrival, Sight, note_stream, see_envelope
from hushpost.engine.stream_order import (
    InOrder,
    arrange,
    give_up_all,
    note_times,
    overdue,
    skip_to,
)
from hushpost.errors import PeerError
from hushpost.events import AlarmKind, TypingReceived

_DAY_HOURS: Final = 24
_SILENT: Final = frozenset({ContactStage.BLOCKED, ContactStage.STOPPED})
_REPLAYED: Final = (
    "the relay delivered an envelope again that this device had acknowledged long before; it was"
    " recognised and not shown twice"
)
_ALTERED: Final = "the relay delivered an envelope whose bytes do not match its id; it was dropped"
_WRONG_DROP: Final = (
    "an envelope of this contact came under another contact's name; the relay mislabels mail, or"
    " somebody lent out a drop. It was not shown"
)


def receive(desk: Desk, arrival: Arrival) -> None:
    """Take in one delivered envelope; commit, then acknowledge it, whatever came of it."""
    try:
        check_envelope(arrival.envelope, arrival.envelope_id)
    except BadEnvelope:
        event_log.safety_alarm(desk, b"", AlarmKind.ALTERED, _ALTERED)
        return
    drop = find_drop(desk, arrival.drop_ref)
    sight = see_envelope(desk, arrival, drop)
    if sight is not Sight.NEW:
        if sight is Sight.REPLAYED:
            owner = b"" if drop is None else drop.account_id
            event_log.safety_alarm(desk, owner, AlarmKind.REPLAYED, _REPLAYED)
        return
    if drop is None:
        event_log.undecryptable(desk, b"")
    elif drop.use in (DropUse.CONTACT, DropUse.REPLY):
        _from_contact(desk, drop, arrival)
    else:
        _from_stranger(desk, drop, arrival)


def release_overdue(desk: Desk) -> None:
    """Give up the gaps that were waited for long enough."""
    for waiting in overdue(desk):
        device, given = note_times(desk, *give_up_all(desk, waiting))
        save_device(desk, device)
        _act_on_all(desk, device.key, given)


def _from_contact(desk: Desk, drop: DropRow, arrival: Arrival) -> None:
    contact = find_contact(desk, drop.account_id)
    if contact is None or contact.stage in _SILENT:
        return
    try:
        opened = open_from_contact(desk, drop, arrival)
    except Undecryptable:
        event_log.undecryptable(desk, drop.account_id)
        return
    except WrongDrop as wrong:
        event_log.safety_alarm(desk, wrong.account_id, AlarmKind.WRONG_DROP, _WRONG_DROP)
        return
    if opened.start is SessionStart.RESTARTED:
        event_log.session_restarted(desk, opened.account_id)
    inner = _read(desk, opened)
    if inner is None:
        return
    if isinstance(inner.body, Request) and opened.sender is not None:
        knocks.request_received(desk, opened.sender, inner, inner.body, invited=False)
        return
    device = find_device(desk, opened.account_id, opened.device_id)
    if device is None:
        event_log.undecryptable(desk, drop.account_id)
        return
    note_stream(desk, arrival, device.key, inner.header.stream)
    _deliver(desk, device, inner, opened.body, through_contact_drop=drop.use is DropUse.CONTACT)


def _from_stranger(desk: Desk, drop: DropRow, arrival: Arrival) -> None:
    try:
        first = open_from_stranger(desk, arrival)
        contact = find_contact(desk, first.claimed_account)
        if contact is not None and contact.stage in _SILENT:
            return
        if contact is not None and contact.stage is ContactStage.OPEN:
            # A known contact's new session comes through their own drop only (content.md, 4).
            raise Undecryptable
        opened = accept_first(desk, first)
    except Undecryptable:
        event_log.undecryptable(desk, b"")
        return
    inner = _read(desk, opened)
    if inner is None or opened.sender is None or not isinstance(inner.body, Request):
        forget_session(desk, opened)
        event_log.undecryptable(desk, b"")
        return
    invited = drop.use is DropUse.INVITATION
    wanted = _sees_us_rightly(desk, inner) and knocks.request_received(
        desk, opened.sender, inner, inner.body, invited=invited
    )
    if not wanted:
        forget_session(desk, opened)


def _read(desk: Desk, opened: Opened) -> Inner | None:
    try:
        inner = decode(opened.body)
    except PeerError:
        event_log.undecryptable(desk, opened.account_id if opened.sender is None else b"")
        return None
    if has_passed(inner.header.not_after + _DAY_HOURS, desk.now):
        event_log.safety_alarm(desk, opened.account_id, AlarmKind.REPLAYED, _REPLAYED)
        return None
    return inner


def _sees_us_rightly(desk: Desk, inner: Inner) -> bool:
    """Whether a stranger was shown a list of ours that we made; tells the app if not."""
    view = inner.header.peer_list
    if dict(own_account(desk).heads).get(view.version) == view.head:
        return True
    explanation = EXPLANATIONS[AlarmKind.OWN_LIST_FORKED]
    event_log.safety_alarm(desk, b"", AlarmKind.OWN_LIST_FORKED, explanation)
    return False


def _deliver(
    desk: Desk, device: DeviceRow, inner: Inner, plain: bytes, *, through_contact_drop: bool
) -> None:
    compared = compare_views(desk, device, inner.header)
    if compared is None:
        return
    device = replace(compared, typed=0)
    if compared.typed:
        save_device(desk, device)
    warn_if_stale(desk, device.account_id)
    if isinstance(inner.body, Typing):
        contact = public_contact(contact_row(desk, device.account_id))
        desk.transient.append(TypingReceived(contact, inner.body.began))
        return
    if isinstance(inner.body, Accept):
        save_device(desk, skip_to(device, inner.header.stream))
        _act(desk, device.key, InOrder(inner))
        return
    if isinstance(inner.body, Unknown) and inner.header.stream == 0:
        # An ephemeral kind of a later version: it has no place and is waited for by nothing.
        _act(desk, device.key, InOrder(inner))
        return
    if through_contact_drop:
        save_device(desk, device)
        knocks.ready_received(desk, device)
        device = device_row(desk, device.key)
    device, given = note_times(desk, *arrange(desk, device, inner, plain))
    save_device(desk, device)
    _act_on_all(desk, device.key, given)


def _act_on_all(desk: Desk, device_key: bytes, given: list[InOrder]) -> None:
    for item in given:
        _act(desk, device_key, item)


def _act(desk: Desk, device_key: bytes, item: InOrder) -> None:
    device = device_row(desk, device_key)
    body = item.inner.body
    match body:
        case Text():
            _act_on_text(desk, device, item, body)
        case Receipt(entries):
            message_states.receipts_received(desk, device, entries)
        case Accept():
            first_contact.accept_received(desk, device, body)
        case SessionRestart():
            # Any message ends the sealing of the new session; this one says nothing else.
            post(desk, device, Letter(Ready(), texts.new_inner_id(desk)))
        case Resend():
            resend_asked(desk, device, body)
        case Unknown():
            event_log.unknown_kind(desk, device.account_id)
        case _:
            # READY did its work through the drop it came by.
            pass


def _act_on_text(desk: Desk, device: DeviceRow, item: InOrder, body: Text) -> None:
    header = item.inner.header
    try:
        text = take_chunk(desk, device, item.inner, body)
    except PeerError:
        event_log.undecryptable(desk, device.account_id)
        return
    if text is not None:
        row = event_log.MessageRow(header.inner_id, text, header.sent_milliseconds, item.late)
        event_log.message_received(desk, device.account_id, row)
    if text is not None or body.part + 1 == body.parts:
        # Also for a repeat: it came because the receipt of the first did not arrive.
        receipts.note_delivered(desk, device.account_id, header.inner_id)
