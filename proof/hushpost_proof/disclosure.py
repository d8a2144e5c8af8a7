"""Whether answers to orders hold every row of a database, each for the one account it belongs to.

It knows nothing of what is declared: it reads whatever tables SQLite says there are, all columns of
all rows, and crosses off what the answers produced. What is left over, or was produced twice, or is
not there, is named.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

# The one table that describes the database and nobody in it.
OF_THE_DATABASE = frozenset({"store_meta"})

Row = tuple[tuple[str, int | str | None], ...]


def unaccounted(database: Path, answers: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Compare a database nobody writes to with the JSON of `subpoena` for all of its accounts."""
    produced: Counter[tuple[str, Row]] = Counter()
    for answer in answers:
        for table in answer["stored"]:
            produced.update((table["table"], tuple(row.items())) for row in table["rows"])
    stored = _rows(database)
    left = Counter({row: number for row, number in stored.items() if row[0] not in OF_THE_DATABASE})
    missing = Counter(name for name, _ in (left - produced).elements())
    surplus = Counter(name for name, _ in (produced - left).elements())
    return (
        *(f"{number} rows of {name} are in no answer" for name, number in sorted(missing.items())),
        *(f"{number} rows of {name} too many" for name, number in sorted(surplus.items())),
    )


def accounts_of(database: Path) -> tuple[str, ...]:
    """Return the ids of all accounts, in hexadecimal."""
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("SELECT account_id FROM account ORDER BY 1").fetchall()
    return tuple(account_id.hex() for (account_id,) in rows)


def _rows(database: Path) -> Counter[tuple[str, Row]]:
    rows: Counter[tuple[str, Row]] = Counter()
    with closing(sqlite3.connect(database)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        for (name,) in tables.fetchall():
            found = connection.execute(f"SELECT * FROM {name}")
            columns = [column[0] for column in found.description]
            rows.update(
                (name, tuple(zip(columns, map(_shown, row), strict=True)))
                for row in found.fetchall()
            )
    return rows


def _shown(cell: Any) -> int | str | None:
    return cell.hex() if isinstance(cell, bytes) else cell
