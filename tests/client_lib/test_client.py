"""The client against a real relay: what an app developer is promised (docs/embedding.md)."""

import asyncio
from pathlib import Path

import pytest
from hushpost import (
    Address,
    AlarmKind,
    BadInput,
    Connection,
    ConnectionChanged,
    ContactStage,
    KeysRejected,
    KnockReceived,
    MessageNotDelivered,
    MessageReceived,
    MessageStateChanged,
    TypingReceived,
)
from hushpost.engine import message_book
from hushpost.errors import (
    HostUnconfirmed,
    MisuseError,
    PeerUnreachable,
)
from hushpost_wire.identifiers import AccountId

from tests.client_lib.client_world import (
    again,
    befriend,
    inside,
    person,
    relay,
    silence,
    tampered_relay,
    texts,
    until,
    wait_for,
)


async def test_two_people_write_to_each_other(tmp_path: Path) -> None:
    """Knock, accept, texts both ways, and the states move to delivered and read."""
    async with (
        relay() as server,
        await person(tmp_path, "alice", server.url) as alice,
        await person(tmp_path, "bob", server.url) as bob,
    ):
        assert len(alice.recovery_words) == 24
        contact, back = await befriend(alice, bob)
        assert (contact.name, back.name) == ("bob", "alice")
        message = await alice.send(contact, "hello bob")
        answer = await bob.send(back, "hello alice")
        received = await wait_for(bob, MessageReceived)
        assert received.text == "hello bob"
        assert received.message_id == message.message_id
        assert received.sent_at is not None
        await bob.mark_read(received)
        assert await texts(alice, 1) == ["hello alice"]
        await message.reached("read", timeout=60)
        await answer.reached("delivered", timeout=60)
        assert alice.message(message.message_id).state == "read"
        assert alice.safety_number(contact) == bob.safety_number(back)
        await alice.mark_verified(contact)
        assert alice.contact(bob.address).verified


async def test_mail_waits_for_who_is_offline(tmp_path: Path) -> None:
    """What is written while the other is away arrives in order when the vault is opened again."""
    async with relay() as server, await person(tmp_path, "alice", server.url) as alice:
        async with await person(tmp_path, "bob", server.url) as bob:
            contact, _ = await befriend(alice, bob)
        messages = [await alice.send(contact, f"while away {n}") for n in range(40)]
        await messages[-1].reached("accepted", timeout=60)
        async with await again(tmp_path, "bob") as bob:
            assert bob.recovery_words == ()
            assert await texts(bob, 40) == [f"while away {n}" for n in range(40)]
            await messages[-1].reached("delivered", timeout=60)


async def test_an_outbox_survives_without_a_relay(tmp_path: Path) -> None:
    """What was sent while no relay answers is durable, and goes out after reopening."""
    async with tampered_relay() as (proxy, url), await person(tmp_path, "bob", url) as bob:
        async with await person(tmp_path, "alice", url) as alice:
            contact, _ = await befriend(alice, bob)
            await proxy.stop()
            await proxy.cut()
            message = await alice.send(contact, "sealed and kept")
            await asyncio.sleep(0.3)
            assert message.state == "sealed"
        await proxy.start()
        async with await again(tmp_path, "alice") as alice:
            assert await texts(bob, 1, seconds=60) == ["sealed and kept"]
            await alice.message(message.message_id).reached("accepted", timeout=60)


async def test_events_come_again_until_they_are_consumed(tmp_path: Path) -> None:
    """An event that the app was handling when it ended is shown again; a consumed one is not."""
    async with relay() as server, await person(tmp_path, "alice", server.url) as alice:
        async with await person(tmp_path, "bob", server.url) as bob:
            contact, _ = await befriend(alice, bob)
            await alice.send(contact, "one")
            await alice.send(contact, "two")
            async for event in bob.events():
                if isinstance(event, MessageReceived):
                    assert event.text == "one"
                    break
        async with await again(tmp_path, "bob") as bob:
            assert await texts(bob, 2) == ["one", "two"]
        async with await again(tmp_path, "bob") as bob:
            await silence(bob, MessageReceived)


async def test_an_invitation_is_the_way_in_when_knocks_are_off(tmp_path: Path) -> None:
    """Without an invitation the error says to ask for one; with it the knock is marked invited."""
    async with (
        relay() as server,
        await person(tmp_path, "alice", server.url) as alice,
        await person(tmp_path, "bob", server.url, knocks=False) as bob,
    ):
        with pytest.raises(PeerUnreachable, match="invitation"):
            await alice.add_contact(bob.address)
        contact = await alice.add_contact(await bob.create_invitation())
        await alice.send(contact, "you asked me to write")
        knock = (await wait_for(bob, KnockReceived)).knock
        assert knock.invited
        assert bob.knocks() == [knock]
        await bob.accept(knock)
        assert await texts(bob, 1) == ["you asked me to write"]


