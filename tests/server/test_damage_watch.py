"""Damage that the store finds is said once, in the log, the metrics and health."""

from __future__ import annotations

import io
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hushpost_server.damage_watch import PROBLEM, DamageWatch
from hushpost_server.errors import FolderUnusable
from hushpost_server.logging import EventLog
from hushpost_server.relay import RelayServer
from hushpost_store import SqliteStore
from hushpost_store.conformance.stage import NOW, envelope, post, route, with_drops

from tests.server.conftest import quiet
from tests.store.sqlite.test_repair import damage


async def test_a_rise_is_logged_once(tmp_path: Path) -> None:
    """A damaged row is logged when it is met, not again while nothing more is."""
    store = SqliteStore(tmp_path / "relay.db")
    await store.open()
    await with_drops(store, "alice")
    await post(store, envelope("alice", 1))
    stream = io.StringIO()
    watch = DamageWatch(store, EventLog.to_stream(stream, "info"))
    assert watch.look() == 0
    with closing(sqlite3.connect(tmp_path / "relay.db")) as connection:
        connection.execute("UPDATE envelope_4096 SET envelope = zeroblob(4096)")
        connection.commit()
    opened = await store.open_mailbox(route("bob"), NOW)
    served = await store.read_backlog(
        route("bob"), opened.epoch, after_sequence=0, limit=9, now=NOW
    )
    assert served == []
    assert [watch.look(), watch.look()] == [1, 1]
    assert stream.getvalue().count("store_damaged damaged=1") == 1
    await store.close()


async def test_a_relay_on_a_damaged_database_serves_the_rest_and_says_so(tmp_path: Path) -> None:
    """It starts, /health is red with what to do, and the metric counts."""
    folder = tmp_path / "data"
    configuration = quiet(store="sqlite", data_folder=folder)
    async with RelayServer(configuration) as relay:
        await with_drops(relay.store, "alice")
    damage(folder / "relay.db", "UPDATE mailbox_drop SET kind = 3")
    async with RelayServer(configuration) as relay:
        assert PROBLEM in relay.health().problems
        assert "hushpost_store_damaged 1" in relay.metrics.render()


async def test_a_relay_does_not_start_on_a_damaged_file(tmp_path: Path) -> None:
    """SQLite's own structure damaged: one line that says what to do, and the file is as it was."""
    folder = tmp_path / "data"
    configuration = quiet(store="sqlite", data_folder=folder)
    async with RelayServer(configuration) as relay:
        await with_drops(relay.store, "alice")
    database = folder / "relay.db"
    data = bytearray(database.read_bytes())
    data[4096 : 4096 + 64] = b"\xff" * 64
    database.write_bytes(data)
    with pytest.raises(FolderUnusable, match="hushpost-relay check"):
        await RelayServer(configuration).start()
    assert database.read_bytes() == data
