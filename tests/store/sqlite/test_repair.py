"""Repair: what clients bring again is removed where it is damaged, and the owners are told."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hushpost_store import SqliteStore, errors
from hushpost_store.conformance.stage import (
    NOW,
    backlog,
    digest,
    envelope,
    post,
    route,
    with_drops,
)
from hushpost_store.sqlite.repair import Repaired, repair


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """Give a closed database with two drops and three envelopes."""
    store = SqliteStore(tmp_path / "relay.db")
    await store.open()
    await with_drops(store, "alice", "dora")
    for drop, number in (("alice", 1), ("dora", 2), ("dora", 3)):
        await post(store, envelope(drop, number))
    await store.close()
    return tmp_path / "relay.db"


def damage(path: Path, statement: str) -> None:
    """Change rows behind the back of the digests, as a disk does."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.create_function("row_digest", -1, lambda *_: b"\7" * 8)
        connection.create_function("row_intact", -1, lambda *_: 1)
        connection.execute(statement)


async def test_a_damaged_envelope_is_taken_out_and_its_owner_told(path: Path) -> None:
    """The other envelopes are there, the notice names the drop, and the generation is a new one."""
    store = SqliteStore(path)
    await store.open()
    before = store.stats().generation
    await store.close()
    second = envelope("dora", 2).envelope_id.hex()
    damage(
        path, f"UPDATE envelope_4096 SET envelope = zeroblob(4096) WHERE envelope_id = x'{second}'"
    )
    assert repair(path) == Repaired({"envelope_4096": 1}, 1)
    await store.open()
    assert store.stats().generation != before
    assert store.stats().damaged == 0
    assert [one.envelope_id for one in await backlog(store)] == [
        envelope("alice", 1).envelope_id,
        envelope("dora", 3).envelope_id,
    ]
    (notice,) = await store.expired_notices(route("bob"))
    assert [(drop.drop_ref, drop.envelopes) for drop in notice.drops] == [(digest("dora")[:16], 1)]
    await store.close()


async def test_of_an_envelope_whose_row_is_damaged_nobody_is_told(path: Path) -> None:
    """With its drop unknown it is only removed."""
    last = "(SELECT max(id) FROM envelope_4096)"
    damage(path, f"UPDATE envelope_4096 SET drop_ref = x'00' WHERE id = {last}")
    assert repair(path) == Repaired({"envelope_4096": 1}, 0)


async def test_damaged_drops_and_prekeys_are_removed(path: Path) -> None:
    """A damaged drop goes; the intact one stays open."""
    damage(path, f"UPDATE mailbox_drop SET kind = 3 WHERE drop_hash = x'{digest('alice').hex()}'")
    assert repair(path).removed == {"mailbox_drop": 1}
    store = SqliteStore(path)
    await store.open()
    assert (await post(store, envelope("dora", 9))).reason is None
    assert (await post(store, envelope("alice", 9))).reason is not None
    await store.close()


@pytest.mark.parametrize("table", ["account", "device", "device_list", "mailbox"])
def test_what_cannot_be_made_again_is_not_removed(path: Path, table: str) -> None:
    """Damage to who is here is refused, and nothing of the database is changed."""
    damage(path, f"UPDATE {table} SET digest = x'0101010101010101'")
    before = path.read_bytes()
    with pytest.raises(errors.StoreDamaged, match=f"{table}.*backup"):
        repair(path)
    assert path.read_bytes() == before


async def test_a_running_relay_is_not_repaired_under(path: Path) -> None:
    """Whoever has the store open keeps a repair away."""
    store = SqliteStore(path)
    await store.open()
    with pytest.raises(errors.StoreInUse):
        repair(path)
    assert store.deletion_lag(NOW) == 0
    await store.close()


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    """What SQLite cannot read is damaged, not repaired."""
    path.write_bytes(b"\0" * 4096)
    with pytest.raises(errors.StoreDamaged):
        repair(path)