async def test_declined_and_blocked_people_learn_nothing_and_are_not_heard(
    tmp_path: Path,
) -> None:
    """A declined knock stays unanswered; a blocked contact's messages are refused."""
    async with (
        relay() as server,
        await person(tmp_path, "alice", server.url) as alice,
        await person(tmp_path, "bob", server.url) as bob,
        await person(tmp_path, "carol", server.url) as carol,
    ):
        stranger = await carol.add_contact(bob.address)
        asked = await carol.send(stranger, "buy this")
        knock = (await wait_for(bob, KnockReceived)).knock
        await bob.decline(knock)
        assert bob.knocks() == []
        with pytest.raises(MisuseError, match="no such knock"):
            await bob.accept(knock)
        contact, back = await befriend(alice, bob)
        await bob.block(back)
        assert await bob.settled(timeout=60)
        message = await alice.send(contact, "are you there?")
        with pytest.raises(MessageNotDelivered, match="send_again"):
            await message.reached("delivered", timeout=60)
        assert message.state == "refused"
        assert asked.state == "accepted"
        with pytest.raises(MisuseError, match="blocked"):
            await bob.send(back, "no")
        await silence(bob, MessageReceived)


async def test_a_person_who_knocked_is_accepted_by_adding_them(tmp_path: Path) -> None:
    """add_contact with the address of somebody who waits is the same as accept."""
    async with (
        relay() as server,
        await person(tmp_path, "alice", server.url) as alice,
        await person(tmp_path, "bob", server.url) as bob,
    ):
        contact = await alice.add_contact(str(bob.address))
        await alice.send(contact, "hi")
        await wait_for(bob, KnockReceived)
        await bob.add_contact(alice.address)
        await until(lambda: alice.contact(bob.address).stage is ContactStage.OPEN)
        assert await alice.add_contact(bob.address) == alice.contact(bob.address)
        assert [one.name for one in alice.contacts()] == ["bob"]
        await alice.remove_contact(alice.contact(bob.address))
        assert alice.contacts() == []


async def test_long_texts_arrive_whole_and_longer_ones_are_refused(tmp_path: Path) -> None:
    """64 KiB arrive; a byte more, and an empty text, get an error that says the bound."""
    async with (
        relay() as server,
        await person(tmp_path, "alice", server.url) as alice,
        await person(tmp_path, "bob", server.url) as bob,
    ):
        contact, _ = await befriend(alice, bob)
        long = "äöü" * 10_000
        await alice.send(contact, long)
        assert await texts(bob, 1) == [long]
        with pytest.raises(MisuseError, match="65536"):
            await alice.send(contact, "x" * 65_537)
        with pytest.raises(MisuseError, match="empty"):
            await alice.send(contact, "")


async def test_typing_is_seen_by_who_is_online(tmp_path: Path) -> None:
    """A typing notice arrives now or never, and disturbs nothing."""
    async with (
        relay() as server,
        await person(tmp_path, "alice", server.url) as alice,
        await person(tmp_path, "bob", server.url) as bob,
    ):
        contact, _ = await befriend(alice, bob)
        await alice.send_typing(contact)
        assert (await wait_for(bob, TypingReceived)).began
        await alice.send(contact, "done")
        assert await texts(bob, 1) == ["done"]


async def test_a_lost_connection_is_told_and_comes_back(tmp_path: Path) -> None:
    """The app hears of it, and mail goes on by itself when the relay is back."""
    async with (
        tampered_relay() as (proxy, url),
        await person(tmp_path, "alice", url) as alice,
        await person(tmp_path, "bob", url) as bob,
    ):
        contact, _ = await befriend(alice, bob)
        await bob.online()
        await proxy.cut()
        await until(lambda: bob.connection is Connection.OFFLINE)
        await alice.send(contact, "after the storm")
        assert await texts(bob, 1, seconds=60) == ["after the storm"]
        assert bob.connection is Connection.ONLINE


async def test_a_second_login_displaces_the_first_which_stays_away(tmp_path: Path) -> None:
    """A copied vault that logs in ends the other's connection for good, and the app is told."""
    async with relay() as server, await person(tmp_path, "alice", server.url) as alice:
        await alice.online()
        copy = tmp_path / "copy"
        copy.mkdir()
        for name in ("alice.vault", "alice.vault-wal"):
            if (tmp_path / name).exists():
                (copy / name).write_bytes((tmp_path / name).read_bytes())
        async with await again(copy, "alice") as thief:
            await thief.online()
            async with asyncio.timeout(60):
                async for event in alice.events():
                    displaced = isinstance(event, ConnectionChanged)
                    if displaced and alice.connection is Connection.DISPLACED:
                        break
            assert thief.connection is Connection.ONLINE


