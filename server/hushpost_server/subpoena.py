"""All that an operator could produce about one account, and what not (docs/operating.md, "Orders").

What is stored comes from the database whole: every row that the declaration of its table gives to
the account, with every column. What a running relay has in memory is named and not asked for: there
is no interface that says who is connected from where, and this is not going to be the first.

Refuses to guess: a database that holds anything undeclared is not produced from.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from hushpost_store.errors import StoreFault
from hushpost_store.sqlite.onlooker import look_into
from hushpost_store.sqlite.owned_rows import Cell, OwnedRows, owned_rows, ownerless

from hushpost_server.account_reference import AccountReference, address_of
from hushpost_server.errors import ProductionFailed
from hushpost_server.memory_inventory import HELD
from hushpost_server.stored_facts import facts_of
from hushpost_server.subpoena_words import CANNOT, ELSEWHERE, LIVE, Absence, Place

FORMAT: Final = "hushpost-subpoena/1"
_EPOCH: Final = date(1970, 1, 1)

StoredCell = int | str | None


@dataclass(frozen=True, slots=True)
class StoredColumn:
    """What a column is for, and what ends its life."""

    name: str
    purpose: str
    retention: str


@dataclass(frozen=True, slots=True)
class StoredTable:
    """The account's rows of one table; bytes are hexadecimal."""

    table: str
    purpose: str
    clause: str
    columns: tuple[StoredColumn, ...]
    rows: tuple[dict[str, StoredCell], ...]


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a running relay's memory would tell of the account, and for how long."""

    name: str
    tells: str
    retention: str


@dataclass(frozen=True, slots=True)
class Subpoena:
    """The whole answer. `is_known`: whether there is any row of the account."""

    format: str
    produced_on: str
    account_id: str
    address: str
    is_known: bool
    relay_runs: bool
    facts: tuple[str, ...]
    stored: tuple[StoredTable, ...]
    rows_of_nobody: dict[str, int]
    memory: tuple[Remembered, ...]
    watching: tuple[str, ...]
    elsewhere: tuple[Place, ...]
    cannot: tuple[Absence, ...]


def produce(
    reference: AccountReference, *, database: Path | None, host: str, today: int
) -> Subpoena:
    """Return all there is about an account; `database` None: the relay has none.

    Works beside a running relay, on a snapshot. Raises ProductionFailed.
    """
    owned: tuple[OwnedRows, ...] = ()
    of_nobody: dict[str, int] = {}
    relay_runs = False
    if database is not None:
        try:
            with look_into(database) as look:
                relay_runs = look.relay_runs
                owned = owned_rows(look.connection, reference.account_id)
                of_nobody = ownerless(look.connection)
        except StoreFault as error:
            raise ProductionFailed(str(error)) from None
    is_known = any(part.rows for part in owned)
    return Subpoena(
        format=FORMAT,
        produced_on=(_EPOCH + timedelta(today)).isoformat(),
        account_id=reference.account_id.hex(),
        address=address_of(reference.account_id, host),
        is_known=is_known,
        relay_runs=relay_runs,
        facts=(*preamble(reference, host, has_store=database is not None), *facts_of(owned)),
        stored=tuple(map(_table, owned)),
        rows_of_nobody=of_nobody,
        memory=tuple(Remembered(h.name, h.tells, h.retention) for h in HELD if h.tells),
        watching=LIVE,
        elsewhere=ELSEWHERE,
        cannot=CANNOT,
    )


def preamble(reference: AccountReference, host: str, *, has_store: bool = True) -> tuple[str, ...]:
    """Return what must be said first: that nothing is stored, or that another relay was named."""
    facts: list[str] = []
    if not has_store:
        facts.append(
            'This relay keeps its store in memory (store = "memory"): nothing is on disk, and'
            " nothing of it can be produced."
        )
    if reference.host and reference.host != host:
        facts.append(
            f"The address names another relay, {reference.host}; this one is {host}. Its account"
            " was looked for here all the same."
        )
    return tuple(facts)


def _table(owned: OwnedRows) -> StoredTable:
    table = owned.table
    return StoredTable(
        table.name,
        table.purpose,
        table.clause.value,
        tuple(StoredColumn(c.name, c.purpose, c.retention) for c in table.columns),
        tuple({name: _cell(cell) for name, cell in row.items()} for row in owned.rows),
    )


def _cell(cell: Cell) -> StoredCell:
    return cell.hex() if isinstance(cell, bytes) else cell
