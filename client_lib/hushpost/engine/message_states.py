"""How outgoing messages move: verdicts, receipts, the clock (docs/spec/content.md, 7 and 11).

relay: accepted, refused      recipient: delivered, read, asked for again      clock: unconfirmed
"""

from dataclasses import replace
from typing import Final

from hushpost.content import InnerId, ReceiptStatus
from hushpost.engine.contact_book import DeviceRow, save_device
from hushpost.engine.desk import Desk
from hushpost.engine.message_book import (
    MessageRow,
    advance,
    announce,
    failed,
    find_message,
    first_messages,
    forget_message,
    is_settled,
    save_message,
    waiting_for,
)
from hushpost.engine.outbox import OutboxEntry
from hushpost.messages import FAILED, MessageState, has_reached

# A message sealed under a bundle that nobody answered is sent once more after a day.
RESEAL_HOURS: Final = 24
# Messages looked at in one transaction of the hourly sweep; the others follow in the next.
SWEEP_BATCH: Final = 256


def entry_accepted(desk: Desk, entry: OutboxEntry) -> None:
    """Count a part that a relay took; the message is accepted with the last part of one device."""
    row = find_message(desk, entry.inner_id)
    if row is None:
        return
    left = tuple(
        (device, count - 1 if device == entry.device_id else count)
        for device, count in row.unaccepted
    )
    row = replace(row, unaccepted=left)
    if any(count == 0 for _, count in left):
        row = advance(desk, row, MessageState.ACCEPTED)
    save_message(desk, row)


def entry_refused(desk: Desk, entry: OutboxEntry) -> None:
    """Take a device off a message; with the last one the message is refused."""
    row = find_message(desk, entry.inner_id)
    if row is None or has_reached(row.state, MessageState.ACCEPTED):
        return
    left = tuple(pair for pair in row.unaccepted if pair[0] != entry.device_id)
    row = replace(row, unaccepted=left)
    if not left and row.state not in FAILED:
        row = announce(desk, failed(desk, row, MessageState.REFUSED))
    save_message(desk, row)


def receipts_received(
    desk: Desk, device: DeviceRow, entries: tuple[tuple[ReceiptStatus, InnerId], ...]
) -> None:
    """Work in a device's receipts; they also tell how far our stream to it came."""
    confirmed = device.confirmed_out
    for status, inner_id in entries:
        row = receipted(desk, device.account_id, inner_id, status)
        for name, _, last in () if row is None else row.places:
            confirmed = max(confirmed, last if name == device.device_id else 0)
    if confirmed != device.confirmed_out:
        save_device(desk, replace(device, confirmed_out=confirmed))


def receipted(
    desk: Desk, account_id: bytes, inner_id: InnerId, status: ReceiptStatus
) -> MessageRow | None:
    """Believe a receipt of the message's own recipient; ignore any other (content.md, 2)."""
    row = find_message(desk, inner_id)
    if row is None or row.account_id != account_id or row.state is MessageState.WAITING:
        return None
    wanted = MessageState.READ if status is ReceiptStatus.READ else MessageState.DELIVERED
    row = advance(desk, row, wanted)
    save_message(desk, replace(row, text="", reseal_hour=0))
    return row


def sweep_messages(desk: Desk) -> tuple[list[MessageRow], bool]:
    """Work off messages whose hour has come; gives those to seal again, and if more are due."""
    due: list[MessageRow] = []
    rows = first_messages(desk, SWEEP_BATCH)
    for position, row in rows:
        if position > desk.hour:
            return due, False
        if row.state in FAILED and desk.hour < row.keep_until:
            save_message(desk, replace(row, text=""))
        elif is_settled(row):
            forget_message(desk, row)
        elif row.state is MessageState.WAITING:
            save_message(desk, row)
        elif desk.hour < row.not_after:
            due.extend(_due_again(desk, row))
        else:
            save_message(desk, announce(desk, failed(desk, row, MessageState.UNCONFIRMED)))
    return due, len(rows) == SWEEP_BATCH


def _due_again(desk: Desk, row: MessageRow) -> list[MessageRow]:
    """Give the row if it is on its reader's side; what is still here is looked at again later."""
    accepted = row.state is MessageState.ACCEPTED
    save_message(desk, replace(row, reseal_hour=0 if accepted else desk.hour + RESEAL_HOURS))
    return [row] if accepted else []


def give_up(desk: Desk, row: MessageRow) -> None:
    """Hold a message for lost because its recipient says so (content.md, 11)."""
    if row.state is not MessageState.UNCONFIRMED:
        row = announce(desk, failed(desk, row, MessageState.UNCONFIRMED))
    save_message(desk, replace(row, asked=True))


def contact_refuses(desk: Desk, account_id: bytes) -> None:
    """Refuse what waits for a contact that is blocked or removed."""
    for row in waiting_for(desk, account_id):
        save_message(desk, announce(desk, failed(desk, row, MessageState.REFUSED)))
