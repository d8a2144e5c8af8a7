"""Tests of hushpost_server.logging."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterator

import pytest
from hushpost_server.log_events import ValueRefused
from hushpost_server.logging import (
    LOGGER_NAME,
    THIRD_PARTY_LOGGERS,
    EventLog,
    LoggerSink,
    quieten_libraries,
)


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Put the process's logging back as it was."""
    names = ["", LOGGER_NAME, *THIRD_PARTY_LOGGERS]
    before = {name: logging.getLogger(name).level for name in names}
    yield
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


def test_a_declared_event_is_one_line_with_its_fields() -> None:
    """An event is written with time, level, name, fields and sentence."""
    stream = io.StringIO()
    log = EventLog.to_stream(stream, "info")
    log.write("relay_started", store="memory", tls=False, buckets=True)
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d info relay_started store=memory tls=false buckets=true:"
        r" serving\n",
        stream.getvalue(),
    )


def test_what_is_less_severe_than_the_level_is_not_written() -> None:
    """The operator's level decides about the relay's own events."""
    stream = io.StringIO()
    EventLog.to_stream(stream, "info").write("sweep_done", expired=1)
    assert stream.getvalue() == ""
    EventLog.to_stream(stream, "debug").write("sweep_done", expired=1)
    assert " debug sweep_done expired=1:" in stream.getvalue()


def test_an_undeclared_event_cannot_be_written() -> None:
    """The list of events is closed."""
    with pytest.raises(KeyError):
        EventLog().write("somebody_said")


@pytest.mark.parametrize("level", ["debug", "error"])
def test_an_undeclared_field_or_value_cannot_be_written_at_any_level(level: str) -> None:
    """What is refused does not depend on what the operator wants to read."""
    log = EventLog.to_stream(io.StringIO(), level)
    with pytest.raises(ValueRefused, match="relay_stopped"):
        log.write("relay_stopped", account="x")
    with pytest.raises(ValueRefused, match="expired"):
        log.write("sweep_done", expired="7f3a7f3a")


def test_a_stream_that_takes_nothing_stops_nobody() -> None:
    """A closed pipe or a full disk under the log must not stop the mail."""
    stream = io.StringIO()
    stream.close()
    EventLog.to_stream(stream, "info").write("relay_stopped")


def test_a_closed_standard_error_takes_nothing() -> None:
    """Python has None for it; what is declared is still judged."""
    log = EventLog.to_stream(None, "info")
    log.write("relay_stopped")
    with pytest.raises(ValueRefused):
        log.write("relay_stopped", account="x")


def test_a_program_that_embeds_the_relay_gets_its_events_by_name(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Without a stream the lines go to the logger `hushpost.relay`, at their level."""
    with caplog.at_level(logging.INFO, LOGGER_NAME):
        EventLog().write("relay_stopped")
        EventLog(LoggerSink(logging.getLogger(LOGGER_NAME))).write("sweep_done", expired=2)
    assert [(r.name, r.levelname, r.message) for r in caplog.records] == [
        (LOGGER_NAME, "INFO", "relay_stopped: stopped")
    ]


def test_an_embedding_program_at_debug_does_not_loosen_libraries() -> None:
    """`quieten_libraries` holds whatever the root logger's level is."""
    logging.getLogger().setLevel(logging.DEBUG)
    logging.getLogger("websockets.server").setLevel(logging.DEBUG)
    quieten_libraries()
    assert not logging.getLogger("websockets.server").isEnabledFor(logging.INFO)
