"""Tests of hushpost_server.feed: order and completeness under every way of falling behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from hushpost_proof.harness.device import TestDevice, Wire, dial, envelope_for
from hushpost_server.clock import ManualClock
from hushpost_server.feed import EARLY_MAX, PAGE_ENVELOPES, Arrival, Feed, Phase
from hushpost_server.metrics import Counter
from hushpost_server.relay import RelayServer
from hushpost_store.interface import MailboxStore
from hushpost_store.rows import OpenedMailbox, QueuedEnvelope
from hushpost_wire.frames import Accepted, Deliver, encode_submit
from hushpost_wire.identifiers import DropReference, EnvelopeId
from hushpost_wire.relay_protocol import RelayProtocol
from hushpost_wire.transitions import State

from tests.server.conftest import quiet


async def post_many(wire: Wire, device: TestDevice, secret: bytes, bodies: range) -> None:
    """Submit numbered envelopes without waiting for each, then wait for all."""
    for number in bodies:
        submit = envelope_for(device.route, secret, request=number, body=number.to_bytes(4096))
        await wire.socket.send(encode_submit(submit))
    waiting = len(bodies)
    while waiting:
        verdict = await wire.verdict()
        assert isinstance(verdict, Accepted)
        waiting -= len(verdict.requests)


async def numbers(wire: Wire, count: int, *, acknowledge: bool = True) -> list[int]:
    """Receive `count` deliveries and return their numbers."""
    got: list[int] = []
    for _ in range(count):
        delivery = await wire.wait_for(Deliver)
        got.append(int.from_bytes(delivery.envelope))
        if acknowledge:
            await wire.acknowledge(delivery)
    return got


@pytest.mark.parametrize("store", ["memory", "sqlite"])
async def test_a_backlog_of_several_pages_comes_in_order(
    clock: ManualClock, tmp_path: Path, store: str
) -> None:
    """More than a page and a window waits: everything comes once, in order."""
    count = PAGE_ENVELOPES * 3 + 5
    async with RelayServer(quiet(store=store, data_folder=tmp_path), clock=clock) as relay:
        device = TestDevice(relay.url)
        async with device.inbox(create=True) as inbox:
            secret = await device.open_drop(inbox)
        async with dial(relay.url, "/v1/post") as post:
            await post_many(post, device, secret, range(count))
        async with device.inbox() as inbox:
            assert await numbers(inbox, count) == list(range(count))


@pytest.mark.parametrize("store", ["memory", "sqlite"])
async def test_mail_that_comes_while_a_backlog_is_read_keeps_its_place(
    clock: ManualClock, tmp_path: Path, store: str
) -> None:
    """Live envelopes never overtake the backlog, and none is missed or doubled between them."""
    first, count = 200, 400
    async with RelayServer(quiet(store=store, data_folder=tmp_path), clock=clock) as relay:
        device = TestDevice(relay.url)
        async with device.inbox(create=True) as inbox:
            secret = await device.open_drop(inbox)
        async with dial(relay.url, "/v1/post") as post:
            await post_many(post, device, secret, range(first))
            async with device.inbox() as inbox:
                reading = asyncio.create_task(numbers(inbox, count))
                await post_many(post, device, secret, range(first, count))
                assert await reading == list(range(count))


async def test_a_full_window_waits_for_acknowledgements(clock: ManualClock) -> None:
    """No more than the window is in flight; acknowledging brings the rest, in order."""
    window, count = 8, EARLY_MAX + 60
    async with RelayServer(quiet(deliveries_in_flight_max=window), clock=clock) as relay:
        device = TestDevice(relay.url)
        async with device.inbox(create=True) as inbox, dial(relay.url, "/v1/post") as post:
            secret = await device.open_drop(inbox)
            await post_many(post, device, secret, range(count))
            held = [await inbox.wait_for(Deliver) for _ in range(window)]
            await device.open_drop(inbox)
            assert not [kept for kept in inbox.kept if isinstance(kept, Deliver)]
            await inbox.acknowledge(*held)
            assert await numbers(inbox, count - window) == list(range(window, count))


async def test_what_was_not_acknowledged_comes_again_in_order(relay: RelayServer) -> None:
    """A connection that dies gives everything in flight back to the queue."""
    device = TestDevice(relay.url)
    async with dial(relay.url, "/v1/post") as post:
        async with device.inbox(create=True) as inbox:
            secret = await device.open_drop(inbox)
            await post_many(post, device, secret, range(10))
            assert await numbers(inbox, 10, acknowledge=False) == list(range(10))
            inbox.socket.transport.abort()
        async with device.inbox() as inbox:
            assert await numbers(inbox, 10) == list(range(10))


async def test_an_expired_envelope_is_never_delivered(
    relay: RelayServer, clock: ManualClock
) -> None:
    """Even before the sweep a login does not get what is past its not_after."""
    device = TestDevice(relay.url)
    async with device.inbox(create=True) as inbox:
        secret = await device.open_drop(inbox)
    async with dial(relay.url, "/v1/post") as post:
        await post_many(post, device, secret, range(1))
    clock.advance(16 * 86_400)
    async with device.inbox() as inbox:
        await device.open_drop(inbox)
        assert not [kept for kept in inbox.kept if isinstance(kept, Deliver)]


# -- the feed alone, with a mailbox and a connection by hand -------------------------------------


class Desk:
    """Stands for the mailbox and the connection; `read` is called within each reading of a page."""

    def __init__(self, *queued: int, window: int = 8, shared: bool = False) -> None:
        self.queued = list(queued)
        self.deliveries_left = window
        self.state = State.OPEN
        self.delivered: list[int] = []
        self.ephemeral = 0
        self.acknowledged: list[int] = []
        self.pages = 0
        self.read: Callable[[], None] = lambda: None
        self._spawned: list[Coroutine[Any, Any, None]] = []
        store = SharedShelf(self) if shared else Shelf(self)
        self.feed = Feed(
            cast("RelayProtocol", self),
            cast("MailboxStore", store),
            route=bytes(16),
            window=window,
            now=lambda: 1.0,
            send_soon=lambda: None,
            spawn=self._spawned.append,
            counts=(Counter(), Counter()),
        )

    async def open(self) -> None:
        """Log in, and go on until nothing is left to read."""
        self.feed.opened(OpenedMailbox(7, max(self.queued, default=0), len(self.queued), ()))
        await self.turn()

    async def turn(self) -> None:
        """Run what was spawned."""
        while self._spawned:
            await self._spawned.pop(0)

    def admit(self, sequence: int, *, pushed: bool = True) -> None:
        """Admit an envelope here, or at another relay, which pushes it to nobody of ours."""
        self.queued.append(sequence)
        if pushed:
            self.feed.push(*arrival(sequence))

    def deliver(self, sequence: int, **_: object) -> int:
        """See `RelayProtocol`."""
        assert self.deliveries_left > 0
        self.deliveries_left -= 1
        self.delivered.append(sequence)
        return sequence

    def deliver_ephemeral(self, **_: object) -> None:
        """See `RelayProtocol`."""
        self.ephemeral += 1


class Shelf:
    """The mailbox's part of a store."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def read_backlog(
        self, _route: bytes, epoch: int, *, after_sequence: int, limit: int, now: float
    ) -> list[QueuedEnvelope]:
        """See `MailboxStore`."""
        assert (epoch, now) == (7, 1.0)
        self.desk.pages += 1
        waiting = [number for number in sorted(self.desk.queued) if number > after_sequence]
        self.desk.read()
        return [QueuedEnvelope(*arrival(number)) for number in waiting[:limit]]

    def acknowledge(self, _route: bytes, _epoch: int, sequences: Sequence[int], _: float) -> None:
        """See `MailboxStore`."""
        self.desk.acknowledged += sequences
        self.desk.deliveries_left += len(sequences)


