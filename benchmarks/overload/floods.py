"""The floods. Each takes a relay's address, goes on for some seconds, and counts what became of it.

Whatever a flood needs before (accounts, drops, mail that waits) is made before it begins.
"""

import asyncio
import os
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from time import perf_counter

from hushpost_crypto.drops import Drop
from hushpost_wire.control import (
    Control,
    DropKind,
    Error,
    Login,
    TakePrekeys,
    decode_control_to_client,
    encode_control,
)
from hushpost_wire.frames import ACCEPTED, REFUSED, RefusalReason
from hushpost_wire.identifiers import AccountId, DropSecret, Route
from hushpost_wire.limits import INBOX_PATH, POST_PATH
from hushpost_wire.records import Signature
from hushpost_wire.ttl import DEFAULT_TTL, not_after

from benchmarks.client_frames import FIN_TEXT, SubmitFrames, client_frame
from benchmarks.errors import LoadFailure
from benchmarks.layout import NUMBER_BYTES
from benchmarks.link import Link
from benchmarks.overload.attackers import (
    ANSWER_SECONDS_MAX,
    addresses,
    connection,
    keep_at_it,
    note_end,
    told,
)
from benchmarks.overload.outcomes import Outcomes
from benchmarks.people import Person, greet, open_post

# More than wait at the relay's door, so that some are turned back.
AT_ONCE = 1_200
SENDERS = 100
WINDOW = 200
_SMALL, _LARGE = 4096, 16384


@dataclass(slots=True)
class Target:
    """The relay, and what was prepared at it for a flood."""

    url: str
    people: list[Person] = field(default_factory=list[Person])
    drops: list[Drop] = field(default_factory=list[Drop])
    outcomes: Outcomes = field(default_factory=Outcomes)


Flood = Callable[[Target, float], Awaitable[None]]
Preparation = Callable[[Target], Awaitable[None]]


async def no_preparation(_target: Target) -> None:
    """Prepare nothing."""


async def make_people(target: Target, count: int, kind: DropKind = DropKind.CONTACT) -> None:
    """Make accounts with a drop each, from an address each."""
    sources = addresses()
    for _ in range(count):
        person = Person.make()
        inbox = await person.open_inbox(target.url, create=True, source=next(sources))
        target.drops.append(await person.register(inbox, kind))
        target.people.append(person)
        await inbox.close()


# -- connections, logins, accounts -----------------------------------------------------------------


async def connections(target: Target, seconds: float) -> None:
    """Connect, finish the handshake, and be gone: as many and as fast as can be."""
    sources = addresses()

    async def attempt() -> None:
        async with connection(target.outcomes, target.url, POST_PATH, next(sources)) as reached:
            if reached is not None:
                target.outcomes.answered()

    await keep_at_it(AT_ONCE, seconds, attempt)


async def logins(target: Target, seconds: float) -> None:
    """Log in to accounts that exist, with signatures that do not hold."""
    sources = addresses()

    async def attempt() -> None:
        async with connection(target.outcomes, target.url, INBOX_PATH, next(sources)) as reached:
            if reached is None:
                return
            person = secrets.choice(target.people)
            request = Login(
                id=1,
                account=person.genesis.account_id(),
                device=person.device_list.entries[0].device_id(),
                protocol=1,
                client_nonce=secrets.token_bytes(32),
                signature=Signature(secrets.token_bytes(64)),
            )
            await _ask(target.outcomes, reached[0], request)

    await keep_at_it(AT_ONCE, seconds, attempt)


async def accounts(target: Target, seconds: float) -> None:
    """Make accounts and never come back."""
    sources = addresses()

    async def attempt() -> None:
        async with connection(target.outcomes, target.url, INBOX_PATH, next(sources)) as reached:
            if reached is None:
                return
            person = Person.make()
            await _ask(target.outcomes, reached[0], person.creation(reached[1]))

    await keep_at_it(AT_ONCE, seconds, attempt)


