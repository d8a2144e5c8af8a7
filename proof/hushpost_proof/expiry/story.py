"""What happens to mail that expires unread, told with figures (docs/spec/content.md, 11)."""

import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from hushpost import (
    Message,
    MessageNotDelivered,
    MessageReceived,
    MessagesExpired,
    MessagesMissing,
    MessageState,
    ResendRequested,
    SafetyAlarm,
    SessionRestarted,
)
from hushpost.content import Resend
from hushpost.engine import texts
from hushpost.engine.contact_book import devices_of
from hushpost.engine.desk import Desk
from hushpost.engine.outbox import Letter, post
from hushpost.messages import has_reached

from hushpost_proof.expiry import reader
from hushpost_proof.expiry.reader import Reader, inside
from hushpost_proof.expiry.relays import claim_expired, silent
from hushpost_proof.expiry.town import founded

# Longer than the fourteen days of an envelope and the day it is rounded up to.
AWAY_DAYS = 16.0
TEXTS_EACH = 3
LIES = 200
QUESTIONS = 50
SHORT_SECONDS = 1.5
MANY_CONTACTS = 50
MANY_EACH = 10
BEYOND = 1010


@dataclass(frozen=True, slots=True)
class Sent:
    """A text and what became of it."""

    words: str
    message: Message


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one story came to; ``faults`` are what may not be."""

    happened: int
    said: str
    faults: list[str]


@contextmanager
def short_patience() -> Generator[None]:
    """Wait less for what, with a planted defect, will not come."""
    with patch.object(reader, "PATIENCE_SECONDS", SHORT_SECONDS):
        yield


async def unread_by_the_owner(folder: Path, friends: Sequence[str]) -> Outcome:
    """Several friends and strangers write to somebody away; all is told, asked for, sent again."""
    async with founded(folder) as town:
        (owner,) = await town.settle("owner")
        writers = await town.friends_of(owner, *friends)
        strangers = await town.settle("stranger-1", "stranger-2")
        await town.leave(owner)
        sent = await _write(writers, owner)
        await _knock(strangers, owner)
        await town.pass_days(AWAY_DAYS)
        faults = await _not_unconfirmed(sent)
        await town.come_back(owner)
        faults += await _not_told(owner, writers, strangers)
        await town.pass_minutes()
        again = await _send_again(writers)
        await town.pass_minutes()
        faults += await _not_once(owner, sent, again)
        count = sum(event.count for event in owner.told(MessagesExpired))
        said = (
            f"{len(sent)} texts of {len(writers)} contacts and {len(strangers)} knocks expired; the"
            f" owner was told of {count} envelopes by contact; {len(again)} texts sent again with"
            f" one call a contact, {_shown_once(owner, sent)} shown once"
        )
        return Outcome(len(sent), said, faults)


async def both_arrive(folder: Path) -> Outcome:
    """Show a text and lose its receipt; sent again after sixteen days, it is shown once."""
    async with founded(folder) as town:
        (owner,) = await town.settle("owner")
        (writer,) = await town.friends_of(owner, "writer")
        (message,) = await _write([writer], owner, 1)
        await owner.sees(lambda: owner.texts()[message.words] == 1)
        # The receipt is due in a second or more, by a clock that stands still meanwhile.
        await town.leave_at_once(owner)
        await town.pass_days(AWAY_DAYS)
        faults = await _not_unconfirmed([message])
        again = await writer.client.send_all_again(writer.contact(owner))
        await town.come_back(owner)
        await town.pass_minutes()
        faults += await _not_once(owner, [message], again)
        shown = owner.texts()[message.words]
        return Outcome(1, f"received twice, sixteen days apart, shown {shown} time(s)", faults)


async def silent_relay(folder: Path) -> Outcome:
    """Have the relay say nothing: the writer sees it alone, and the next text finds it out."""
    with silent():
        async with founded(folder) as town:
            (owner,) = await town.settle("owner")
            (writer,) = await town.friends_of(owner, "writer")
            await town.leave(owner)
            sent = await _write([writer], owner)
            await town.pass_days(AWAY_DAYS)
            faults = await _not_unconfirmed(sent)
            await town.come_back(owner)
            await writer.client.send(writer.contact(owner), "the first to arrive")
            await town.pass_minutes()
            again = await _send_again([writer])
            await town.pass_minutes()
            faults += await _not_once(owner, sent, again)
            if owner.told(MessagesExpired):
                faults.append("a silent relay told of expired mail")
            missing = sum(event.count for event in owner.told(MessagesMissing))
            said = (
                f"no notice; {len(sent)} texts unconfirmed by the writer's clock alone, {missing}"
                f" places missing at the owner, {len(again)} sent again,"
                f" {_shown_once(owner, sent)} shown once"
            )
            return Outcome(len(sent), said, faults)


async def lying_relay(folder: Path) -> Outcome:
    """Have the relay claim two hundred times a day that 2^32 envelopes of each drop expired."""
    async with founded(folder) as town:
        (owner,) = await town.settle("owner")
        writers = await town.friends_of(owner, "writer-1", "writer-2")
        posted = [_places(owner, writer) for writer in writers]
        lies, days = 0, 2
        for _ in range(days):
            for _ in range(2):
                lies += claim_expired(town.relay, owner, LIES // 2)
                await town.pass_minutes()
            await town.pass_days(1)
        requests = sum(_places(owner, writer) for writer in writers) - sum(posted)
        told = len(owner.told(MessagesExpired))
        alarms = sum(len(writer.told(ResendRequested)) for writer in writers)
        faults = [f"{alarms} contacts' apps were alarmed for nothing"] if alarms else []
        # One a day and contact, and the day in which the experiment ends.
        if not 0 < requests <= (days + 1) * len(writers):
            faults.append(f"{requests} requests to send again in {days} days")
        if not 0 < told <= (days + 1) * (len(writers) + 1):
            faults.append(f"{told} events of expired mail in {days} days")
        said = (
            f"{lies} lies on {days} days: {told} events, {requests} requests to {len(writers)}"
            f" contacts, {alarms} alarms at theirs"
        )
        return Outcome(lies, said, faults)


async def lying_contact(folder: Path) -> Outcome:
    """Have a contact's device ask for everything, fifty times a day: nothing goes out by itself."""
    async with founded(folder) as town:
        (liar,) = await town.settle("liar")
        (writer,) = await town.friends_of(liar, "writer")
        (kept,) = await _write([writer], liar, 1)
        await town.rest()
        await kept.message.reached("delivered", timeout=liar.patience)
        await town.rest()
        before = _places(writer, liar)
        steps = inside(liar.client).steps
        for number in range(QUESTIONS):
            await steps.run(_ask, liar.contact(writer).account_id, 2**40 + number)
        await town.pass_minutes()
        out = _places(writer, liar) - before
        alarms = len(writer.told(ResendRequested))
        restarts = len(liar.told(SessionRestarted))
        said = f"{QUESTIONS} questions for everything ever: {out} envelopes, {alarms} alarms"
        faults = [said] if out or alarms or restarts else []
        return Outcome(QUESTIONS, said, faults)


