"""Tests of `hushpost chat` as people use it: two terminals, a relay, keys pressed."""

import subprocess

from tests.demo.typing_hands import COMMAND, PseudoTerminal, Vaults, facts_of


def test_two_terminals(vaults: Vaults) -> None:
    """Two strangers meet, compare safety numbers, write to and fro, and block, by keyboard."""
    addresses = {name: vaults.init(name) for name in ("alice", "bob")}
    with (
        PseudoTerminal(["chat"], vaults.environment("alice")) as alice,
        PseudoTerminal(["chat"], vaults.environment("bob")) as bob,
    ):
        bob.expect("online")
        alice.expect("online")
        alice.press(f"/add {addresses['bob']}\r")
        alice.expect("you write to")
        alice.press("good evening, it is alice\r")
        alice.expect("[1] accepted")
        bob.expect('alice knocks and says: "good evening, it is alice"')
        bob.press("/accept\r")
        bob.expect_each("you write to alice", "alice: good evening, it is alice")
        alice.expect("bob accepted you")
        bob.press("/safety\r")
        bob.expect("/verify:")
        number = bob.expect("\n> ").strip()
        alice.press("/safety\r")
        alice.expect(number)
        assert len(number.split()) == 12
        bob.press("/verify\r")
        bob.expect("alice is verified")
        bob.press("first\rsecond\rthird\r")
        alice.expect("bob: first")
        alice.expect("bob: second")
        alice.expect("bob: third")
        bob.expect("[3] read")
        bob.press("/block\r")
        bob.expect("alice is blocked")
        bob.press("/quit\r")
        assert bob.ended() == 0
        alice.press("\x04")
        assert alice.ended() == 0


def test_ctrl_c_leaves_the_terminal_as_it_was(vaults: Vaults) -> None:
    """Ctrl-C ends the chat with the status of an interruption and no traceback."""
    vaults.init("alice")
    with PseudoTerminal(["chat"], vaults.environment("alice")) as alice:
        alice.expect("online")
        alice.process.send_signal(2)
        assert alice.ended() == 130
        assert "Traceback" not in alice.screen


def test_a_script_chats_through_pipes(vaults: Vaults) -> None:
    """Lines of a pipe are obeyed like keys, and --json tells everything as objects."""
    vaults.init("alice")
    chat = subprocess.run(
        [*COMMAND, "chat", "--json"],
        input="/address\n/nonsense\nto nobody\n",
        env=vaults.environment("alice"),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    kinds = [fact["kind"] for fact in facts_of(chat.stdout)]
    assert kinds[0] == "chat"
    assert {"address", "unknown", "nobody"} <= set(kinds)


def test_the_command_itself(vaults: Vaults) -> None:
    """It opens the vault, obeys, and leaves at the end of its input; an unknown WHO ends it."""
    address = vaults.init("alice")
    result = vaults.run("alice", "chat", typed="/address\n")
    assert result.exit_code == 0, result.output
    assert result.stdout.count(address) == 2
    assert vaults.fails("alice", "chat", "carol")[0] == 6
