"""Tests of the chat with a keyboard made of a list, two real clients and a real relay."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from hushpost import Client
from hushpost.errors import HushpostError
from hushpost_demo.chat import Chat
from hushpost_demo.errors import ContactUnknown
from hushpost_demo.output import Output

from tests.demo.typing_hands import PASSPHRASE, Vaults

WAIT_SECONDS = 20.0


class Script:
    """A keyboard on which a test presses keys, and a screen that it reads."""

    def __init__(self) -> None:
        self.lines: asyncio.Queue[str | None] = asyncio.Queue()
        self.screen: list[str] = []
        self._printed = asyncio.Event()

    async def next_line(self) -> str | None:
        """Give the next line that the test typed."""
        return await self.lines.get()

    def print(self, text: str) -> None:
        """Keep what is printed."""
        self.screen.append(text)
        self._printed.set()

    def press(self, *lines: str | None) -> None:
        """Type lines; None ends the input."""
        for line in lines:
            self.lines.put_nowait(line)

    async def shows(self, words: str) -> None:
        """Wait until words were printed."""
        async with asyncio.timeout(WAIT_SECONDS):
            while not any(words in text for text in self.screen):
                self._printed.clear()
                await self._printed.wait()


@asynccontextmanager
async def chatting(vaults: Vaults, name: str) -> AsyncGenerator[tuple[Script, Client]]:
    """Make an account and chat with it until the block ends."""
    async with await Client.create(
        vaults.path(name), relay=vaults.relay, passphrase=PASSPHRASE, name=name
    ) as client:
        script = Script()
        task = asyncio.create_task(Chat(client, script, Output()).run(None))
        yield script, client
        script.press(None)
        await task


async def test_two_people_chat(vaults: Vaults) -> None:
    """Texts wait for the yes, arrive in order, and are numbered as they move on."""
    async with chatting(vaults, "alice") as (alice, _), chatting(vaults, "bob") as (bob, other):
        await bob.shows("online")
        alice.press("to whom?", f"/add {other.address}", "first", "second", "third")
        await alice.shows("to whom? /to WHO")
        await alice.shows("[2] waits until")
        await bob.shows("/accept or /decline")
        bob.press("/accept")
        await bob.shows("alice: third")
        said = [text for text in bob.screen if text.startswith("alice: ")]
        assert said == ["alice: first", "alice: second", "alice: third"]
        bob.press("//slash", "")
        await alice.shows("bob: /slash")
        await alice.shows("[3] read")
        bob.press("/help", "/safety", "/quit")
        await bob.shows("/decline [WHO]")


async def test_whatever_goes_wrong_is_a_line(vaults: Vaults) -> None:
    """Wrong orders and refused texts are told, and the chat goes on."""
    async with chatting(vaults, "alice") as (alice, _):
        alice.press("/add nonsense", "/dance", "/to nobody", "/safety", "/accept", "/address")
        await alice.shows("!! an address begins with hushpost://")
        await alice.shows("there is no /dance")
        await alice.shows("!! no contact answers to 'nobody'")
        await alice.shows("!! you write to nobody yet")
        await alice.shows("!! nobody knocks")
        await alice.shows("your address: hushpost://127.0.0.1")


async def test_it_begins_with_whom_it_was_told(
    vaults: Vaults, capsys: pytest.CaptureFixture[str]
) -> None:
    """An unknown name ends it at once; the only contact is turned to; JSON tells it all."""
    async with (
        await Client.create(vaults.path("a"), relay=vaults.relay, passphrase=PASSPHRASE) as alice,
        await Client.create(vaults.path("b"), relay=vaults.relay, passphrase=PASSPHRASE) as bob,
    ):
        with pytest.raises(ContactUnknown):
            await Chat(alice, Script(), Output()).run("bob")
        await bob.online()
        await bob.settled(timeout=WAIT_SECONDS)
        contact = await alice.add_contact(bob.address)
        for who in (None, contact.address):
            script = Script()
            script.press("hello", None)
            await Chat(alice, script, Output(as_json=True)).run(who)
            facts = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
            assert [fact["kind"] for fact in facts][:2] == ["chat", "turned_to"]
            assert facts[1]["contact"]["address"] == contact.address
            assert "sent" in [fact["kind"] for fact in facts]
            assert script.screen == []


async def test_an_event_that_cannot_be_answered_is_told(vaults: Vaults) -> None:
    """An error of the library while events are handled is a line like any other."""
    async with chatting(vaults, "alice") as (script, client):
        Chat(client, script, Output()).complain(HushpostError("two\n  lines"))
        await script.shows("!! two lines")
