"""What a process of the relay may print: declared events, and nothing else (DESIGN 10).

Python itself prints tracebacks, and with them the values that exceptions quote, from many places:
an uncaught exception, a thread, a finalizer, a task nobody awaited, a warning, a logger without a
handler, a handler that fails. Libraries log what they handle: websockets frames, aiosqlite the
parameters of SQL. Each of these ends here in a declared event with a class and a place.

Refuses to pass on: texts of exceptions, warnings and libraries, and whatever is printed past the
log. For a process of the relay's own; a program that embeds a relay keeps its own output.
"""

from __future__ import annotations

import asyncio
import io
import logging
import os
import sys
import threading
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, TextIO

from hushpost_server.log_events import LIBRARIES
from hushpost_server.logging import EventLog

Release = Callable[[], None]
"""Gives the process its own ways of printing back."""

_UNSAFE_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def print_no_more() -> None:
    """Let standard output go nowhere: nobody reads it, and Python would complain at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def hold_exceptions(log: EventLog) -> Release:
    """Turn exceptions that nobody caught, and warnings, into events."""

    def uncaught(kind: type[BaseException], error: BaseException | None, _: object) -> None:
        log.write("unhandled", origin="program", error=error if error is not None else kind)

    def thread(arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_type is not SystemExit:  # how a thread ends on purpose
            log.write("unhandled", origin="thread", error=arguments.exc_value or arguments.exc_type)

    def finalizer(unraisable: Any) -> None:
        log.write(
            "unhandled", origin="finalizer", error=unraisable.exc_value or unraisable.exc_type
        )

    def warned(_: object, category: type[Warning], *__: object, **___: object) -> None:
        log.write("warned", error=category)

    stack = ExitStack()
    _replace(stack, sys, "excepthook", uncaught)
    _replace(stack, threading, "excepthook", thread)
    _replace(stack, sys, "unraisablehook", finalizer)
    _replace(stack, warnings, "showwarning", warned)
    return stack.close


def hold_loop(log: EventLog, loop: asyncio.AbstractEventLoop) -> None:
    """Turn what the event loop reports, such as a task whose exception nobody saw, into events."""

    def report(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        log.write("unhandled", origin="event_loop", error=context.get("exception"))

    loop.set_exception_handler(report)


def hold_libraries(log: EventLog) -> Release:
    """Hold every logger at WARNING and keep back what it says but for whose it is.

    Whatever level a library gives its logger and whatever handlers it adds, now or later.
    """

    def call_handlers(_: logging.Logger, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING:
            error = record.exc_info[1] if record.exc_info else None
            log.write("third_party", library=_library(record.name), error=error)

    stack = ExitStack()
    # The one way from any logger to any handler.
    _replace(stack, logging.Logger, "callHandlers", call_handlers)
    stack.callback(logging.disable, logging.root.manager.disable)
    # So that records which would be dropped are not even made.
    logging.disable(logging.INFO)
    return stack.close


def let_libraries_log(level: str, stream: TextIO) -> Release:
    """Let libraries log what they like, values and tracebacks included: unsafe."""
    root = logging.getLogger()
    handlers, before = root.handlers[:], root.level
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter(_UNSAFE_FORMAT))
    root.handlers[:] = [handler]
    root.setLevel(level.upper())

    def release() -> None:
        root.handlers[:] = handlers
        root.setLevel(before)

    return release


def hold_streams(log: EventLog) -> Release:
    """Keep back what is printed past the log, to standard output and standard error."""
    stack = ExitStack()
    withheld = Withheld(log)
    _replace(stack, sys, "stdout", withheld)
    _replace(stack, sys, "stderr", withheld)
    return stack.close


class Withheld(io.TextIOBase):
    """A stream that keeps nothing. Tells of the first write, the second, the fourth and so on."""

    def __init__(self, log: EventLog) -> None:
        super().__init__()
        self._log = log
        self._writes = 0

    def writable(self) -> bool:
        """Say yes, as a stream that is printed to must."""
        return True

    def write(self, text: str) -> int:
        """Forget `text`."""
        self._writes += 1
        if self._writes & (self._writes - 1) == 0:  # a program that prints must not fill the log
            self._log.write("output_withheld", writes=self._writes)
        return len(text)


def _replace(stack: ExitStack, owner: object, name: str, value: object) -> None:
    stack.callback(setattr, owner, name, getattr(owner, name))
    setattr(owner, name, value)


def _library(logger_name: str) -> str:
    first = logger_name.partition(".")[0]
    return first if first in LIBRARIES else "other"
