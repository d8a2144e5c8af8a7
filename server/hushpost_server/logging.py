"""The relay's log: a closed list of events with declared fields, and nothing else (DESIGN 10).

An event that is not declared here cannot be written, nor a field that the event does not declare.
Fields are numbers, names of classes, and words from closed sets; never an address, an account, a
route, a key, content, or the text of an exception (which may quote any of them). Connections are
named by a random number that means nothing after they end. Third-party loggers are held at
WARNING and print their first line only, without tracebacks: at DEBUG websockets logs frames and
aiosqlite logs the parameters of its SQL.
"""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from typing import TextIO

LOGGER_NAME = "hushpost.relay"
THIRD_PARTY_LOGGERS = ("websockets", "websockets.server", "aiosqlite", "asyncio", "redis")


@dataclass(frozen=True, slots=True)
class Event:
    """One line the relay may log: its name, severity and the fields it may carry."""

    name: str
    level: int
    fields: tuple[str, ...]
    sentence: str


_DECLARED = (
    Event("relay_started", logging.INFO, ("store", "tls", "buckets"), "serving"),
    Event("relay_draining", logging.INFO, ("connections",), "asked to stop; closing connections"),
    Event("relay_stopped", logging.INFO, (), "stopped"),
    Event("buckets_unenforced", logging.WARNING, (), "envelope sizes are not enforced: unsafe"),
    Event("identity_created", logging.INFO, (), "a new identity key was made for this relay"),
    Event("at_capacity", logging.WARNING, ("connections",), "refusing connections"),
    Event("intake_paused", logging.WARNING, ("waiting_bytes",), "the store is behind; not reading"),
    Event("intake_resumed", logging.INFO, (), "reading again"),
    Event(
        "commit_failed", logging.ERROR, ("error",), "a commit failed; senders were told to retry"
    ),
    Event("sweep_done", logging.DEBUG, ("expired",), "expired rows were deleted"),
    Event("sweep_failed", logging.ERROR, ("error",), "expired rows could not be deleted"),
    Event("deletion_late", logging.WARNING, ("seconds",), "deleted bodies are still on disk"),
    Event("connection_failed", logging.ERROR, ("connection", "error"), "closed after an own fault"),
    Event("connection_closed", logging.DEBUG, ("connection", "role", "code"), "connection ended"),
    Event("health_failed", logging.ERROR, ("error",), "health could not be determined"),
    Event("third_party", logging.WARNING, ("logger", "error"), "a library logged a warning"),
)
EVENTS = {event.name: event for event in _DECLARED}

Value = int | float | str | bool


class EventLog:
    """Writes declared events. Cheap when the level is off."""

    __slots__ = ("_logger",)

    def __init__(self, logger: logging.Logger | None = None) -> None:
        self._logger = logger if logger is not None else logging.getLogger(LOGGER_NAME)

    def write(self, name: str, **fields: Value) -> None:
        """Log event `name`; KeyError or ValueError when it or a field of it is not declared."""
        event = EVENTS[name]
        undeclared = set(fields) - set(event.fields)
        if undeclared:
            raise ValueError(f"{name} declares no field {', '.join(sorted(undeclared))}")
        if self._logger.isEnabledFor(event.level):
            written = "".join(f" {key}={fields[key]}" for key in event.fields if key in fields)
            self._logger.log(event.level, "%s%s: %s", name, written, event.sentence)


class _FirstLine(logging.Formatter):
    """Formats without tracebacks; a library's own message is replaced by the library's name."""

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage() if record.name == LOGGER_NAME else _third_party(record)
        stamp = self.formatTime(record, "%Y-%m-%dT%H:%M:%S")
        return f"{stamp} {record.levelname.lower()} {message}"


def _third_party(record: logging.LogRecord) -> str:
    error = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else "none"
    return f"third_party logger={record.name} error={error}: {EVENTS['third_party'].sentence}"


def set_up_logging(level: str, stream: TextIO | None = None) -> EventLog:
    """Send events to `stream` (standard error when None); quieten the libraries.

    For the command only: a program that embeds the relay sets logging up itself.
    """
    handler = logging.StreamHandler(stream if stream is not None else sys.stderr)
    handler.setFormatter(_FirstLine())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    quieten_libraries()
    logger = logging.getLogger(LOGGER_NAME)
    logger.setLevel(level.upper())
    return EventLog(logger)


def quieten_libraries() -> None:
    """Hold third-party loggers at WARNING, whatever the embedding program's root level is."""
    for name in THIRD_PARTY_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
