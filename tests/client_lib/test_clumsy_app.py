"""An app that does everything wrong hears what to mend; nothing breaks or is left behind."""

import asyncio
import os
from pathlib import Path
from typing import Any, cast

import pytest
from hushpost import Client, KnockReceived, MessageReceived, StorageChanged
from hushpost.contacts import Contact
from hushpost.engine import errands, outbox
from hushpost.errors import (
    MisuseError,
    VaultExists,
    VaultFull,
    VaultMissing,
)
from hushpost.inputs import BadInput

from tests.client_lib.client_world import (
    KEY,
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

NOBODY: Any = None


@pytest.mark.parametrize("text", [None, 7, b"bytes", "", "\ud800", "x" * 65537])
async def test_a_text_that_is_none_is_said_so(tmp_path: Path, text: object) -> None:
    """Wrong types, nothing, half a character and too much are each refused in words."""
    async with (
        relay() as server,
        await person(tmp_path, "alice", server.url) as alice,
        await person(tmp_path, "bob", server.url) as bob,
    ):
        contact = await alice.add_contact(bob.address)
        with pytest.raises(MisuseError):
            await alice.send(contact, cast("str", text))
        assert alice.contact(bob.address).stage == "new"


async def test_arguments_of_other_kinds_are_said_so(tmp_path: Path) -> None:
    """Names, keys, addresses, contacts and ids of the wrong kind are refused, nothing is left."""
    wrong: list[dict[str, Any]] = [
        {"name": "\ud800"},
        {"name": 7},
        {"key": b"short"},
        {"key": "text" * 8},
        {"key": None, "passphrase": b"bytes"},
        {"key": None, "passphrase": ""},
        {"relay": None},
        {"relay": "wss://127.0.0.1:1"},
        {"registration_token": 7},
    ]
    for change in wrong:
        arguments: dict[str, Any] = {"relay": "ws://127.0.0.1:9", "key": KEY} | change
        with pytest.raises(MisuseError):
            await Client.create(tmp_path / "v", **arguments)
        assert os.listdir(tmp_path) == []
    async with relay() as server, await person(tmp_path, "alice", server.url) as alice:
        for address in (None, 7, b"hushpost://", "", "hushpost://\ud800/x"):
            with pytest.raises(BadInput):
                await alice.add_contact(cast("str", address))
        for someone in (None, "bob", 7):
            with pytest.raises(MisuseError, match="Contact or Knock"):
                await alice.send(cast("Contact", someone), "hi")
            with pytest.raises(MisuseError, match="Contact or Knock"):
                await alice.block(cast("Contact", someone))
        with pytest.raises(MisuseError, match="hexadecimal"):
            alice.message(NOBODY)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ws://",
        "http://127.0.0.1:1",
        "ws://127.0.0.1:1/path",
        "ws://127.0.0.1:1?query",
        "ws://person@127.0.0.1:1",
        "ws://127.0.0.1:0",
        "ws://127.0.0.1:65536",
        "ws://127.0.0.1:port",
        "ws://ws://127.0.0.1:1",
        "wss://exämple.org",
        "wss://relay .example",
    ],
)
async def test_an_address_of_a_relay_that_is_none_is_said_so(tmp_path: Path, url: str) -> None:
    """Whatever is no host with a port is refused before anything is made."""
    with pytest.raises(BadInput):
        await Client.create(tmp_path / "v", relay=url, key=KEY)
    assert os.listdir(tmp_path) == []


