"""A contact's device says that mail did not arrive (docs/spec/content.md, 11, the asked side).

Nothing is sent because of it but, at most once a day, the beginning of a new session. The messages
concerned become *unconfirmed*, and the app is told which they are.
"""

from dataclasses import replace
from typing import Final

from hushpost.content import Resend
from hushpost.engine import event_log, message_book, message_states, new_sessions
from hushpost.engine.contact_book import DeviceRow, device_row, save_device
from hushpost.engine.desk import Desk
from hushpost.engine.message_book import MessageRow
from hushpost.messages import MessageState

# An honest contact asks once a day; two clocks and a day of waiting mail make it a few at once.
ASKED_A_DAY_MAX: Final = 4
# A session bridges a thousand lost messages; what is under way meanwhile is counted, too.
BRIDGED_MAX: Final = 900
_CONCERNED_STATES: Final = frozenset({MessageState.ACCEPTED, MessageState.UNCONFIRMED})


def resend_asked(desk: Desk, device: DeviceRow, body: Resend) -> None:
    """Work in a RESEND of a device."""
    if not _admit(desk, device):
        return
    heard = max(body.next_stream, device.confirmed_out + 1)
    is_beyond = device.next_out - heard > BRIDGED_MAX
    concerned = [
        row
        for row in message_book.sent_to(desk, device.account_id)
        if _is_concerned(desk, device, row, body, is_beyond=is_beyond)
    ]
    for row in concerned:
        message_states.give_up(desk, row)
    if concerned:
        event_log.resend_requested(
            desk,
            device.account_id,
            [row.inner_id for row in message_book.asked_for(desk, device.account_id)],
        )
    if is_beyond:
        new_sessions.renew_session(desk, device_row(desk, device.key))


def _admit(desk: Desk, device: DeviceRow) -> bool:
    day, times = device.asked
    times = times + 1 if day == desk.day else 1
    if times > ASKED_A_DAY_MAX:
        return False
    save_device(desk, replace(device, asked=(desk.day, times)))
    return True


def _is_concerned(
    desk: Desk, device: DeviceRow, row: MessageRow, body: Resend, *, is_beyond: bool
) -> bool:
    if (
        row.state not in _CONCERNED_STATES
        or row.request
        or not message_book.may_be_repeated(desk, row)
    ):
        return False
    if dict(row.unaccepted).get(device.device_id, 0) or not row.text:
        return False
    places = next(((a, b) for name, a, b in row.places if name == device.device_id), None)
    if places is None:
        return False
    first, last = places
    if last >= body.next_stream and (is_beyond or desk.hour >= row.not_after):
        return True
    return any(first <= gap_last and gap_first <= last for gap_first, gap_last in body.gaps)
