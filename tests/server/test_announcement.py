"""Tests of hushpost_server.announcement: what a start says of its guarantees."""

from __future__ import annotations

import logging

import pytest
from hushpost_server.announcement import announce
from hushpost_server.logging import EventLog

from tests.server.conftest import quiet


def test_what_is_unsafe_is_said_before_the_start(caplog: pytest.LogCaptureFixture) -> None:
    """Each unsafe switch has its line; a relay without them has its start alone."""
    caplog.set_level(logging.INFO)
    announce(EventLog(), quiet(), given_store=False, tls=True)
    assert [line.split(":")[0] for line in caplog.messages] == [
        "relay_started store=memory tls=true buckets=true"
    ]
    caplog.clear()
    unsafe = quiet(unsafe_no_bucket_enforcement=True, unsafe_third_party_logs=True)
    announce(EventLog(), unsafe, given_store=True, tls=False)
    assert [line.split(":")[0].split()[0] for line in caplog.messages] == [
        "buckets_unenforced",
        "third_party_logs_unsafe",
        "relay_started",
    ]
    assert "store=given" in caplog.text