class SharedShelf(Shelf):
    """One that other relays use too."""

    def watch(self, watcher: object) -> None:
        """See `Shared`; nothing of it is asked here, nor of the rest."""

    service = claim_service = reach = watch


def arrival(sequence: int) -> Arrival:
    """Make an envelope of this number."""
    return Arrival(sequence, EnvelopeId(bytes(16)), DropReference(bytes(16)), 9, b"")


async def test_what_another_relay_took_in_is_never_overtaken() -> None:
    """An envelope that does not follow on the last one is read with what fills the gap."""
    desk = Desk(1, shared=True)
    await desk.open()
    desk.admit(2)
    assert desk.delivered == [1, 2]
    desk.admit(3, pushed=False)
    desk.admit(4)
    assert desk.delivered == [1, 2]
    await desk.turn()
    assert desk.delivered == [1, 2, 3, 4]
    desk.admit(5)
    assert desk.delivered == [1, 2, 3, 4, 5]


async def test_where_nobody_else_posts_a_gap_is_none() -> None:
    """A sequence was refused or withdrawn: its successor goes out within the call."""
    desk = Desk(1)
    await desk.open()
    pages = desk.pages
    desk.admit(4)
    assert desk.delivered == [1, 4]
    assert desk.pages == pages


async def test_a_hint_is_followed_once() -> None:
    """What was delivered is not read again; a hint during a page has another page read."""
    desk = Desk(1, shared=True)
    await desk.open()
    pages = desk.pages
    desk.feed.wake(1)
    await desk.turn()
    assert desk.pages == pages
    desk.admit(2, pushed=False)

    def another() -> None:
        if desk.pages == pages + 2:  # the first one found 2, this one finds nothing
            desk.admit(3, pushed=False)
            desk.feed.wake(3)

    desk.read = another
    desk.feed.wake(2)
    await desk.turn()
    assert desk.delivered == [1, 2, 3]
    desk.admit(4)
    assert desk.delivered == [1, 2, 3, 4]