async def test_settings_of_the_person_are_kept(tmp_path: Path) -> None:
    """With read receipts off the sender never learns; a contact may be an exception."""
    async with (
        relay() as server,
        await person(tmp_path, "alice", server.url) as alice,
        await person(tmp_path, "bob", server.url) as bob,
    ):
        contact, back = await befriend(alice, bob)
        await bob.set_read_receipts(allowed=False)
        quiet = await alice.send(contact, "seen?")
        await bob.mark_read(await wait_for(bob, MessageReceived))
        await quiet.reached("delivered", timeout=60)
        await bob.allow_read_receipts(back, allowed=True)
        loud = await alice.send(contact, "and now?")
        await bob.mark_read(await wait_for(bob, MessageReceived))
        await loud.reached("read", timeout=60)
        assert quiet.state == "delivered"
        changed = await wait_for(alice, MessageStateChanged)
        assert changed.contact.name == "bob"


async def test_a_session_can_be_restarted(tmp_path: Path) -> None:
    """After a restart both go on writing, and a second one on the same day is refused."""
    async with (
        relay() as server,
        await person(tmp_path, "alice", server.url) as alice,
        await person(tmp_path, "bob", server.url) as bob,
    ):
        contact, back = await befriend(alice, bob)
        await alice.restart_session(contact)
        assert await alice.settled(timeout=60)
        with pytest.raises(MisuseError, match="tomorrow"):
            await alice.restart_session(contact)
        await alice.send(contact, "anew")
        assert await texts(bob, 1) == ["anew"]
        await bob.send(back, "well")
        assert await texts(alice, 1) == ["well"]


async def test_adding_says_what_is_wrong_with_an_address(tmp_path: Path) -> None:
    """No address, one's own, an unknown account, a foreign relay: each has its error."""
    async with (
        relay() as server,
        relay() as elsewhere,
        await person(tmp_path, "alice", server.url) as alice,
        await person(tmp_path, "zoe", elsewhere.url) as zoe,
    ):
        with pytest.raises(BadInput, match="hushpost://"):
            await alice.add_contact("alice@example.org")
        with pytest.raises(MisuseError, match="your own"):
            await alice.add_contact(alice.address)
        unknown = str(zoe.address).replace(elsewhere.host, server.host)
        with pytest.raises(PeerUnreachable, match="no such account"):
            await alice.add_contact(unknown)
        with pytest.raises(HostUnconfirmed, match="IP address"):
            await alice.add_contact(zoe.address)
        contact = await alice.add_contact(zoe.address, trust_host=True)
        await alice.send(contact, "from another relay")
        knock = (await wait_for(zoe, KnockReceived)).knock
        with pytest.raises(HostUnconfirmed):
            await zoe.accept(knock)
        await zoe.accept(knock, trust_host=True)
        assert await texts(zoe, 1) == ["from another relay"]
        with pytest.raises(MisuseError, match="no contact"):
            zoe.contact(Address(zoe.address.host, AccountId(bytes(32))))
        with pytest.raises(MisuseError, match="32 hexadecimal"):
            alice.message("xyz")
        with pytest.raises(MisuseError, match="30 days"):
            alice.message("00" * 16)


async def test_a_relay_that_serves_foreign_keys_is_found_out(tmp_path: Path) -> None:
    """Keys swapped on the way make no contact; the error names what was wrong."""
    async with (
        tampered_relay() as (proxy, url),
        await person(tmp_path, "alice", url) as alice,
        await person(tmp_path, "bob", url) as bob,
        await person(tmp_path, "mallory", url) as mallory,
    ):
        await asyncio.gather(bob.online(), mallory.online())
        answers: list[str | bytes] = []

        def remember(path: str, message: str | bytes) -> list[str | bytes]:
            if isinstance(message, str) and '"type":"prekeys"' in message:
                answers.append(message)
            return [message]

        proxy.tamper = remember
        await alice.add_contact(mallory.address)

        def swap(path: str, message: str | bytes) -> list[str | bytes]:
            if isinstance(message, str) and '"type":"prekeys"' in message:
                return [answers[0]]
            return [message]

        proxy.tamper = swap
        with pytest.raises(KeysRejected, match="never signed") as caught:
            await alice.add_contact(bob.address)
        assert caught.value.kind is AlarmKind.FORGED_LIST


async def test_many_sent_again_show_how_far_each_came(tmp_path: Path) -> None:
    """While the last are sealed the first arrive: no handle is set back to an older state."""
    async with (
        relay() as server,
        await person(tmp_path, "alice", server.url) as alice,
        await person(tmp_path, "bob", server.url) as bob,
    ):
        contact, _ = await befriend(alice, bob)
        message = await alice.send(contact, "delivered meanwhile")
        steps = inside(alice).steps
        stale = steps.look(message_book.find_message, bytes.fromhex(message.message_id))
        assert stale is not None
        await message.reached("accepted", timeout=60)
        shown = alice._message(stale)  # pyright: ignore[reportPrivateUsage]  # with what a step gave
        assert shown is message
        assert shown.state != "sealed"
        assert await alice.send_all_again(contact) == []
        assert alice.unconfirmed(contact) == []
