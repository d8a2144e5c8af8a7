"""Lines from a person or a pipe, and output that does not tear apart what is being typed.

On a terminal, keys are read one by one (`line_editor`) and the line is drawn anew below whatever is
printed meanwhile. From a pipe, lines are read by a thread, since a file cannot be waited for.
"""

import asyncio
import contextlib
import os
import shutil
import sys
import threading
from collections.abc import Generator
from typing import Final, Protocol

from hushpost_demo.line_editor import LineEditor

PROMPT: Final = "> "
_READ_BYTES: Final = 65536
_CLEAR_LINE: Final = "\r\x1b[K"


class Keyboard(Protocol):
    """Where lines come from, and the one way to print meanwhile."""

    async def next_line(self) -> str | None:
        """Wait for a line; None at the end of the input."""
        ...

    def print(self, text: str) -> None:
        """Print above what is being typed."""
        ...


@contextlib.contextmanager
def open_keyboard() -> Generator[Keyboard]:
    """Read from the terminal if there is one, otherwise from standard input as it is."""
    if sys.platform != "win32" and sys.stdin.isatty() and sys.stdout.isatty():
        with _without_line_editing(sys.stdin.fileno()):
            terminal = TerminalKeyboard(sys.stdin.fileno())
            with terminal.attached():
                yield terminal
    else:
        yield PipeKeyboard()


class TerminalKeyboard:
    """Keys of a terminal. The terminal must hand them over one by one."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._editor = LineEditor()
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()

    async def next_line(self) -> str | None:
        """Wait for a line; None after Ctrl-D on an empty one."""
        return await self._lines.get()

    def print(self, text: str) -> None:
        """Print above the line being typed."""
        sys.stdout.write(f"{_CLEAR_LINE}{text}\n")
        self._draw()

    @contextlib.contextmanager
    def attached(self) -> Generator[None]:
        """Listen to the keys while the block lasts."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._descriptor, self._keys)
        self._draw()
        try:
            yield
        finally:
            loop.remove_reader(self._descriptor)
            sys.stdout.write(_CLEAR_LINE)
            sys.stdout.flush()

    def _keys(self) -> None:
        try:
            data = os.read(self._descriptor, _READ_BYTES)
        except OSError:
            data = b""  # the terminal is gone
        for line in self._editor.feed(data):
            self._lines.put_nowait(line)
        if self._editor.ended or not data:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            self._lines.put_nowait(None)
        self._draw()

    def _draw(self) -> None:
        columns = shutil.get_terminal_size().columns - len(PROMPT) - 1
        sys.stdout.write(f"{_CLEAR_LINE}{PROMPT}{self._editor.shown(columns)}")
        sys.stdout.flush()


class PipeKeyboard:
    """Lines of a pipe or a file."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        # A daemon, since nothing can wake it while the other end of the pipe says nothing.
        threading.Thread(target=self._read, name="hushpost-input", daemon=True).start()

    async def next_line(self) -> str | None:
        """Wait for a line; None at the end."""
        return await self._lines.get()

    def print(self, text: str) -> None:
        """Print."""
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def _read(self) -> None:
        # The loop may be closed when a line comes after the end.
        with contextlib.suppress(RuntimeError, ValueError):
            for line in sys.stdin:
                self._put(line.rstrip("\r\n"))
            self._put(None)

    def _put(self, line: str | None) -> None:
        self._loop.call_soon_threadsafe(self._lines.put_nowait, line)


@contextlib.contextmanager
def _without_line_editing(descriptor: int) -> Generator[None]:
    """Have the terminal hand over keys at once, unechoed; Ctrl-C stays a signal."""
    import termios  # noqa: PLC0415  not there on Windows, where no terminal gets this far
    import tty  # noqa: PLC0415 - Windows has none

    before = termios.tcgetattr(descriptor)
    tty.setcbreak(descriptor, termios.TCSADRAIN)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
