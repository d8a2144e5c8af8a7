"""A relay that lies, on the wire: what it does is recognised and reported as what it is."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hushpost import AlarmKind, Client, Contact, MessageReceived, SafetyAlarm
from hushpost.engine.contact_book import contact_row
from hushpost.errors import MisuseError
from hushpost_crypto.device_list import issue_next
from hushpost_crypto.keys import AccountKey
from hushpost_wire.control import Done, PublishDeviceList
from hushpost_wire.control_types import encode_base64url

from tests.client_lib.client_world import (
    Message,
    MovedClock,
    Tamper,
    again,
    befriend,
    inside,
    own,
    person,
    tampered_relay,
    texts,
    until,
    wait_for,
)

DELIVER = 0x83


def deliveries(change: Callable[[bytes], list[Message]]) -> Callable[[str, Message], list[Message]]:
    """Tamper with DELIVER frames alone."""

    def tamper(path: str, message: Message) -> list[Message]:
        if isinstance(message, bytes) and message[0] == DELIVER:
            return change(message)
        return [message]

    return tamper


async def alarm(client: Client) -> AlarmKind:
    """Give the kind of the next alarm."""
    return (await wait_for(client, SafetyAlarm)).kind


async def test_a_replay_is_reported_and_shown_once(tmp_path: Path) -> None:
    """An envelope that the relay delivers again and again is shown once and told of."""
    async with tampered_relay() as (proxy, url), await person(tmp_path, "alice", url) as alice:
        bob = await person(tmp_path, "bob", url)
        contact, _ = await befriend(alice, bob)
        kept: list[bytes] = []

        def keep(frame: bytes) -> list[Message]:
            kept.append(frame)
            return [frame]

        proxy.tamper = deliveries(keep)
        await alice.send(contact, "once")
        assert await texts(bob, 1) == ["once"]
        await asyncio.sleep(0.3)
        tags = iter(range(60_000, 60_100))

        def replay(frame: bytes) -> list[Message]:
            copies = [kept[0][:4] + next(tags).to_bytes(4, "big") + kept[0][8:] for _ in range(3)]
            return [frame, *copies]

        proxy.tamper = deliveries(replay)
        await alice.send(contact, "twice")
        assert await alarm(bob) is AlarmKind.REPLAYED
        await bob.close()
        proxy.tamper = lambda _, message: [message]
        async with await again(tmp_path, "bob") as bob:
            await alice.send(contact, "thrice")
            assert (await texts(bob, 1))[-1] == "thrice"


async def test_reordering_is_mended_and_reported(tmp_path: Path) -> None:
    """Two envelopes in the wrong order are shown in the right one, with an alarm."""
    async with (
        tampered_relay() as (proxy, url),
        await person(tmp_path, "alice", url) as alice,
        await person(tmp_path, "bob", url) as bob,
    ):
        contact, _ = await befriend(alice, bob)
        held: list[Message] = []

        def hold(frame: bytes) -> list[Message]:
            held.append(frame)
            return [] if len(held) == 1 else [held[1], held[0]] if len(held) == 2 else [frame]

        proxy.tamper = deliveries(hold)
        await alice.send(contact, "first")
        await until(lambda: len(held) == 1)
        await alice.send(contact, "second")
        seen: list[object] = []
        async with asyncio.timeout(60):
            async for event in bob.events():
                seen.append(event)
                if isinstance(event, MessageReceived) and event.text == "second":
                    break
        shown = [event.text for event in seen if isinstance(event, MessageReceived)]
        alarms = [event.kind for event in seen if isinstance(event, SafetyAlarm)]
        assert shown == ["first", "second"]
        assert alarms == [AlarmKind.REORDERED]


async def test_altered_envelopes_are_reported(tmp_path: Path) -> None:
    """Bytes that do not match their id are dropped with an alarm, and the inbox stays open."""
    async with (
        tampered_relay() as (proxy, url),
        await person(tmp_path, "alice", url) as alice,
        await person(tmp_path, "bob", url) as bob,
    ):
        contact, _ = await befriend(alice, bob)
        proxy.tamper = deliveries(lambda frame: [frame[:-1] + bytes((frame[-1] ^ 1,))])
        await alice.send(contact, "altered on the way")
        assert await alarm(bob) is AlarmKind.ALTERED
        proxy.tamper = lambda _, message: [message]
        await alice.send(contact, "untouched")
        assert bob.connection == "online"


async def test_a_list_of_ours_that_we_never_made_is_reported_at_login(tmp_path: Path) -> None:
    """A relay that holds a newer list than this device's own was given it by a thief: an alarm."""
    async with tampered_relay() as (_, url):
        async with await person(tmp_path, "alice", url) as alice:
            mine = own(alice)
            entries = mine.device_list.entries
            day = mine.device_list.issue_day
            stolen = issue_next(
                mine.account_key, mine.genesis, mine.device_list, entries, today=day
            ).to_bytes()
            answer = await inside(alice).inbox.request(
                lambda number: PublishDeviceList(id=number, device_list=stolen)
            )
            assert isinstance(answer, Done)
        async with await again(tmp_path, "alice") as alice:
            assert await alarm(alice) is AlarmKind.OWN_LIST_FORKED


