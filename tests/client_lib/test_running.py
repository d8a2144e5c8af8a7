"""What runs behind a client: notices, clock, alarms of the connection."""

import asyncio
import gc
from pathlib import Path

import pytest
from hushpost import (
    AlarmKind,
    ClockWrong,
    Connection,
    MessageReceived,
    MessagesExpired,
    SafetyAlarm,
)
from hushpost.engine import deadlines, errands, own_drops, prekey_upkeep
from hushpost.engine.desk import Desk
from hushpost.engine.ledger import Table
from hushpost.errors import VaultFull
from hushpost_wire.client_protocol import Damaged
from hushpost_wire.control import PrekeysLow
from hushpost_wire.identifiers import DropReference, EnvelopeId

from tests.client_lib.client_world import (
    MovedClock,
    again,
    befriend,
    inside,
    person,
    relay,
    tampered_relay,
    until,
    wait_for,
)
from tests.client_lib.engine.people import MemoryLedger


async def test_mail_that_expired_unread_is_told_by_contact(tmp_path: Path) -> None:
    """After a month away the owner hears whose mail expired and how many."""
    clock = MovedClock()
    async with (
        relay(clock) as server,
        await person(tmp_path, "alice", server.url, clock=clock) as alice,
    ):
        async with await person(tmp_path, "bob", server.url, clock=clock) as bob:
            contact, _ = await befriend(alice, bob)
            assert await bob.settled(timeout=60)
        messages = [await alice.send(contact, "unread") for _ in range(3)]
        await messages[-1].reached("accepted", timeout=60)
        clock.ahead = 20 * 86400.0
        await server.sweep()
        async with await again(tmp_path, "bob", clock=clock) as bob:
            event = await wait_for(bob, MessagesExpired)
            assert event.contact is not None
            assert event.contact.name == "alice"
            assert event.count >= 3


async def test_prekeys_are_refilled_when_they_run_low(tmp_path: Path) -> None:
    """When the relay says how few are left, a device makes and publishes more."""
    async with relay() as server, await person(tmp_path, "alice", server.url) as alice:
        assert await alice.settled(timeout=60)
        steps = inside(alice).steps
        inside(alice).noticed(PrekeysLow(left=5))
        await until(
            lambda: steps.look(lambda desk: desk.ledger.count(Table.ONE_TIME_PREKEYS)) == 195
        )
        assert await alice.settled(timeout=60)


async def test_damaged_deliveries_are_alarms(tmp_path: Path) -> None:
    """What the wire machine found damaged is told to the app."""
    async with relay() as server, await person(tmp_path, "alice", server.url) as alice:
        inside(alice).damaged(Damaged(1, DropReference(bytes(16)), EnvelopeId(bytes(16))))
        alarm = await wait_for(alice, SafetyAlarm)
        assert alarm.kind is AlarmKind.ALTERED


async def test_another_relay_under_the_same_name_is_refused(tmp_path: Path) -> None:
    """A relay with another identity key is an alarm; nothing is sent to it."""
    async with tampered_relay() as (proxy, url):
        async with await person(tmp_path, "alice", url) as alice:
            assert alice.connection_explanation != ""
        async with relay(public_host=proxy.host) as impostor:
            proxy.target = f"ws://127.0.0.1:{impostor.url.rsplit(':', 1)[1]}"
            async with await again(tmp_path, "alice") as alice:
                alarm = await wait_for(alice, SafetyAlarm)
                assert alarm.kind is AlarmKind.RELAY_KEY_CHANGED
                assert alice.connection is Connection.REFUSED
                assert "relay" in alice.connection_explanation


async def test_the_clock_task_survives_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Daily work that cannot be stored is tried again, and the client lives on."""
    clock = MovedClock()
    monkeypatch.setattr("hushpost.running.VAULT_RETRY_SECONDS", 0.05)
    real, failures = deadlines.handle_deadline, list[str]()

    def handle_deadline(desk: Desk) -> None:
        if clock.ahead and len(failures) < 2:
            failures.append("full")
            raise VaultFull("the disk is full")
        real(desk)

    monkeypatch.setattr(deadlines, "handle_deadline", handle_deadline)
    async with (
        relay(clock) as server,
        await person(tmp_path, "alice", server.url, clock=clock) as alice,
    ):
        assert await alice.settled(timeout=60)
        clock.ahead = 8 * 86400.0
        inside(alice).follow(Desk(MemoryLedger(), 0.0, bytes))
        await until(lambda: len(inside(alice).steps.look(prekey_upkeep.signed_secrets)) == 2)
        assert failures == ["full", "full"]


async def test_work_that_comes_up_while_a_client_closes_is_left_for_the_next_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An errand queued during the close reports no fault, and is done at the next open."""
    faults = list[object]()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
    async with relay() as server:
        alice = await person(tmp_path, "alice", server.url)
        assert await alice.settled(timeout=60)
        running = inside(alice)
        close_inbox = running.inbox.close

        async def close_late() -> None:
            await close_inbox()
            await running.steps.run(own_drops.create_invitation)
            await asyncio.sleep(0.1)

        monkeypatch.setattr(running.inbox, "close", close_late)
        await alice.close()
        assert faults == []
        async with await again(tmp_path, "alice") as alice:
            assert await alice.settled(timeout=60)
            assert inside(alice).steps.look(errands.pending) == []


async def test_what_a_relay_tells_in_the_moment_of_the_close_is_dropped_quietly(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    """The relay tells it again; no coroutine is left that nobody awaited."""
    async with relay() as server:
        alice = await person(tmp_path, "alice", server.url)
        running = inside(alice)
        running.noticed(PrekeysLow(left=5))
        await running.close()  # cancels it before it began
        gc.collect()
        await alice.close()
    assert not [warning for warning in recwarn if "never awaited" in str(warning.message)]


async def test_a_clock_that_is_days_ahead_is_told_and_its_mail_waits(tmp_path: Path) -> None:
    """The relay takes no mail of next week; when the clock is set right, the message goes out."""
    clock = MovedClock()
    async with (
        relay() as server,
        await person(tmp_path, "alice", server.url, clock=clock) as alice,
        await person(tmp_path, "bob", server.url) as bob,
    ):
        contact, _ = await befriend(alice, bob)
        await alice.settled(timeout=60)
        clock.ahead = 5 * 86400.0
        await alice.set_read_receipts(allowed=True)  # a step: the clock is looked at
        message = await alice.send(contact, "of next week")
        assert "date" in (await wait_for(alice, ClockWrong)).explanation
        assert message.state == "sealed"
        clock.ahead = 0.0
        await alice.set_read_receipts(allowed=True)
        assert (await wait_for(bob, MessageReceived)).text == "of next week"
        await message.reached("delivered", timeout=60)
    clock.ahead = -3 * 86400.0
    async with relay() as server, await person(tmp_path, "carol", server.url, clock=clock) as carol:
        assert (await wait_for(carol, ClockWrong)).hours in (-73, -72, -71)