@pytest.mark.parametrize("count", [3, EARLY_MAX + 5])
async def test_what_comes_while_the_last_page_is_read_is_neither_doubled_nor_missed(
    count: int,
) -> None:
    """Kept and delivered after it, or, beyond what is kept, found by one more page."""
    desk = Desk(1, window=200)

    def burst() -> None:
        if desk.pages == 2:  # the first one found 1, this one finds nothing
            for number in range(2, 2 + count):
                desk.admit(number)

    desk.read = burst
    await desk.open()
    assert desk.delivered == list(range(1, 2 + count))
    assert desk.pages == (2 if count <= EARLY_MAX else 5), "what is kept is not read again"
    desk.admit(2 + count)
    assert desk.delivered[-1] == 2 + count


async def test_who_does_not_read_is_sent_nothing_until_it_does() -> None:
    """While it is paused what comes waits in the store, and then comes in order."""
    desk = Desk(1)
    await desk.open()
    desk.feed.pause()
    desk.admit(2)
    desk.admit(3)
    await desk.turn()
    assert desk.delivered == [1]
    desk.feed.resume()
    await desk.turn()
    assert desk.delivered == [1, 2, 3]
    desk.feed.resume()  # nothing is missing: nothing is read
    pages = desk.pages
    await desk.turn()
    assert desk.pages == pages


async def test_a_window_is_filled_again_when_a_quarter_is_free() -> None:
    """A page is worth its reading, and what the device has committed is deleted."""
    desk = Desk(*range(1, 13), window=8)
    await desk.open()
    assert desk.delivered == list(range(1, 9))
    desk.feed.acknowledged((1,))
    await desk.turn()
    assert len(desk.delivered) == 8
    desk.feed.acknowledged((2,))
    await desk.turn()
    assert desk.delivered == list(range(1, 11))
    assert desk.acknowledged == [1, 2]


async def test_what_is_never_queued_comes_live_or_not_at_all() -> None:
    """It falls while the backlog is read, while nobody reads, and while the connection ends."""
    desk = Desk()
    typing = arrival(0)[1:]
    desk.feed.push_ephemeral(*typing)
    await desk.open()
    desk.feed.push_ephemeral(*typing)
    assert desk.ephemeral == 1
    desk.feed.pause()
    desk.feed.push_ephemeral(*typing)
    desk.feed.resume()
    desk.state = State.DRAINING
    desk.feed.push_ephemeral(*typing)
    assert desk.ephemeral == 1


async def test_a_connection_that_drains_leaves_the_rest_to_the_next_login() -> None:
    """In the middle of a page, too; afterwards neither mail nor hints move anything."""
    desk = Desk(1, 2, 3)

    def drain() -> None:
        desk.deliveries_left = 0

    desk.read = drain
    await desk.open()
    assert desk.feed.phase is Phase.ENDED
    desk.deliveries_left = 8
    desk.admit(4)
    desk.feed.wake(4)
    desk.feed.opened(OpenedMailbox(8, 4, 4, ()))
    await desk.turn()
    assert desk.delivered == []


async def test_an_end_while_a_page_is_read_delivers_none_of_it() -> None:
    """The device was displaced meanwhile: the other login gets all of it."""
    desk = Desk(1, 2)
    desk.read = desk.feed.end
    await desk.open()
    assert desk.delivered == []
    assert desk.feed.phase is Phase.ENDED
