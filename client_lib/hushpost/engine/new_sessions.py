"""New sessions with contacts, and what is sealed again in them (docs/spec/content.md, 4 and 11).

restart    a person asks for it           renewal    more was lost than a session bridges
reseal     nobody answered for a day      (keys are fetched first: `first_contact.bundle_taken`)
"""

from dataclasses import replace
from typing import Final

from hushpost_crypto.pqxdh import Bundle
from hushpost_crypto.session import SessionBook
from hushpost_wire.identifiers import AccountId

from hushpost.contacts import ContactStage
from hushpost.content import SessionRestart as Restart
from hushpost.engine import errands, message_book, message_states, texts
from hushpost.engine.contact_book import (
    ContactRow,
    DeviceRow,
    contact_row,
    device_row,
    devices_of,
    save_book,
    save_contact,
    save_device,
    session_book,
)
from hushpost.engine.desk import DAY_SECONDS, Desk
from hushpost.engine.errands import Errand, ErrandKind
from hushpost.engine.outbox import Letter, post
from hushpost.engine.own_account import own_account
from hushpost.engine.peer_keys import kept_bundle
from hushpost.errors import MisuseError
from hushpost.messages import MessageState

# A linked start without an answer for longer than its envelope lives: its peer was not only away.
PATIENCE_SECONDS: Final = 15 * DAY_SECONDS

FOR_REQUEST: Final = "request"
FOR_REPEAT: Final = "repeat"
FOR_RESTART: Final = "restart"
FOR_RESEAL: Final = "reseal"
FOR_RENEWAL: Final = "renewal"


def restart_session(desk: Desk, account_id: AccountId) -> None:
    """Begin new sessions with a contact's devices, at most once a day each; `MisuseError`."""
    contact = contact_row(desk, account_id)
    if contact.stage is not ContactStage.OPEN:
        raise MisuseError("there is no session with this contact yet; send a message instead")
    if any(device.restarted_day == desk.day for device in devices_of(desk, account_id)):
        raise MisuseError("the session with this contact was restarted today; wait until tomorrow")
    take_bundle(desk, account_id, FOR_RESTART)


def renew_session(desk: Desk, device: DeviceRow) -> None:
    """Begin a session that bridges any loss, if it proves knowledge of the last; once a day."""
    contact = contact_row(desk, device.account_id)
    if contact.stage is ContactStage.OPEN and device.restarted_day != desk.day:
        take_bundle(desk, contact.account_id, FOR_RENEWAL)


def begin_restart(desk: Desk, contact: ContactRow, *, only_linked: bool = False) -> None:
    """Begin sessions with fresh keys and say SESSION; not one more of a device on one day."""
    for device in devices_of(desk, contact.account_id):
        bundle = kept_bundle(desk, contact, device)
        if bundle is None or device.restarted_day == desk.day:
            continue
        if only_linked and not _links(desk, device, bundle):
            continue
        start_session(desk, device, bundle, patience_seconds=PATIENCE_SECONDS if only_linked else 0)
        save_device(desk, replace(device_row(desk, device.key), restarted_day=desk.day))
        post(desk, device, Letter(Restart(), texts.new_inner_id(desk)))


def reseal_messages(desk: Desk, contact: ContactRow) -> None:
    """Seal again, with fresh keys, what nobody answered."""
    for device in devices_of(desk, contact.account_id):
        bundle = kept_bundle(desk, contact, device)
        if bundle is not None and session_book(desk, device).wants_session(desk.now):
            start_session(desk, device, bundle, patience_seconds=PATIENCE_SECONDS)
    current = contact_row(desk, contact.account_id)
    save_contact(desk, replace(current, reseal=()))
    for inner_id in current.reseal:
        row = message_book.find_message(desk, inner_id)
        if row is not None and row.state is MessageState.ACCEPTED:
            texts.reseal(desk, row)


def start_session(
    desk: Desk, device: DeviceRow, bundle: Bundle, *, patience_seconds: int = 0
) -> None:
    """Begin a session with a bundle and forget the bundle: it serves one session."""
    save_book(desk, device, _begun(desk, device, bundle, patience_seconds))
    save_device(desk, replace(device_row(desk, device.key), bundle=None))


def take_bundle(desk: Desk, account_id: AccountId, purpose: str) -> None:
    """Have fresh keys of a contact fetched, for one purpose."""
    errands.queue(desk, Errand(ErrandKind.TAKE_BUNDLE, account_id, purpose))


def messages_due(desk: Desk) -> bool:
    """Fetch fresh keys for what nobody answered (content.md, 3 and 4); False if more are due."""
    due, has_more = message_states.sweep_messages(desk)
    for row in due:
        purpose = FOR_REPEAT if row.request else FOR_RESEAL
        take_bundle(desk, row.account_id, purpose)
        if purpose == FOR_RESEAL:
            contact = contact_row(desk, row.account_id)
            save_contact(desk, replace(contact, reseal=(*contact.reseal, row.inner_id)[-64:]))
    return not has_more


def _links(desk: Desk, device: DeviceRow, bundle: Bundle) -> bool:
    """Whether a session begun now proves knowledge of the last; then no app hears of a restart."""
    return _begun(desk, device, bundle, PATIENCE_SECONDS).sessions[0].origin.linked


def _begun(desk: Desk, device: DeviceRow, bundle: Bundle, patience_seconds: int) -> SessionBook:
    return session_book(desk, device).start(
        own_account(desk).local_device(),
        bundle,
        now=desk.now,
        random=desk.random,
        patience_seconds=patience_seconds,
    )