async def test_paths_that_hold_no_vault_are_said_so(tmp_path: Path) -> None:
    """A folder, a missing folder, somebody else's file: each has its error."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"not a vault")
    for path in ("folder", "file"):
        with pytest.raises(VaultExists):
            await Client.create(tmp_path / path, relay="ws://127.0.0.1:9", key=KEY)
    with pytest.raises(VaultMissing):
        await Client.create(tmp_path / "no" / "v", relay="ws://127.0.0.1:9", key=KEY)
    with pytest.raises(VaultMissing):
        await Client.open(tmp_path / "folder", key=KEY)
    assert (tmp_path / "file").read_bytes() == b"not a vault"


async def test_a_client_that_is_closed_says_so(tmp_path: Path) -> None:
    """After closing, every call says so, every wait ends, and closing again is no error."""
    async with relay() as server, await person(tmp_path, "bob", server.url) as bob:
        alice = await person(tmp_path, "alice", server.url)
        contact = await alice.add_contact(bob.address)
        message = await alice.send(contact, "hi")
        waits: list[asyncio.Task[Any]] = [
            asyncio.create_task(alice.settled(timeout=60)),
            asyncio.create_task(message.reached("read")),
        ]
        # Both look once, before anything can have reached the relay.
        await asyncio.sleep(0)
        await asyncio.gather(alice.close(), alice.close())
        await alice.close()
        for wait in waits:
            with pytest.raises(MisuseError, match="closed"):
                await asyncio.wait_for(wait, 5)
        assert [event async for event in alice.events()] == []
        for call in (
            lambda: alice.send(contact, "x"),
            alice.online,
            alice.create_invitation,
            lambda: alice.add_contact(bob.address),
            alice.delete_account,
            lambda: alice.send_typing(contact),
        ):
            with pytest.raises(MisuseError, match="closed"):
                await asyncio.wait_for(call(), 5)
        with pytest.raises(MisuseError, match="closed"):
            alice.contacts()


async def test_closing_inside_the_loop_ends_it(tmp_path: Path) -> None:
    """A loop whose body closes the client ends quietly, and its event comes again."""
    async with relay() as server, await person(tmp_path, "bob", server.url) as bob:
        alice = await person(tmp_path, "alice", server.url)
        await bob.send(await bob.add_contact(alice.address), "hi")
        async for event in alice.events():
            if isinstance(event, KnockReceived):
                await alice.close()
        async with await again(tmp_path, "alice") as alice:
            assert (await wait_for(alice, KnockReceived)).knock.text == "hi"


async def test_a_body_that_raises_leaves_the_events_readable(tmp_path: Path) -> None:
    """An exception in the body is the app's own; a later loop goes on."""
    async with (
        relay() as server,
        await person(tmp_path, "alice", server.url) as alice,
        await person(tmp_path, "bob", server.url) as bob,
    ):
        contact, _ = await befriend(alice, bob)
        for text in ("one", "two"):
            await alice.send(contact, text)
        with pytest.raises(KeyError):
            await _stumble(bob)
        assert await texts(bob, 1) == ["two"]


async def test_a_send_that_is_cancelled_loses_nothing(tmp_path: Path) -> None:
    """Cancelled at any moment, what became durable is also posted, in order."""
    async with (
        relay() as server,
        await person(tmp_path, "alice", server.url) as alice,
        await person(tmp_path, "bob", server.url) as bob,
    ):
        contact, _ = await befriend(alice, bob)
        for number in range(12):
            sending = asyncio.create_task(alice.send(contact, f"{number}"))
            for _ in range(number):
                await asyncio.sleep(0)
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
        last = await alice.send(contact, "last")
        await last.reached("accepted", timeout=10)
        assert inside(alice).steps.look(outbox.whole_outbox) == []
        got: list[str] = []
        while not got or got[-1] != "last":
            got += await texts(bob, 1)
        assert got[:-1] == sorted(got[:-1], key=int)


@pytest.mark.parametrize("after", [0.0, 0.05, 0.2, 0.4, 0.6])
async def test_a_creation_that_is_cancelled_leaves_nothing(tmp_path: Path, after: float) -> None:
    """Cancelled at any moment, no file stays, no lock is held, no task runs on."""
    async with relay() as server:
        tasks = asyncio.all_tasks()
        making = asyncio.create_task(
            Client.create(tmp_path / "v", relay=server.url, passphrase="p", name="alice")
        )
        await asyncio.sleep(after)
        making.cancel()
        done = (await asyncio.gather(making, return_exceptions=True))[0]
        if isinstance(done, Client):
            await done.close()
            return
        assert isinstance(done, asyncio.CancelledError)
        assert os.listdir(tmp_path) == []
        await until(lambda: asyncio.all_tasks() == tasks)
        async with await Client.create(tmp_path / "v", relay=server.url, key=KEY):
            pass


