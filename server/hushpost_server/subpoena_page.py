"""The answer to an order as a page that a person can read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from hushpost_server.page import Page, Section, Table
from hushpost_server.subpoena import StoredCell, StoredTable, Subpoena

# Longer values (records, envelopes) are shown by their size; the JSON has them whole.
SHOWN_CHARACTERS_MAX: Final = 128
# What stored days and hours count from.
_FIRST_DAY: Final = datetime(1970, 1, 1, tzinfo=UTC)


def page_of(subpoena: Subpoena) -> Page:
    """Return it for people; whole rows are in the JSON."""
    return Page(
        f"What this relay can produce about {subpoena.account_id}",
        (
            f"Produced on {subpoena.produced_on} from "
            + ("a running relay's database." if subpoena.relay_runs else "a relay's database.")
            + " --format json has every row whole; docs/subpoena.schema.json describes it.",
            f"Address: {subpoena.address}",
        ),
        (
            Section("What it tells", subpoena.facts),
            Section(
                "What cannot be produced, and why",
                (),
                Table(("what", "why"), tuple((a.what, a.why) for a in subpoena.cannot)),
            ),
            *(_stored(table) for table in subpoena.stored if table.rows),
            *_of_nobody(subpoena),
            Section(
                "In memory while the relay runs, and never stored",
                subpoena.watching,
                Table(
                    ("what", "tells", "kept"),
                    tuple((held.name, held.tells, held.retention) for held in subpoena.memory),
                ),
            ),
            Section(
                "Elsewhere",
                (),
                Table(("where", "holds"), tuple((p.where, p.holds) for p in subpoena.elsewhere)),
            ),
        ),
    )


def _stored(table: StoredTable) -> Section:
    names = tuple(column.name for column in table.columns)
    rows = tuple(tuple(_shown(name, row[name]) for name in names) for row in table.rows)
    counted = "1 row" if len(rows) == 1 else f"{len(rows)} rows"
    sentence = f"{table.purpose} ({table.clause}): {counted}."
    return Section(f"Stored: {table.table}", (sentence,), Table(names, rows))


def _shown(name: str, cell: StoredCell) -> str:
    if cell is None:
        return "none"
    if isinstance(cell, int) and cell:
        if name.endswith("_day"):
            return f"{_FIRST_DAY + timedelta(days=cell):%Y-%m-%d} (day {cell})"
        if name == "not_after":
            return f"{_FIRST_DAY + timedelta(hours=cell):%Y-%m-%d %H:00} UTC (hour {cell})"
    if isinstance(cell, str) and len(cell) > SHOWN_CHARACTERS_MAX:
        return f"{cell[:32]}... ({len(cell) // 2} bytes)"
    return str(cell)


def _of_nobody(subpoena: Subpoena) -> tuple[Section, ...]:
    if not subpoena.rows_of_nobody:
        return ()
    rows = tuple((name, str(count)) for name, count in subpoena.rows_of_nobody.items())
    sentence = (
        "Left behind by a deletion that was broken off; the relay finishes it at its next start."
    )
    return (Section("Rows that lead to no account", (sentence,), Table(("table", "rows"), rows)),)
