"""Tests of hushpost_server.process_output: whatever fails, no value is printed."""

from __future__ import annotations

import asyncio
import gc
import io
import logging
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator

import pytest
from hushpost_server.logging import EventLog
from hushpost_server.process_output import (
    hold_exceptions,
    hold_libraries,
    hold_loop,
    hold_streams,
    let_libraries_log,
)

SECRET = "alice@example.org 127.9.8.7"


@pytest.fixture
def stream() -> io.StringIO:
    """Give what stands for standard error."""
    return io.StringIO()


@pytest.fixture
def log(stream: io.StringIO) -> EventLog:
    """Give a log on it, at the operator's loudest."""
    return EventLog.to_stream(stream, "debug")


@pytest.fixture
def exceptions(log: EventLog) -> Iterator[None]:
    """Hold exceptions for one test."""
    release = hold_exceptions(log)
    yield
    release()


@pytest.fixture
def libraries(log: EventLog) -> Iterator[None]:
    """Hold libraries for one test."""
    release = hold_libraries(log)
    yield
    release()


def caught() -> BaseException:
    """Return an exception that quotes a person."""
    try:
        raise LookupError(SECRET)
    except LookupError as error:
        return error


def lines(stream: io.StringIO) -> list[str]:
    """Return what was logged, without times; a secret among it fails the test."""
    text = stream.getvalue()
    assert SECRET not in text
    assert "Traceback" not in text
    return [line.partition(" ")[2] for line in text.splitlines()]


def uncaught() -> None:
    """End the program by an exception, as far as Python's hook goes."""
    error = caught()
    sys.excepthook(type(error), error, error.__traceback__)


def in_a_thread() -> None:
    """End a thread by one."""
    thread = threading.Thread(target=_raise)
    thread.start()
    thread.join()


def in_a_finalizer() -> None:
    """Raise where nobody can catch it."""

    class Finalized:
        def __del__(self) -> None:
            raise LookupError(SECRET)

    Finalized()
    gc.collect()


def _raise() -> None:
    raise LookupError(SECRET)


@pytest.mark.usefixtures("exceptions")
@pytest.mark.parametrize(
    ("fail", "origin"),
    [(uncaught, "program"), (in_a_thread, "thread"), (in_a_finalizer, "finalizer")],
)
def test_an_exception_nobody_caught_is_an_event(
    stream: io.StringIO,
    capsys: pytest.CaptureFixture[str],
    fail: Callable[[], None],
    origin: str,
) -> None:
    """Class and place are told, the text is not, and Python itself prints nothing."""
    fail()
    (line,) = lines(stream)
    assert f"error unhandled origin={origin} error=LookupError at={__name__}:" in line
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("exceptions")
def test_a_thread_that_ends_on_purpose_is_no_event(stream: io.StringIO) -> None:
    """SystemExit is how a thread says that it is done."""
    thread = threading.Thread(target=sys.exit)
    thread.start()
    thread.join()
    assert lines(stream) == []


@pytest.mark.usefixtures("exceptions")
def test_a_warning_is_an_event_without_its_text(stream: io.StringIO) -> None:
    """Python's warnings quote what they warn of."""
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning(ResourceWarning(SECRET), ResourceWarning, __file__, 1)
    assert lines(stream)[0].startswith("warning warned error=ResourceWarning:")


async def test_a_task_whose_exception_nobody_saw_is_an_event(
    log: EventLog, stream: io.StringIO, caplog: pytest.LogCaptureFixture
) -> None:
    """Python would log the task, its name and the traceback."""
    loop = asyncio.get_running_loop()
    hold_loop(log, loop)

    async def fail() -> None:
        raise LookupError(SECRET)

    task = loop.create_task(fail(), name=SECRET)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    del task
    gc.collect()
    loop.call_exception_handler({"message": SECRET})
    told = lines(stream)
    assert "origin=event_loop error=LookupError" in told[0]
    assert "origin=event_loop error=none at=none" in told[1]
    assert caplog.records == []


