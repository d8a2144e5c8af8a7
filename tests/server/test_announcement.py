"""Tests of hushpost_server.announcement: what a start says of its guarantees."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from hushpost_server.announcement import announce
from hushpost_server.cautions import cautions
from hushpost_server.data_folder import DATABASE_FILE
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


def test_each_caution_is_said(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    """What is allowed and probably not meant is in the log too, an event each."""
    caplog.set_level(logging.INFO)
    spare_url = quiet(redis_url="redis://127.0.0.1:6379", data_folder=tmp_path)
    (tmp_path / DATABASE_FILE).write_bytes(b"no database of ours")
    left_beside = quiet(redis_url="redis://127.0.0.1:6379", data_folder=tmp_path, store="redis")
    for configuration, event in ((spare_url, "redis_url_unused"), (left_beside, "database_left")):
        assert [one.event for one in cautions(configuration)] == [event]
        caplog.clear()
        announce(EventLog(), configuration, given_store=False, tls=True)
        assert [line.split(":")[0].split()[0] for line in caplog.messages] == [
            event,
            "relay_started",
        ]