async def many(folder: Path) -> Outcome:
    """Let five hundred messages of fifty contacts wait for somebody who is away for 13 days."""
    async with founded(folder) as town:
        (owner,) = await town.settle("owner")
        writers = await town.friends_of(owner, *(f"w{number}" for number in range(MANY_CONTACTS)))
        await town.leave(owner)
        sent = await _write(writers, owner, MANY_EACH)
        await town.pass_days(13)
        began = time.monotonic()
        await town.come_back(owner)
        await owner.is_told(MessageReceived, len(sent) + len(writers))
        seconds = time.monotonic() - began
        for _ in range(3):
            await town.rest()
        faults = [f"a text is {item.message.state}" for item in sent if not _is_delivered(item)]
        if _shown_once(owner, sent) != len(sent):
            faults.append(f"{_shown_once(owner, sent)} of {len(sent)} texts were shown once")
        if any(isinstance(event, SafetyAlarm | MessagesMissing) for event in owner.events):
            faults.append("an alarm, or missing messages, without a cause")
        said = f"{len(sent)} texts waited 13 days, all shown once {seconds:.1f} s after the login"
        return Outcome(len(sent), said, faults)


async def more_than_a_session_bridges(folder: Path) -> Outcome:
    """Let over a thousand texts expire: a session cannot bridge them, and is renewed unasked."""
    async with founded(folder) as town:
        (owner,) = await town.settle("owner")
        (writer,) = await town.friends_of(owner, "writer")
        await town.leave(owner)
        sent = await _write([writer], owner, BEYOND)
        await town.pass_days(AWAY_DAYS)
        (unreadable,) = await _write([writer], owner, 1, first=BEYOND)
        await town.come_back(owner)
        for _ in range(3):
            await town.pass_minutes()
        again = await _send_again([writer])
        again += await writer.client.send_all_again(writer.contact(owner))
        await town.pass_minutes()
        everything = [*sent, unreadable]
        # The calendar stands still while so many arrive: their receipts are due behind the last.
        await owner.is_told(MessageReceived, len(everything) + 1)
        await town.rest()
        faults = await _not_once(owner, everything, again)
        if owner.told(SessionRestarted) or writer.told(SessionRestarted):
            faults.append("somebody was told of a restart")
        said = (
            f"{len(sent)} texts expired and the next could not be opened; the session was renewed"
            f" by itself, {_shown_once(owner, everything)} of {len(everything)} shown once"
        )
        return Outcome(len(everything), said, faults)


