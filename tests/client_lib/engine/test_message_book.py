"""What is kept of outgoing messages, and for how long (content.md, 7)."""

from dataclasses import replace

from hushpost.content import InnerId
from hushpost.engine import message_book
from hushpost.engine.desk import Desk
from hushpost.engine.message_book import MessageRow
from hushpost.messages import MessageState
from hushpost_wire.identifiers import AccountId, DeviceId

from tests.client_lib.engine.people import START, MemoryLedger

BOB = AccountId(b"b" * 32)
HOUR = int(START // 3600)


def desk_at(ledger: MemoryLedger, *, days: float = 0) -> Desk:
    """Give a desk some days on."""
    return Desk(ledger, START + days * 86400, bytes)


def row(number: int, state: MessageState, **changes: object) -> MessageRow:
    """Give a row of a message sealed at the start."""
    known = MessageRow(
        InnerId(number.to_bytes(16, "big")),
        BOB,
        state,
        "words",
        not_after=HOUR + 15 * 24,
        first_hour=HOUR,
        written=number,
        places=((DeviceId(b"d" * 16), number, number),),
    )
    return replace(known, **changes)  # type: ignore[arg-type]  # fields by name


def looked_at(ledger: MemoryLedger, message: MessageRow) -> float:
    """Store a message; gives after how many days it is looked at."""
    message_book.save_message(desk_at(ledger), message)
    ((hour, found),) = message_book.first_messages(desk_at(ledger), 5)
    assert found == message
    message_book.forget_message(desk_at(ledger), message)
    return (hour - HOUR) / 24


def test_each_state_has_its_time() -> None:
    """A message is looked at when it expires, is to be repeated, or may be forgotten."""
    ledger = MemoryLedger()
    assert looked_at(ledger, row(1, MessageState.ACCEPTED)) == 15
    assert looked_at(ledger, row(1, MessageState.SEALED, reseal_hour=HOUR + 24)) == 1
    assert looked_at(ledger, row(1, MessageState.DELIVERED)) == 30
    assert looked_at(ledger, row(1, MessageState.WAITING)) == 30
    gone = row(1, MessageState.REFUSED, text="", keep_until=HOUR + 30 * 24)
    assert looked_at(ledger, gone) == 30


def test_the_text_of_a_failed_message_goes_when_it_can_be_repeated_no_more() -> None:
    """Failed after 44 days, a message is looked at when its 45 are over."""
    ledger = MemoryLedger()
    failed = message_book.failed(
        desk_at(ledger, days=44), row(1, MessageState.ACCEPTED), MessageState.UNCONFIRMED
    )
    assert failed.keep_until == HOUR + 74 * 24
    message_book.save_message(desk_at(ledger, days=44), failed)
    ((hour, _),) = message_book.first_messages(desk_at(ledger), 5)
    assert hour == HOUR + 45 * 24 + 1


def test_a_repeat_is_allowed_as_long_as_its_reader_remembers() -> None:
    """45 days after the first sealing it ends; what was never sealed may always go."""
    ledger = MemoryLedger()
    old = row(1, MessageState.UNCONFIRMED)
    assert message_book.may_be_repeated(desk_at(ledger, days=45), old)
    assert not message_book.may_be_repeated(desk_at(ledger, days=45.1), old)
    assert message_book.may_be_repeated(desk_at(ledger, days=99), replace(old, first_hour=0))


def test_messages_to_a_contact_stand_in_the_order_they_were_written() -> None:
    """Sent, unconfirmed and asked for are told apart; what waits is none of them."""
    ledger = MemoryLedger()
    rows = [
        row(3, MessageState.UNCONFIRMED, asked=True),
        row(1, MessageState.UNCONFIRMED),
        row(2, MessageState.DELIVERED, text=""),
        row(4, MessageState.UNCONFIRMED, text=""),
        row(5, MessageState.WAITING),
    ]
    for item in rows:
        message_book.save_message(desk_at(ledger), item)
    desk = desk_at(ledger)
    assert [item.written for item in message_book.sent_to(desk, BOB)] == [1, 2, 3, 4]
    assert [item.written for item in message_book.unconfirmed_to(desk, BOB)] == [1, 3]
    assert [item.written for item in message_book.asked_for(desk, BOB)] == [3]
    assert message_book.first_waiting(desk, BOB) == rows[4]
    assert message_book.first_waiting(desk, b"nobody") is None


def test_a_state_never_goes_back_and_a_hidden_message_is_not_told_of() -> None:
    """Read stays read; a failed one is delivered by a late receipt, not accepted by a relay."""
    desk = desk_at(MemoryLedger())
    read = row(1, MessageState.READ)
    assert message_book.advance(desk, read, MessageState.DELIVERED) is read
    failed = row(2, MessageState.UNCONFIRMED, asked=True)
    assert message_book.advance(desk, failed, MessageState.ACCEPTED) is failed
    late = message_book.advance(desk, failed, MessageState.DELIVERED)
    assert (late.state, late.asked) == (MessageState.DELIVERED, False)
    message_book.announce(desk, row(3, MessageState.SEALED, hidden=True))
    assert len(desk.states) == 1
    assert "words" not in repr(failed)
