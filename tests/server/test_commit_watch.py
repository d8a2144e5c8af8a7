"""Tests of hushpost_server.commit_watch: failed commits are said, and do not fill the log."""

from __future__ import annotations

import logging

import pytest
from hushpost_server.commit_watch import LINES_APART_SECONDS, CommitWatch
from hushpost_server.logging import EventLog
from hushpost_store.errors import StorageFull
from hushpost_store.memory import MemoryStore
from hushpost_store.rows import StoreStats


class Failing(MemoryStore):
    """A store whose figures the test sets."""

    failed = 0
    faulty = False

    def stats(self) -> StoreStats:
        """Return them."""
        return StoreStats(bytes(16), failed_envelopes=self.failed, faulty=self.faulty)


class Watched:
    """A watch over such a store, and a clock."""

    def __init__(self) -> None:
        self.now = 100.0
        self.store = Failing()
        self.watch = CommitWatch(self.store, EventLog(), lambda: self.now)


@pytest.fixture
def watched(caplog: pytest.LogCaptureFixture) -> Watched:
    """Watch a store that nothing has failed in."""
    caplog.set_level(logging.INFO)
    return Watched()


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was logged of commits."""
    return [line for line in caplog.messages if line.startswith("commit")]


def test_failures_are_counted_into_few_lines(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    """The first is said at once; a thousand more are one line, ten seconds later."""
    watched.store.failed, watched.store.faulty = 3, True
    watched.watch.look()
    assert lines(caplog) == [
        "commit_failed failed=3 error=none at=none: commits failed; senders were told to retry"
    ]
    for _ in range(1_000):
        watched.store.failed += 1
        watched.now += 0.001
        watched.watch.look()
    assert len(lines(caplog)) == 1
    watched.now += LINES_APART_SECONDS
    watched.watch.look()
    assert lines(caplog)[1].startswith("commit_failed failed=1000 ")


def test_a_failed_request_names_its_class_and_no_value(
    watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    """What the exception quotes stays out of the log."""
    for _ in range(50):
        watched.watch.failed(StorageFull("somebody's name"))
    (line,) = lines(caplog)
    assert "failed=1 error=StorageFull" in line
    assert "somebody" not in caplog.text


def test_the_end_is_said_once(watched: Watched, caplog: pytest.LogCaptureFixture) -> None:
    """When commits go through again for a while; nothing is said where nothing failed."""
    watched.watch.look()
    watched.store.failed, watched.store.faulty = 1, True
    watched.watch.look()
    assert watched.watch.is_failing
    watched.now += 2 * LINES_APART_SECONDS
    watched.watch.look()
    assert watched.watch.is_failing
    watched.store.faulty = False
    for _ in range(3):
        watched.watch.look()
    assert not watched.watch.is_failing
    assert [line.partition(":")[0] for line in lines(caplog)[1:]] == ["commits_resumed"]
