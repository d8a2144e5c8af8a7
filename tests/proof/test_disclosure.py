"""What no answer holds is named; tests/server/test_subpoena.py uses it on real answers."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hushpost_proof.disclosure import accounts_of, unaccounted


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Give a database of two accounts."""
    path = tmp_path / "some.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE store_meta (name TEXT)")
        connection.execute("CREATE TABLE account (account_id BLOB, day INTEGER)")
        connection.execute("INSERT INTO store_meta VALUES ('generation')")
        connection.executemany("INSERT INTO account VALUES (?, 1)", [(b"\x01",), (b"\x02",)])
        connection.commit()
    return path


def answer(*rows: dict[str, Any]) -> dict[str, Any]:
    """Return an answer that produces these rows of the accounts' table."""
    return {"stored": [{"table": "account", "rows": list(rows)}]}


ONE = {"account_id": "01", "day": 1}
TWO = {"account_id": "02", "day": 1}


def test_answers_that_hold_each_row_once_leave_nothing(database: Path) -> None:
    """The table that describes the database belongs to nobody."""
    assert accounts_of(database) == ("01", "02")
    assert unaccounted(database, [answer(ONE), answer(TWO)]) == ()


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ([answer(ONE)], "1 rows of account are in no answer"),
        ([answer(ONE), answer(ONE, TWO)], "1 rows of account too many"),
        ([answer(ONE), answer({"account_id": "02"})], "1 rows of account are in no answer"),
        ([answer(ONE), answer({**TWO, "day": 2})], "1 rows of account too many"),
    ],
)
def test_a_row_too_few_too_many_or_other_than_stored_is_named(
    database: Path, answers: list[dict[str, Any]], told: str
) -> None:
    """Missing, told twice, without a column, or with another value."""
    assert told in unaccounted(database, answers)