@pytest.mark.usefixtures("libraries")
def test_a_library_that_sets_its_own_level_stays_at_warning(stream: io.StringIO) -> None:
    """What is below WARNING is dropped, whatever level a logger was given, before or after."""
    for name in ("websockets.server", "aiosqlite", "made.later"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.DEBUG)
        logger.debug(SECRET)
        logger.info(SECRET)
        logger.handle(logging.makeLogRecord({"msg": SECRET, "levelno": logging.INFO}))
        logger.setLevel(logging.NOTSET)
    assert lines(stream) == []


@pytest.mark.usefixtures("libraries")
def test_handlers_that_a_library_adds_get_nothing(stream: io.StringIO) -> None:
    """Neither its own nor the root's handler is called, and the last resort is not needed."""
    own = io.StringIO()
    handler = logging.StreamHandler(own)
    logger = logging.getLogger("websockets.server")
    logger.addHandler(handler)
    logging.getLogger().addHandler(handler)
    try:
        logger.warning(SECRET, extra={"address": SECRET})
        # A broken call, which logging itself would print with its values.
        logger.error("%s %d", SECRET)  # noqa: PLE1206
    finally:
        logger.removeHandler(handler)
        logging.getLogger().removeHandler(handler)
    assert own.getvalue() == ""
    assert [line.partition(":")[0] for line in lines(stream)] == [
        "warning third_party library=websockets error=none"
    ] * 2


@pytest.mark.usefixtures("libraries")
def test_a_library_is_named_from_a_closed_set_and_its_exception_by_class(
    stream: io.StringIO,
) -> None:
    """A logger could be named after anything."""
    try:
        raise LookupError(SECRET)
    except LookupError:
        logging.getLogger(f"peer {SECRET}").exception(SECRET)
    assert lines(stream)[0].startswith("warning third_party library=other error=LookupError:")


def test_what_is_held_is_given_back(log: EventLog, capsys: pytest.CaptureFixture[str]) -> None:
    """A program that goes on afterwards has its own output again."""
    before = (
        sys.excepthook,
        threading.excepthook,
        sys.unraisablehook,
        warnings.showwarning,
        logging.Logger.callHandlers,
        logging.root.manager.disable,
        sys.stdout,
        sys.stderr,
    )
    for release in (hold_exceptions(log), hold_libraries(log), hold_streams(log)):
        release()
    assert before == (
        sys.excepthook,
        threading.excepthook,
        sys.unraisablehook,
        warnings.showwarning,
        logging.Logger.callHandlers,
        logging.root.manager.disable,
        sys.stdout,
        sys.stderr,
    )
    print("seen", file=sys.stderr)
    assert capsys.readouterr().err == "seen\n"


def test_what_is_printed_past_the_log_is_withheld_and_counted(
    log: EventLog, stream: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    """`print` and `traceback.print_exc` end nowhere; the log tells of 1, 2, 4, 8 writes."""
    release = hold_streams(log)
    try:
        print(SECRET)
        print(SECRET, file=sys.stderr)
        try:
            raise LookupError(SECRET)
        except LookupError:
            traceback.print_exc()
        assert sys.stdout.writable()
    finally:
        release()
    told = lines(stream)
    assert told[0].startswith("warning output_withheld writes=1:")
    assert told[-1].startswith("warning output_withheld writes=")
    assert len(told) < 6
    assert capsys.readouterr() == ("", "")


def test_only_the_unsafe_switch_lets_libraries_log(stream: io.StringIO) -> None:
    """Asked for by name, their texts and tracebacks are written, and no longer than that."""
    root = logging.getLogger()
    before = (root.level, root.handlers[:])
    release = let_libraries_log("debug", stream)
    logging.getLogger("some.library").debug("frame %s", SECRET)
    release()
    assert f"DEBUG some.library: frame {SECRET}" in stream.getvalue()
    assert before == (root.level, root.handlers[:])