def served(name: str, change: Callable[[dict[str, object]], None]) -> Tamper:
    """Tamper with one kind of control answer."""

    def tamper(_: str, message: Message) -> list[Message]:
        if isinstance(message, str) and f'"type":"{name}"' in message:
            answer = json.loads(message)
            change(answer)
            return [json.dumps(answer)]
        return [message]

    return tamper


@asynccontextmanager
async def a_new_list(
    folder: Path, tamper: Callable[[Client, Contact, AccountKey], Tamper]
) -> AsyncGenerator[Client]:
    """Have a contact issue a new list behind a relay that tampers with it; gives the other."""
    clock = MovedClock()
    async with (
        tampered_relay(clock) as (proxy, url),
        await person(folder, "bob", url, clock=clock) as bob,
    ):
        async with await person(folder, "alice", url, clock=clock) as alice:
            contact, back = await befriend(alice, bob)
            stolen = own(alice).account_key
        clock.ahead = 21 * 86400.0
        proxy.tamper = tamper(bob, back, stolen)
        async with await again(folder, "alice", clock=clock) as alice:
            await inside(alice).settled(15)
            assert own(alice).view.version == 2
            await alice.send(contact, "with a new list")
            yield bob


async def test_a_forged_list_is_reported_and_not_used(tmp_path: Path) -> None:
    """A list that the contact's account never signed changes nothing but the app's knowledge."""

    def forge(bob: Client, alice: Contact, _: AccountKey) -> Tamper:
        known = inside(bob).steps.look(contact_row, alice.account_id).device_list
        forged = replace(known, version=2, previous_hash=known.head()).to_bytes()
        return served(
            "device_lists", lambda answer: answer.update(lists=[encode_base64url(forged)], latest=2)
        )

    async with a_new_list(tmp_path, forge) as bob:
        assert await alarm(bob) is AlarmKind.FORGED_LIST
        (alice,) = bob.contacts()
        assert alice.stage == "open"


async def test_an_old_list_is_reported_as_withheld(tmp_path: Path) -> None:
    """A relay that goes on serving the old list is contradicted by the contact's own message."""

    def withhold(_bob: Client, _alice: Contact, _key: AccountKey) -> Tamper:
        return served("device_lists", lambda answer: answer.update(lists=[], latest=1))

    async with a_new_list(tmp_path, withhold) as bob:
        assert await alarm(bob) is AlarmKind.WITHHELD_LIST


async def test_a_forked_list_stops_the_conversation(tmp_path: Path) -> None:
    """Two lists of one version, both signed: an alarm, and nothing is sent any more."""

    def fork(bob: Client, alice: Contact, stolen: AccountKey) -> Tamper:
        known = inside(bob).steps.look(contact_row, alice.account_id)
        other = issue_next(
            stolen, known.genesis, known.device_list, known.device_list.entries,
            today=known.device_list.issue_day + 1,
        )  # fmt: skip
        forked = encode_base64url(other.to_bytes())
        return served("device_lists", lambda answer: answer.update(lists=[forked], latest=2))

    async with a_new_list(tmp_path, fork) as bob:
        assert await alarm(bob) is AlarmKind.FORKED_LIST
        (alice,) = bob.contacts()
        assert alice.stage == "stopped"
        with pytest.raises(MisuseError, match="safety number"):
            await bob.send(alice, "who are you?")
