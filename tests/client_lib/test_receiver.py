"""The receiver commits before it acknowledges, and one bad envelope stops nothing."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from hushpost import MessageReceived, UndecryptableReceived, receiver
from hushpost.engine import event_log, inbox
from hushpost.engine.desk import Desk
from hushpost.engine.seen import Arrival
from hushpost.errors import VaultFull
from hushpost.transport_inbox import Delivery
from hushpost_wire.frames import Deliver
from hushpost_wire.identifiers import DropReference, envelope_id

from tests.client_lib.client_world import (
    again,
    befriend,
    inside,
    own,
    person,
    relay,
    texts,
    until,
    wait_for,
)

if TYPE_CHECKING:
    from hushpost.transport_link import Link


async def test_what_could_not_be_stored_is_not_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the disk is full nothing is shown or acknowledged; afterwards all of it arrives."""
    monkeypatch.setattr(receiver, "VAULT_RETRY_SECONDS", 0.05)
    real, full = inbox.receive, True

    def receive(desk: Desk, arrival: Arrival) -> None:
        if full:
            raise VaultFull("the disk is full")
        real(desk, arrival)

    async with (
        relay() as server,
        await person(tmp_path, "alice", server.url) as alice,
        await person(tmp_path, "bob", server.url) as bob,
    ):
        contact, _ = await befriend(alice, bob)
        monkeypatch.setattr(inbox, "receive", receive)
        message = await alice.send(contact, "kept by the relay")
        await asyncio.sleep(0.3)
        assert inside(bob).steps.look(event_log.waiting) == 0
        full = False
        assert await texts(bob, 1) == ["kept by the relay"]
        await message.reached("delivered", timeout=60)


async def test_a_defect_in_one_envelope_costs_that_envelope_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is counted as undecryptable and told to the loop's handler; the others arrive."""
    real = inbox.receive
    poisoned: list[bytes] = []

    def receive(desk: Desk, arrival: Arrival) -> None:
        if not poisoned or arrival.envelope_id in poisoned:
            poisoned.append(arrival.envelope_id)
            raise ZeroDivisionError("a defect of ours")
        real(desk, arrival)

    reported: list[str] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: reported.append(str(context["message"]))
    )
    async with (
        relay() as server,
        await person(tmp_path, "alice", server.url) as alice,
        await person(tmp_path, "bob", server.url) as bob,
    ):
        contact, _ = await befriend(alice, bob)
        monkeypatch.setattr(inbox, "receive", receive)
        await alice.send(contact, "poison")
        assert (await wait_for(bob, UndecryptableReceived)).count == 1
        monkeypatch.setattr(inbox, "receive", real)
        await alice.send(contact, "antidote")
        assert reported == ["hushpost could not take in a delivery"]
        # The poisoned one left a gap, which is given up after a minute: look, not wait.
        await until(lambda: own(bob).login_number >= 1)


async def test_an_app_that_reads_nothing_leaves_its_mail_at_the_relay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the bound nothing more is taken in; when the app reads, the rest follows."""
    async with (
        relay() as server,
        await person(tmp_path, "alice", server.url) as alice,
        await person(tmp_path, "bob", server.url) as bob,
    ):
        contact, _ = await befriend(alice, bob)
        monkeypatch.setattr(receiver, "EVENTS_WAITING_MAX", 5)
        messages = [await alice.send(contact, f"{n}") for n in range(100)]
        await messages[-1].reached("accepted", timeout=60)
        await until(lambda: inside(bob).steps.look(event_log.waiting) >= 5)
        await asyncio.sleep(0.3)  # no more may come
        waiting = inside(bob).steps.look(event_log.waiting)
        assert 5 <= waiting < 5 + receiver.BATCH_MAX
        assert await texts(bob, 100, seconds=60) == [f"{n}" for n in range(100)]


async def test_each_login_counts(tmp_path: Path) -> None:
    """The number of the login that brought mail is durable: it tells replays apart."""
    async with relay() as server, await person(tmp_path, "alice", server.url) as alice:
        async with await person(tmp_path, "bob", server.url) as bob:
            contact, _ = await befriend(alice, bob)
            first = own(bob).login_number
        await alice.send(contact, "again")
        async with await again(tmp_path, "bob") as bob:
            await wait_for(bob, MessageReceived)
            assert own(bob).login_number == first + 1


async def test_typing_notices_that_wait_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No window bounds what is ephemeral: beyond a number it is dropped, and mail is not."""
    monkeypatch.setattr(receiver, "EVENTS_WAITING_MAX", 0)  # nothing is taken in
    async with relay() as server, await person(tmp_path, "alice", server.url) as alice:
        queue = inside(alice)._receiver  # pyright: ignore[reportPrivateUsage]  # plays the relay
        for number in range(3 * receiver.EPHEMERAL_MAX):
            queue.put(_delivery(number, tag=0))
        assert len(queue._queue) == receiver.EPHEMERAL_MAX  # pyright: ignore[reportPrivateUsage]
        queue.put(_delivery(999, tag=7))
        assert len(queue._queue) == receiver.EPHEMERAL_MAX + 1  # pyright: ignore[reportPrivateUsage]
        monkeypatch.setattr(receiver, "EVENTS_WAITING_MAX", 1000)
        queue.wake()
        await until(lambda: not queue._queue)  # pyright: ignore[reportPrivateUsage]
        await until(lambda: queue._ephemeral == 0)  # pyright: ignore[reportPrivateUsage]


def _delivery(number: int, *, tag: int) -> Delivery:
    envelope = number.to_bytes(4, "big") * 1024
    deliver = Deliver(0, tag, 2**32 - 1, DropReference(bytes(16)), envelope_id(envelope), envelope)
    return Delivery(deliver, cast("Link", None))
