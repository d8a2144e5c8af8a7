"""Tests of telling the demo to people: widths, colours, terminals and their absence."""

import io
from pathlib import Path

import pytest
from hushpost import Message, MessageState
from hushpost_demo.person import Line, Person
from hushpost_demo.scenes import OFFLINE
from hushpost_demo.stage_terminal import WIDTH_MAX, TerminalStage
from rich.console import Console

from tests.demo.test_stage import ENVELOPE, cluster_view, view


def console(width: int, *, terminal: bool = False, encoding: str = "utf-8") -> Console:
    """Make a console that keeps what is printed."""
    out = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    return Console(file=out, width=width, force_terminal=terminal, highlight=False)


def shown(target: Console) -> str:
    """Give what was printed."""
    target.file.seek(0)
    return target.file.read()


def people(folder: Path) -> tuple[Person, Person]:
    """Give Alice with a long conversation, and Bob with a stranger's tricks on his screen."""
    alice, bob = Person("Alice", "A", folder), Person("Bob", "B", folder)
    for number in range(9):
        message = Message(f"{number}", "address", MessageState.ACCEPTED)
        alice.lines.append(Line("Alice", f"line {number}", message))
    bob.lines += [Line("", "Eve asks"), Line("Eve \x1b[2J", "[bold]text[/bold] \x07")]
    return alice, bob


@pytest.mark.parametrize("width", [80, 100, 300])
def test_three_columns_fit_any_width(tmp_path: Path, width: int) -> None:
    """No line is broader than the terminal or the widest that reads well."""
    target = console(width)
    stage = TerminalStage(target)
    stage.scene(4, OFFLINE)
    alice, bob = people(tmp_path)
    stage.frame(alice, view(), bob)
    stage.fact("ok", "all is well " * 20, ok=True)
    text = shown(target)
    assert max(map(len, text.splitlines())) <= max(60, min(width, WIDTH_MAX))
    for words in ("4. Bob's app is closed", "mailbox abab", "2 waiting", "empty", "4,096"):
        assert words in text
    assert ENVELOPE[:4].hex(" ") in text
    assert "line 8" in text
    assert "line 1" not in text


def test_a_narrow_terminal_wraps(tmp_path: Path) -> None:
    """Below the width that three columns need, nothing is lost but the beauty."""
    target = console(40)
    alice, bob = people(tmp_path)
    TerminalStage(target).frame(alice, view(), bob)
    assert "2 waiting" in shown(target)


def test_what_people_write_is_only_text(tmp_path: Path) -> None:
    """Neither markup nor control characters of a message do anything."""
    target = console(110)
    alice, bob = people(tmp_path)
    TerminalStage(target).frame(alice, view(), bob)
    text = shown(target)
    assert "[bold]text[/bold]" in text
    assert "\x1b" not in text
    assert "\x07" not in text


def test_a_dead_relay_is_called_dead(tmp_path: Path) -> None:
    """Without a process there are no counts, and the heading says what is looked at."""
    target = console(80)
    alice, bob = people(tmp_path)
    TerminalStage(target).frame(alice, view(None, waiting=0), bob)
    text = shown(target)
    assert "the dead relay's disk" in text
    assert "killed" in text
    assert "apps online" not in text
    assert "one begins" not in text


@pytest.mark.parametrize("width", [80, 110])
def test_two_relays_and_their_redis_fit_one_column(tmp_path: Path, width: int) -> None:
    """A relay and a server that were killed are seen to be, and each label stands whole."""
    target = console(width)
    alice, bob = people(tmp_path)
    TerminalStage(target).frame(alice, cluster_view(), bob)
    text = shown(target)
    for words in ("relays and Redis", "relay A", "killed", "relay B", "2 online", "5 of 6"):
        assert words in text
    assert "Redis servers" in text
    assert "mailbox abab" in text
    assert ENVELOPE[:4].hex(" ") in text


def test_good_and_bad_ends_look_different() -> None:
    """A failure is said in words and marks, also where there is no colour and no Unicode."""
    for encoding, good, bad in (("utf-8", "✓ fine", "✗ leaked"), ("ascii", "ok: ", "FAILED: ")):
        target = console(80, encoding=encoding)
        stage = TerminalStage(target, next_steps="See it fail: hushpost demo --leak")
        stage.fact("a", "fine", ok=True)
        stage.fact("b", "leaked", ok=False)
        stage.verdict("Something leaked", clean=False, seconds=3.2)
        stage.verdict("Nothing leaked", clean=True, seconds=3.2)
        text = shown(target)
        assert good in text
        assert bad in text
        assert "Something leaked (3 seconds)" in text
        assert "hushpost demo --leak" in text


def test_time_to_read_is_left_on_terminals_only() -> None:
    """A log file does not need pauses, and --fast wants none."""
    assert TerminalStage(console(80, terminal=True)).reading_seconds(2) == 2
    assert TerminalStage(console(80, terminal=True), fast=True).reading_seconds(2) == 0
    stage = TerminalStage(console(80))
    assert stage.reading_seconds(2) == 0
    with stage.busy("working"):
        pass
