"""The census taken when a store opens."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from hushpost_store.conformance import account
from hushpost_store.sqlite import accounts
from hushpost_store.sqlite.census import file_bytes, take_census
from hushpost_store.sqlite.group import INSERT_COLUMNS


def test_figures_are_those_of_the_tables(connection: sqlite3.Connection) -> None:
    """Accounts, and envelopes with the bytes of their buckets, over all tables."""
    accounts.create(connection, account("bob"))
    for bucket, rows in ((4096, 3), (16384, 2)):
        connection.executemany(
            f"INSERT INTO envelope_{bucket} {INSERT_COLUMNS}"
            " VALUES (?1, 1, ?2, ?3, 1, ?4, envelope_digest(?1, 1, ?2, ?3, 1, ?4))",
            [(n, b"i", b"r", b"e") for n in range(rows)],
        )
    census = take_census(connection, (4096, 16384))
    assert (census.accounts, census.queued_envelopes) == (1, 5)
    assert census.queued_bytes == 3 * 4096 + 2 * 16384
    assert len(census.generation) == 16


def test_counting_reads_no_envelope(connection: sqlite3.Connection) -> None:
    """The count goes by an index, so that a large store opens without reading all of its mail."""
    plan = connection.execute("EXPLAIN QUERY PLAN SELECT count(*) FROM envelope_4096").fetchall()
    assert any("USING COVERING INDEX" in str(step[3]) for step in plan)


def test_a_file_that_is_not_there_has_no_bytes(tmp_path: Path) -> None:
    """Figures of a store that is being opened or moved are no error."""
    assert file_bytes(tmp_path / "none") == 0
    (tmp_path / "some").write_bytes(bytes(7))
    assert file_bytes(tmp_path / "some") == 7