async def takes(target: Target, seconds: float) -> None:
    """Take the prekeys of a few accounts, over and over, from everywhere."""
    sources = addresses()

    async def attempt() -> None:
        async with connection(target.outcomes, target.url, POST_PATH, next(sources)) as reached:
            if reached is None:
                return
            target.outcomes.answered()  # the connection itself
            for number in range(20):
                target.outcomes.sent += 1
                account = AccountId(secrets.choice(target.people).genesis.account_id())
                request = TakePrekeys(id=number + 1, account=account)
                if not await _ask(target.outcomes, reached[0], request):
                    return

    await keep_at_it(AT_ONCE // 8, seconds, attempt)


async def _ask(outcomes: Outcomes, link: Link, request: Control) -> bool:
    """Send one request and count its answer; False when the connection ended."""
    link.write(client_frame(FIN_TEXT, encode_control(request).encode()))
    try:
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            data = await link.message()
    except LoadFailure:
        note_end(outcomes, link.closed or "")
        return False
    except TimeoutError:
        outcomes.untold("no answer in time")
        return False
    message = decode_control_to_client(data) if isinstance(data, str) else None
    if isinstance(message, Error):
        outcomes.told(f"error {message.code}")
    else:
        outcomes.answered()
    return True


# -- envelopes -------------------------------------------------------------------------------------


class Sender:
    """A connection that submits as fast as the relay reads, a window at a time."""

    def __init__(self, link: Link, frames: SubmitFrames, outcomes: Outcomes) -> None:
        self._link = link
        self._frames = frames
        self._outcomes = outcomes
        self._number = 0
        self.waiting = 0
        link.on_binary = self._verdict

    def submit(self, frames: SubmitFrames) -> None:
        """Submit one envelope, wherever it goes."""
        self.waiting += 1
        self._link.write(frames.build(self._number))
        self._number += 1

    def fill(self) -> None:
        """Submit until the window is full."""
        count = WINDOW - self.waiting
        first = self._number
        self._number += count
        self.waiting += count
        self._outcomes.sent += count
        self._link.write(b"".join(self._frames.build(first + n) for n in range(count)))

    @property
    def is_full(self) -> bool:
        """Whether it waits for verdicts before it may submit more."""
        return self.waiting >= WINDOW and self.closed is None

    @property
    def closed(self) -> str | None:
        """Why the connection ended."""
        return self._link.closed

    def _verdict(self, data: bytes, start: int, stop: int) -> None:
        if data[start] == REFUSED:
            self._outcomes.told(f"REFUSED {RefusalReason(data[start + 1]).name}")
            self.waiting -= 1
        elif data[start] == ACCEPTED:
            count = (stop - start - 4) // 4
            self._outcomes.answered(count)
            self.waiting -= count


async def _submit(target: Target, seconds: float, drops: list[Drop], envelope_bytes: int) -> None:
    """Submit through drops from many networks until the time is over."""
    sources = addresses()
    senders = [
        Sender(
            await open_post(target.url, source=next(sources)),
            frames_for(drops[n % len(drops)], envelope_bytes),
            target.outcomes,
        )
        for n in range(SENDERS)
    ]
    end = perf_counter() + seconds
    while perf_counter() < end:
        for sender in senders:
            if sender.closed is None and sender.waiting < WINDOW // 2:
                sender.fill()
        await asyncio.sleep(0.005)
    end = perf_counter() + ANSWER_SECONDS_MAX
    while any(one.waiting and one.closed is None for one in senders) and perf_counter() < end:  # noqa: ASYNC110 - nothing announces the last verdict
        await asyncio.sleep(0.01)  # nothing announces the last verdict
    for sender in senders:
        if sender.waiting and sender.closed is not None:
            note_end(target.outcomes, sender.closed, sender.waiting)


def frames_for(drop: Drop, envelope_bytes: int = _SMALL) -> SubmitFrames:
    """Give the SUBMITs through a drop."""
    return SubmitFrames(
        route=drop.route,
        drop_secret=drop.secret,
        ttl_class=DEFAULT_TTL,
        not_after=not_after(DEFAULT_TTL, time.time()),
        filler=os.urandom(envelope_bytes - NUMBER_BYTES),
    )


async def envelopes(target: Target, seconds: float) -> None:
    """Submit envelopes that may be submitted, ten times faster than the relay can take them."""
    await _submit(target, seconds, target.drops, _SMALL)


async def unknown_drops(target: Target, seconds: float) -> None:
    """Submit through drops that nobody registered."""
    drops = [Drop(Route(os.urandom(16)), DropSecret(os.urandom(32))) for _ in range(SENDERS)]
    await _submit(target, seconds, drops, _SMALL)


async def knocks(target: Target, seconds: float) -> None:
    """Knock at a few mailboxes, which take twenty a day."""
    await _submit(target, seconds, target.drops, _LARGE)


# -- readers that do not read ----------------------------------------------------------------------

READERS = 1_000
# Envelopes of the large bucket that wait for each: six times what its connection may buffer.
_UNREAD = 24
_POSTS = 20


async def leave_mail(target: Target) -> None:
    """Make the readers' accounts and fill their mailboxes, while nobody is logged in."""
    await make_people(target, READERS)
    sources = addresses()
    posts = [await open_post(target.url, source=next(sources)) for _ in range(_POSTS)]
    await asyncio.gather(*(_fill(post, target.drops[n::_POSTS]) for n, post in enumerate(posts)))


async def _fill(post: Link, drops: list[Drop]) -> None:
    """Post what is to wait through these drops, a window at a time."""
    sender = Sender(post, frames_for(drops[0], _LARGE), Outcomes())
    for drop in drops:
        frames = frames_for(drop, _LARGE)
        for _ in range(_UNREAD):
            sender.submit(frames)
        while sender.is_full:  # noqa: ASYNC110 - nothing announces a verdict
            await asyncio.sleep(0.002)
    while sender.waiting and sender.closed is None:  # noqa: ASYNC110 - nothing announces a verdict
        await asyncio.sleep(0.01)
    if sender.closed is not None:
        raise LoadFailure(f"mailboxes were not filled: {sender.closed}")


async def slow_readers(target: Target, seconds: float) -> None:
    """Log in to mailboxes full of mail, and read nothing more."""
    sources = addresses()
    end = perf_counter() + seconds
    unread: list[Link] = []
    for person in target.people:
        target.outcomes.sent += 1
        link, hello = await greet(target.url, INBOX_PATH, source=next(sources))
        link.on_binary = _pass_over
        await person.log_in(link, hello)
        link.stop_reading()
        unread.append(link)
    target.outcomes.answered(len(unread))
    await asyncio.sleep(max(0.0, end - perf_counter()))
    for link in unread:
        link.read_again()
    await asyncio.sleep(1.0)
    for link in unread:
        if link.closed is not None:
            target.outcomes.ways[told(link.closed) or f"silence: {link.closed[:40]}"] += 1
        link.abort()


def _pass_over(_data: bytes, _start: int, _stop: int) -> None:
    """Read what is too late to matter."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A flood with its preparation, and what an operator's relay is set to for that alone."""

    flood: Flood
    prepare: Preparation = no_preparation
    settings: Mapping[str, str] = field(default_factory=dict[str, str])


# A thousand accounts and their mail are made beforehand: how fast that may be is what other floods
# are about. What a connection and all of them may buffer is an eighth of what it is by default, so
# that a thousand with 384 KiB each are as far beyond it as with 3 MiB each.
_READY_MADE = {
    "HUSHPOST_RELAY_ACCOUNTS_PER_SECOND": "0",
    "HUSHPOST_RELAY_CONNECTION_SUBMITS_PER_SECOND": "0",
    "HUSHPOST_RELAY_PREFIX_SUBMITS_PER_SECOND": "0",
    "HUSHPOST_RELAY_WRITE_BUFFER_BYTES_MAX": "65536",
    "HUSHPOST_RELAY_UNSENT_BYTES_MAX": "16777216",
}

FLOODS: Mapping[str, Kind] = {
    "connections": Kind(connections),
    "logins": Kind(logins, lambda target: make_people(target, 20)),
    "accounts": Kind(accounts),
    "prekey takes": Kind(takes, lambda target: make_people(target, 20)),
    "unknown drops": Kind(unknown_drops),
    "knocks": Kind(knocks, lambda target: make_people(target, 20, DropKind.KNOCK)),
    "envelopes": Kind(envelopes, lambda target: make_people(target, 50)),
    "slow readers": Kind(slow_readers, leave_mail, _READY_MADE),
}
