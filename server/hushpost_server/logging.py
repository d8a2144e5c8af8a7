"""The relay's log: declared events, and nothing else (DESIGN 10; `log_events` declares them).

An event that is not declared cannot be written, nor with a field, or a value, that is not. The
relay's own process writes lines to standard error (`EventLog.to_stream`); a program that embeds the
relay gets them through its `logging`, under the name `hushpost.relay`, and sets that up itself.
"""

from __future__ import annotations

import contextlib
import logging
import time
from typing import Protocol, TextIO

from hushpost_server.log_events import EVENTS, Value

LOGGER_NAME = "hushpost.relay"
THIRD_PARTY_LOGGERS = ("websockets", "websockets.server", "aiosqlite", "asyncio", "redis")


class Sink(Protocol):
    """Where lines go."""

    def takes(self, level: int) -> bool:
        """Say whether lines of this level are wanted."""
        ...

    def put(self, level: int, line: str) -> None:
        """Write a line; never raises."""
        ...


class EventLog:
    """Writes declared events; without a sink through Python's `logging`."""

    __slots__ = ("_sink",)

    def __init__(self, sink: Sink | None = None) -> None:
        self._sink = sink if sink is not None else LoggerSink()

    @classmethod
    def to_stream(cls, stream: TextIO | None, level: str) -> EventLog:
        """Return a log of lines of their own, whatever becomes of Python's `logging`.

        None, which is what Python has for a standard error that was closed: lines go nowhere.
        """
        return cls(StreamSink(stream, logging.getLevelNamesMapping()[level.upper()]))

    def write(self, name: str, **fields: Value) -> None:
        """Log event `name` with exactly its declared fields; `at` comes from `error`.

        KeyError for an event that is not declared, ValueRefused for a field or a value that is not.
        """
        event = EVENTS[name]
        # Also where the level is off: what is refused must not depend on the operator's settings.
        line = event.render(fields)
        if self._sink.takes(event.level):
            self._sink.put(event.level, line)


class StreamSink:
    """Lines with time and level on a stream."""

    __slots__ = ("_level", "_stream")

    def __init__(self, stream: TextIO | None, level: int) -> None:
        self._stream = stream
        self._level = level

    def takes(self, level: int) -> bool:
        """See `Sink`."""
        return self._stream is not None and level >= self._level

    def put(self, level: int, line: str) -> None:
        """See `Sink`."""
        if self._stream is None:
            return
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S")
        # A log that nobody can take (a closed pipe, a full disk) must not stop the mail.
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(f"{stamp} {logging.getLevelName(level).lower()} {line}\n")
            self._stream.flush()


class LoggerSink:
    """Lines for a program that embeds the relay, through its `logging`."""

    __slots__ = ("_logger",)

    def __init__(self, logger: logging.Logger | None = None) -> None:
        self._logger = logger if logger is not None else logging.getLogger(LOGGER_NAME)

    def takes(self, level: int) -> bool:
        """See `Sink`."""
        return self._logger.isEnabledFor(level)

    def put(self, level: int, line: str) -> None:
        """See `Sink`."""
        self._logger.log(level, "%s", line)


def quieten_libraries() -> None:
    """Hold third-party loggers at WARNING in a program that embeds the relay.

    What it can do there: such a program may undo it. `process_output` holds them for good.
    """
    for name in THIRD_PARTY_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
