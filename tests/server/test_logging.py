"""Tests of hushpost_server.logging."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest
from hushpost_server.logging import (
    EVENTS,
    LOGGER_NAME,
    THIRD_PARTY_LOGGERS,
    EventLog,
    quieten_libraries,
    set_up_logging,
)


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Put the process's logging back as it was."""
    names = ["", LOGGER_NAME, *THIRD_PARTY_LOGGERS]
    before = {name: logging.getLogger(name).level for name in names}
    handlers = logging.getLogger().handlers[:]
    yield
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)
    logging.getLogger().handlers[:] = handlers


def test_a_declared_event_is_one_line_with_its_fields() -> None:
    """An event is written with its name, its fields and its sentence."""
    stream = io.StringIO()
    set_up_logging("info", stream).write("relay_started", store="memory", tls=False, buckets=True)
    assert (
        stream.getvalue()
        .rstrip()
        .endswith("info relay_started store=memory tls=False buckets=True: serving")
    )


def test_an_undeclared_event_cannot_be_written() -> None:
    """The list of events is closed."""
    with pytest.raises(KeyError):
        EventLog().write("somebody_said")


def test_an_undeclared_field_cannot_be_written() -> None:
    """An event carries only the fields it declares."""
    with pytest.raises(ValueError, match="relay_stopped declares no field account"):
        EventLog().write("relay_stopped", account="x")


def test_no_event_declares_a_field_that_could_name_a_person() -> None:
    """Fields are counts, classes and closed words; none is an address, route, key or account."""
    fields = {field for event in EVENTS.values() for field in event.fields}
    assert not fields & {"address", "ip", "account", "device", "route", "key", "drop", "message"}


def test_exceptions_of_libraries_are_named_by_class_alone() -> None:
    """A library's message and traceback, which may quote frames or SQL, are not printed."""
    stream = io.StringIO()
    set_up_logging("debug", stream)
    try:
        raise ValueError("secret text")
    except ValueError:
        logging.getLogger("asyncio").exception("callback failed with secret text")
    line = stream.getvalue()
    assert "secret" not in line
    assert "logger=asyncio error=ValueError" in line
    assert line.count("\n") == 1


@pytest.mark.parametrize("name", THIRD_PARTY_LOGGERS)
def test_libraries_stay_at_warning_at_the_debug_level(name: str) -> None:
    """At DEBUG websockets would log frames, and aiosqlite SQL parameters."""
    logging.getLogger(name).setLevel(logging.DEBUG)
    set_up_logging("debug", io.StringIO())
    assert not logging.getLogger(name).isEnabledFor(logging.INFO)


def test_an_embedding_program_at_debug_does_not_loosen_them() -> None:
    """`quieten_libraries` holds whatever the root logger's level is."""
    logging.getLogger().setLevel(logging.DEBUG)
    quieten_libraries()
    assert not logging.getLogger("websockets.server").isEnabledFor(logging.INFO)
