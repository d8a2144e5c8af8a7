"""Tests of hushpost_server.subpoena: complete against the store's raw contents."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hushpost_proof.disclosure import accounts_of, unaccounted
from hushpost_server.account_reference import AccountReference
from hushpost_server.errors import ProductionFailed
from hushpost_server.published_schema import as_json, from_json, schema_of
from hushpost_server.subpoena import FORMAT, Subpoena, produce
from hushpost_server.subpoena_command import SCHEMA_TITLE
from hushpost_store.conformance import DAY, digest
from hushpost_store.sqlite import row_digest
from hushpost_wire.identifiers import AccountId

from tests.store.sqlite.full_store import NAMES, full_store

SCHEMA = Path(__file__).parents[2] / "docs" / "subpoena.schema.json"


@pytest.fixture
async def database(tmp_path: Path) -> Path:
    """Give the database of a stopped relay with several accounts and all kinds of rows."""
    async with full_store(tmp_path / "relay.db"):
        pass
    return tmp_path / "relay.db"


def answer(database: Path | None, account_id: bytes) -> Subpoena:
    """Produce for one account."""
    reference = AccountReference(AccountId(account_id))
    return produce(reference, database=database, host="relay.example", today=DAY)


def answers(database: Path) -> list[dict[str, Any]]:
    """Produce for every account, as JSON that others would read."""
    ids = map(bytes.fromhex, accounts_of(database))
    return [json.loads(as_json(answer(database, account_id))) for account_id in ids]


@pytest.fixture
def altered(database: Path) -> Iterator[sqlite3.Connection]:
    """Give a connection through which a test does what no relay does."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        row_digest.install(connection, row_digest.Damage())
        yield connection


async def test_every_row_is_produced_for_its_account_alone(database: Path) -> None:
    """Of three accounts with all kinds of rows nothing is left over, missing, or told twice."""
    produced = answers(database)
    assert len(produced) == len(NAMES)
    assert all(table["rows"] for one in produced for table in one["stored"])
    assert unaccounted(database, produced) == ()


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        ("CREATE TABLE visitor AS SELECT 'alice' AS name", "1 rows of visitor are in no answer"),
        ("ALTER TABLE account ADD COLUMN phone TEXT", "3 rows of account are in no answer"),
        (
            "INSERT INTO mailbox (slot, route, knock_day, knocks, notices_closed)"
            " VALUES (7, x'07', 0, 0, 0)",
            "1 rows of mailbox are in no answer",
        ),
        (
            "INSERT INTO envelope_4096 (id, not_after, envelope_id, drop_ref, envelope_bytes,"
            " envelope) VALUES (7 << 32, 1, x'07', x'07', 1, x'07')",
            "1 rows of envelope_4096 are in no answer",
        ),
        ("DELETE FROM device_list WHERE version = 1", "3 rows of device_list too many"),
    ],
)
async def test_the_check_finds_what_is_planted(
    database: Path, altered: sqlite3.Connection, planted: str, found: str
) -> None:
    """A table, a column, or a row of a kind that no answer holds; and an answer of too much."""
    produced = answers(database)
    altered.execute(planted)
    assert found in unaccounted(database, produced)


@pytest.mark.parametrize(
    ("planted", "named"),
    [
        ("CREATE TABLE visitor (address TEXT)", "table visitor"),
        ("ALTER TABLE device ADD COLUMN seen INTEGER", "column device.seen"),
    ],
)
async def test_nothing_is_produced_from_a_database_that_holds_more_than_is_declared(
    database: Path, altered: sqlite3.Connection, planted: str, named: str
) -> None:
    """An answer that could not be whole is none."""
    altered.execute(planted)
    with pytest.raises(ProductionFailed, match=named):
        answer(database, digest("bob"))


async def test_rows_that_lead_to_nobody_are_told(
    database: Path, altered: sqlite3.Connection
) -> None:
    """What a broken-off deletion left is counted in every answer."""
    altered.execute("DELETE FROM device WHERE account_id = ?", (digest("bob"),))
    told = answer(database, digest("alice")).rows_of_nobody
    assert told["mailbox"] == 2
    assert told["envelope_16384"] == 1
    assert answer(database, digest("alice")).is_known


async def test_a_running_relay_is_produced_from_and_said_to_run(tmp_path: Path) -> None:
    """The same rows, on a snapshot; what its memory holds is named and not asked for."""
    async with full_store(tmp_path / "relay.db"):
        produced = answer(tmp_path / "relay.db", digest("bob"))
    assert produced.relay_runs
    assert all(table.rows for table in produced.stored)
    assert {"presence", "open connections"} <= {held.name for held in produced.memory}
    assert any("who is connected from where" in sentence for sentence in produced.watching)
    stopped = answer(tmp_path / "relay.db", digest("bob"))
    assert not stopped.relay_runs
    assert stopped.stored == produced.stored


async def test_an_unknown_account_gets_a_whole_answer_without_rows(database: Path) -> None:
    """Nothing is stored, and what could not be produced anyway is said as well."""
    told = answer(database, digest("mallory"))
    assert not told.is_known
    assert told.facts == ("Nothing is stored about this account.",)
    assert told.cannot
    assert told.address.startswith("hushpost://relay.example/")


def test_a_relay_without_a_database_has_nothing_on_disk() -> None:
    """With the store in memory there is nothing to read."""
    told = answer(None, digest("bob"))
    assert not told.is_known
    assert "nothing is on disk" in told.facts[0]


async def test_an_address_of_another_relay_is_looked_for_and_said_to_be_one(database: Path) -> None:
    """An account id is the same everywhere."""
    reference = AccountReference(AccountId(digest("bob")), "other.example")
    told = produce(reference, database=database, host="relay.example", today=DAY)
    assert "names another relay, other.example" in told.facts[0]
    assert told.is_known


def test_a_missing_database_is_said(tmp_path: Path) -> None:
    """A wrong folder is no unknown account."""
    with pytest.raises(ProductionFailed, match="there is no database"):
        answer(tmp_path / "relay.db", digest("bob"))


async def test_it_is_written_as_its_published_schema_says(database: Path) -> None:
    """docs/subpoena.schema.json is that of the class; the JSON reads back into the same answer."""
    assert SCHEMA.read_text() == schema_of(Subpoena, SCHEMA_TITLE)
    produced = answer(database, digest("bob"))
    assert produced.format == FORMAT
    assert from_json(Subpoena, as_json(produced)) == produced