@pytest.mark.parametrize("after", [0.0, 0.05, 0.15])
async def test_an_opening_that_is_cancelled_holds_nothing(tmp_path: Path, after: float) -> None:
    """Cancelled at any moment, the vault can be opened again at once, and no task runs on."""
    async with relay() as server:
        async with await Client.create(tmp_path / "v", relay=server.url, passphrase="p"):
            pass
        tasks = asyncio.all_tasks()
        opening = asyncio.create_task(Client.open(tmp_path / "v", passphrase="p"))
        await asyncio.sleep(after)
        opening.cancel()
        done = (await asyncio.gather(opening, return_exceptions=True))[0]
        if isinstance(done, Client):
            await done.close()
        await until(lambda: asyncio.all_tasks() == tasks)
        async with await Client.open(tmp_path / "v", passphrase="p"):
            pass


async def test_a_closing_that_is_cancelled_is_finished(tmp_path: Path) -> None:
    """Cancelled in the middle, the client closes all the same and lets go of its vault."""
    async with relay() as server:
        alice = await person(tmp_path, "alice", server.url)
        closing = asyncio.create_task(alice.close())
        await asyncio.sleep(0)
        closing.cancel()
        await asyncio.gather(closing, return_exceptions=True)
        await alice.close()
        async with await again(tmp_path, "alice"):
            pass


async def test_a_client_stays_in_its_event_loop(tmp_path: Path) -> None:
    """Used from another event loop, it says so instead of hanging."""
    async with relay() as server, await person(tmp_path, "alice", server.url) as alice:

        def elsewhere() -> None:
            with pytest.raises(MisuseError, match="another event loop"):
                asyncio.run(alice.set_read_receipts(allowed=False))

        await asyncio.to_thread(elsewhere)


async def test_an_invitation_that_was_not_made_takes_up_no_place(tmp_path: Path) -> None:
    """Offline, nothing of a failed invitation is registered later."""
    async with (
        tampered_relay() as (proxy, url),
        await person(tmp_path, "alice", url) as alice,
    ):
        assert await alice.settled(timeout=15)
        await proxy.stop()
        await proxy.cut()
        await until(lambda: alice.connection == "offline")
        making = asyncio.create_task(alice.create_invitation())
        await asyncio.sleep(0.2)
        making.cancel()
        await asyncio.gather(making, return_exceptions=True)
        kinds = [errand.kind for errand in inside(alice).steps.look(errands.pending)]
        assert kinds == ["revoke-drop"]
        waiting = asyncio.create_task(alice.online())
        await asyncio.sleep(0)
        await alice.close()
        with pytest.raises(MisuseError, match="closed"):
            await asyncio.wait_for(waiting, 5)


async def test_a_disk_that_refuses_is_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The app hears of a full disk without writing anything, and when it stores again."""
    async with relay() as server, await person(tmp_path, "alice", server.url) as alice:
        running = inside(alice)
        vault = alice._vault  # pyright: ignore[reportPrivateUsage]  # plays the disk
        while True:
            if not running.events._transient:  # pyright: ignore[reportPrivateUsage]
                break
            await anext(alice.events())

        def full() -> None:
            raise VaultFull("the disk is full: free some space")

        monkeypatch.setattr(vault, "_truncate", full)
        # Nothing but the erasure of this commit, in the background, meets the disk.
        await alice.set_read_receipts(allowed=False)
        told = await wait_for(alice, StorageChanged)
        assert not told.working
        assert "free some space" in told.explanation
        monkeypatch.undo()
        await alice.set_read_receipts(allowed=True)
        assert (await wait_for(alice, StorageChanged)).working


async def test_what_was_written_stands_in_no_repr(tmp_path: Path) -> None:
    """Events, knocks, messages and clients show no text and no secret when they are printed."""
    async with (
        relay() as server,
        await person(tmp_path, "alice", server.url) as alice,
        await person(tmp_path, "bob", server.url) as bob,
    ):
        message = await alice.send(await alice.add_contact(bob.address), "a plum word")
        knocked = await wait_for(bob, KnockReceived)
        await bob.accept(knocked.knock)
        received = await wait_for(bob, MessageReceived)
        assert received.text == "a plum word"
        shown = repr((message, knocked, received, alice, inside(alice), alice.recovery_words[:0]))
        assert "plum" not in shown
        assert alice.recovery_words[0] not in repr(alice)
        await silence(bob, MessageReceived)


async def _stumble(client: Client) -> None:
    async for event in client.events():
        if isinstance(event, MessageReceived):
            raise KeyError(event.message_id)
