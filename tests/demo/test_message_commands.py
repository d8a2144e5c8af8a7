"""Tests of send and listen: in this process, and between two processes with pipes."""

import asyncio
import subprocess
from pathlib import Path

from hushpost import Client
from hushpost.engine import message_book, message_states

from tests.demo.conftest import relay_running
from tests.demo.typing_hands import COMMAND, PASSPHRASE, Hands, Vaults, facts_of


def texts(facts: list[dict[str, object]]) -> list[object]:
    """Give the texts among facts."""
    return [fact["text"] for fact in facts if fact["kind"] == "message"]


def test_offline_mail_waits_and_comes_in_order(hands: Hands) -> None:
    """Three messages to somebody offline are read later, in order, and once."""
    vaults = hands.vaults
    for text in ("one", "two", "three"):
        sent = vaults.facts("alice", "send", "bob", text)
        assert (sent[0]["kind"], sent[0]["state"]) == ("sent", "accepted")
    heard = vaults.facts("bob", "listen", "--count", "3", "--seconds", "60")
    assert texts(heard) == ["one", "two", "three"]
    again = vaults.facts("bob", "listen", "--seconds", "1")
    assert texts(again) == []


def test_between_two_processes(hands: Hands) -> None:
    """A listener started before prints what a sender in another process sends, as JSON lines."""
    vaults = hands.vaults
    listener = subprocess.Popen(
        [*COMMAND, "listen", "--count", "1", "--json"],
        env=vaults.environment("bob"),
        stdout=subprocess.PIPE,
        text=True,
    )
    send = subprocess.run(
        [*COMMAND, "send", "bob", "-", "--wait", "delivered", "--json"],
        input="over the pipe",
        env=vaults.environment("alice"),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    output, _ = listener.communicate(timeout=60)
    assert listener.returncode == 0
    assert texts(facts_of(output))[-1] == "over the pipe"
    assert facts_of(send.stdout)[0]["state"] in ("delivered", "read")


def test_everybody_may_be_let_in(vaults: Vaults) -> None:
    """With --accept-all a listener answers knocks by itself, and says what it saw to people."""
    bob = vaults.init("bob")
    vaults.init("alice")
    vaults.facts("alice", "add", bob, "--text", "hello")
    result = vaults.run("bob", "listen", "--accept-all", "--count", "1", "--seconds", "15")
    assert result.exit_code == 0
    assert 'alice knocks and says: "hello"' in result.stdout
    assert "alice: hello" in result.stdout


def test_a_wait_that_is_over(hands: Hands) -> None:
    """A count that is not reached, or a receipt that does not come, is not a success."""
    vaults = hands.vaults
    assert vaults.fails("alice", "listen", "--count", "9", "--seconds", "0.5")[0] == 7
    status, line = vaults.fails("alice", "send", "bob", "hi", "--wait", "read", "--timeout", "1")
    assert status == 7
    assert "accepted and not yet read; nothing is lost" in line


def test_whoever_said_yes_is_not_told_to_wait_for_one(vaults: Vaults) -> None:
    """Their app was away since: what is sent waits for it, not for its owner's word."""
    bob = vaults.init("bob")
    vaults.init("alice")
    vaults.facts("alice", "add", bob, "--text", "hello")
    vaults.facts("bob", "accept", "alice")
    line = vaults.fails("bob", "send", "alice", "welcome", "--timeout", "0.5")[1]
    assert "has not heard yet that you let them in" in line
    written = vaults.run("bob", "chat", "alice", typed="and again\n").output
    assert "waits until alice hears that you accepted" in written


def test_texts_before_the_yes_are_kept(vaults: Vaults) -> None:
    """The second text to a stranger waits for their yes, and arrives after it, in order."""
    bob = vaults.init("bob")
    vaults.init("alice")
    vaults.facts("alice", "add", bob, "--text", "first")
    for text in ("second", "third", "fourth", "fifth"):
        status, line = vaults.fails("alice", "send", bob, text, "--timeout", "0.2")
        assert status == 7
        assert "not accepted you yet" in line
    vaults.facts("bob", "accept", "alice")
    vaults.facts("alice", "listen", "--seconds", "1")
    heard = vaults.facts("bob", "listen", "--count", "5", "--seconds", "15")
    assert texts(heard) == ["first", "second", "third", "fourth", "fifth"]


def test_a_message_outlives_a_dead_relay(vaults: Vaults, tmp_path: Path) -> None:
    """Sent while the relay is down, it is kept in the vault, and the line says so."""
    with relay_running(tmp_path / "data") as url:
        own = Vaults(tmp_path, url)
        hands = Hands(own)
        hands.meet()
    status, line = own.fails("alice", "send", "bob", "into the dark", "--timeout", "1")
    assert status == 7
    assert "kept and not sent: their relay cannot be reached" in line


def test_bad_texts_are_refused(hands: Hands) -> None:
    """An empty text, and one beyond the limit, are mistakes and nothing is sent."""
    assert hands.vaults.fails("alice", "send", "bob", "")[0] == 2
    result = hands.vaults.run("alice", "send", "bob", "-", typed="x" * 70_000)
    assert result.exit_code == 2


def test_a_vault_in_use(hands: Hands) -> None:
    """A second command on a vault that somebody has open is refused in one line."""
    vaults = hands.vaults

    async def ask_while_open() -> tuple[int, str]:
        async with await Client.open(vaults.path("bob"), passphrase=PASSPHRASE):
            return await asyncio.to_thread(vaults.fails, "bob", "address")

    status, line = asyncio.run(ask_while_open())
    assert status == 3
    assert "in use" in line or "open" in line


def test_what_did_not_arrive_is_sent_again_by_one_command(hands: Hands) -> None:
    """Unconfirmed messages go out once more, under their ids, and are read once."""
    vaults = hands.vaults
    names = asyncio.run(_two_given_up(vaults.path("alice")))
    again = vaults.facts("alice", "send-again", "bob")
    assert [(fact["kind"], fact["message_id"], fact["state"]) for fact in again] == [
        ("sent", name, "accepted") for name in names
    ]
    heard = vaults.facts("bob", "listen", "--count", "2", "--seconds", "60")
    assert texts(heard) == ["one", "two"]
    assert texts(vaults.facts("bob", "listen", "--seconds", "1")) == []
    result = vaults.run("alice", "send-again", "bob")
    assert "Nothing to bob is unconfirmed." in result.output


async def _two_given_up(path: Path) -> list[str]:
    """Send two messages and hold them for lost, as if bob's device had said so."""
    async with await Client.open(path, passphrase=PASSPHRASE) as client:
        (bob,) = client.contacts()
        messages = [await client.send(bob, text) for text in ("one", "two")]
        for message in messages:
            await message.reached("accepted", timeout=60)
        steps = client._steps  # pyright: ignore[reportPrivateUsage]  # plays bob's device
        for message in messages:
            row = steps.look(message_book.find_message, bytes.fromhex(message.message_id))
            assert row is not None
            await steps.run(message_states.give_up, row)
        return [message.message_id for message in messages]
