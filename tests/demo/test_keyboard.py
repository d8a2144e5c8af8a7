"""Tests of the keyboard: a real pseudo-terminal and a real pipe in this process."""

import asyncio
import os
import pty
import sys
import termios

import pytest
from hushpost_demo.keyboard import PipeKeyboard, TerminalKeyboard, open_keyboard


def is_canonical(descriptor: int) -> bool:
    """Whether the kernel edits lines."""
    return bool(termios.tcgetattr(descriptor)[3] & termios.ICANON)


async def test_keys_of_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Keys come at once, output goes above the line, and the terminal is as before at the end."""
    master, slave = pty.openpty()
    with os.fdopen(slave, closefd=False) as terminal, monkeypatch.context() as patched:
        patched.setattr(sys, "stdin", terminal)
        patched.setattr(sys.stdout, "isatty", lambda: True)
        with open_keyboard() as keyboard:
            assert isinstance(keyboard, TerminalKeyboard)
            assert not is_canonical(slave)
            os.write(master, b"half")
            shown = ""
            while "half" not in shown:
                await asyncio.sleep(0.01)
                shown += capsys.readouterr().out
            keyboard.print("a message")
            os.write(master, b" a line\r\x04")
            assert await keyboard.next_line() == "half a line"
            assert await keyboard.next_line() is None
        assert is_canonical(slave)
    shown += capsys.readouterr().out
    assert "\r\x1b[Ka message\n\r\x1b[K> half" in shown
    os.close(master)
    os.close(slave)


async def test_a_terminal_that_goes_away_ends_the_input(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A closed window is the end of the input, not an error."""
    master, slave = pty.openpty()
    keyboard = TerminalKeyboard(slave)
    with keyboard.attached():
        os.close(master)
        assert await keyboard.next_line() is None
    os.close(slave)


async def test_lines_of_a_pipe(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lines come as they were written, and the end of the pipe is the end."""
    reading, writing = os.pipe()
    with os.fdopen(reading, encoding="utf-8") as pipe, monkeypatch.context() as patched:
        patched.setattr(sys, "stdin", pipe)
        with open_keyboard() as keyboard:
            assert isinstance(keyboard, PipeKeyboard)
            os.write(writing, "one\r\ntwö".encode())
            os.close(writing)
            assert [await keyboard.next_line() for _ in range(3)] == ["one", "twö", None]
            keyboard.print("said")
    assert capsys.readouterr().out == "said\n"