def _is_delivered(item: Sent) -> bool:
    return has_reached(item.message.state, MessageState.DELIVERED)


async def _write(
    writers: Sequence[Reader], owner: Reader, count: int = TEXTS_EACH, *, first: int = 0
) -> list[Sent]:
    sent: list[Sent] = []
    for writer in writers:
        name = writer.client.address.account_id.hex()[:8]
        for number in range(first, first + count):
            words = f"text {number} of {name}"
            message = await writer.client.send(writer.contact(owner), words)
            sent.append(Sent(words, message))
    for item in sent:
        await item.message.reached("accepted", timeout=owner.patience)
    return sent


async def _knock(strangers: Sequence[Reader], owner: Reader) -> None:
    for stranger in strangers:
        contact = await stranger.client.add_contact(owner.client.address)
        message = await stranger.client.send(contact, "a knock that nobody reads")
        await message.reached("accepted", timeout=owner.patience)


async def _send_again(writers: Sequence[Reader]) -> list[Message]:
    """Do what each writer's app does when it is told, with one call."""
    again: list[Message] = []
    for writer in writers:
        with suppress(TimeoutError):
            await writer.is_told(ResendRequested)
        for event in writer.told(ResendRequested):
            again += await writer.client.send_all_again(event)
    return again


async def _not_unconfirmed(sent: Sequence[Sent]) -> list[str]:
    """Say which messages their writer does not see as unconfirmed, without anybody's help."""
    faults: list[str] = []
    for item in sent:
        try:
            await item.message.reached(MessageState.UNCONFIRMED, timeout=reader.PATIENCE_SECONDS)
        except (TimeoutError, MessageNotDelivered):
            faults.append(f"{item.words!r} is {item.message.state} after its time")
    return faults


async def _not_told(
    owner: Reader, writers: Sequence[Reader], strangers: Sequence[Reader]
) -> list[str]:
    """Say what the owner was not told of expired mail: by contact, and knocks in one sum."""
    with suppress(TimeoutError):
        await owner.sees(lambda: len(owner.told(MessagesExpired)) > len(writers))
    counts = {
        None if event.contact is None else event.contact.account_id: event.count
        for event in owner.told(MessagesExpired)
    }
    expected: dict[bytes | None, int] = {
        writer.client.address.account_id: TEXTS_EACH for writer in writers
    }
    expected[None] = len(strangers)
    return [
        f"the owner was told of {counts.get(name, 0)} expired envelopes, not {count}"
        for name, count in expected.items()
        if counts.get(name, 0) != count
    ]


async def _not_once(owner: Reader, sent: Sequence[Sent], again: Sequence[Message]) -> list[str]:
    """Say what was not sent again under its id, not shown once, or not confirmed in the end."""
    faults: list[str] = []
    if {item.message.message_id for item in sent} != {message.message_id for message in again}:
        faults.append(f"{len(sent)} texts were lost and {len(again)} sent again under their ids")
    for message in again:
        try:
            await message.reached("delivered", timeout=owner.patience)
        except (TimeoutError, MessageNotDelivered):
            faults.append(f"a text sent again is {message.state}")
    return faults + [
        f"{item.words!r} was shown {owner.texts()[item.words]} times"
        for item in sent
        if owner.texts()[item.words] != 1
    ]


def _shown_once(owner: Reader, sent: Sequence[Sent]) -> int:
    shown = owner.texts()
    return sum(shown[item.words] == 1 for item in sent)


def _places(person: Reader, other: Reader) -> int:
    """How many envelopes one person's device sealed for another's."""
    account = other.client.address.account_id
    devices = inside(person.client).steps.look(devices_of, account)
    return sum(device.next_out for device in devices)


def _ask(desk: Desk, account_id: bytes, last: int) -> None:
    for device in devices_of(desk, account_id):
        body = Resend(last + 1, ((1, last),))
        post(desk, device, Letter(body, texts.new_inner_id(desk)))
