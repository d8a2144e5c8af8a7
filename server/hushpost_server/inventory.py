"""All that a relay stores, logs, counts and remembers, from the declarations that drive it.

`hushpost-relay inventory` prints it and docs/inventory.md is rendered from it. Nothing is listed
here a second time: columns come from what makes the database, events from what the logger writes,
metrics from what is served; only what memory holds is a list by hand, which a walk of a running
relay is held against.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from hushpost_store.policy_clauses import Clause
from hushpost_store.redis import inventory as redis_inventory
from hushpost_store.redis.field_declarations import FIELDS
from hushpost_store.sqlite import inventory as store_inventory
from hushpost_store.sqlite.schema_audit import META_NAMES
from hushpost_wire.limits import ENVELOPE_BUCKETS

from hushpost_server import file_inventory, health, log_events, memory_inventory, metrics
from hushpost_server.data_folder import DATABASE_FILE
from hushpost_server.page import Page, Section, Table

FORMAT: Final = "hushpost-inventory/1"


class Group(StrEnum):
    """What kind of thing an item is."""

    COLUMN = "columns of the database"
    ENTRY = "entries of the table store_meta"
    REDIS = "keys in Redis"
    REDIS_FIELD = "fields and members of keys in Redis"
    FILE = "files"
    KEY = "keys of files"
    EVENT = "log events"
    FIELD = "fields of log events"
    METRIC = "metrics"
    HEALTH = "fields of /health"
    MEMORY = "memory"


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that is kept, written or shown; `takes` says what values it can have."""

    group: Group
    name: str
    takes: str
    purpose: str
    clause: Clause
    retention: str


@dataclass(frozen=True, slots=True)
class Inventory:
    """Every item there is."""

    format: str
    items: tuple[Item, ...]

    def of(self, group: Group) -> tuple[Item, ...]:
        """Return the items of one kind."""
        return tuple(item for item in self.items if item.group is group)

    def page(self) -> Page:
        """Return it for people."""
        return Page(
            "What a relay keeps, logs, counts and remembers",
            _OPENING,
            tuple(map(self._section, Group)),
        )

    def _section(self, group: Group) -> Section:
        rows = tuple(
            (item.name, item.takes, item.purpose, item.clause.value, item.retention)
            for item in self.of(group)
        )
        return Section(
            group.value[0].upper() + group.value[1:],
            _SENTENCES.get(group, ()),
            Table(("name", "takes", "purpose", "policy", "kept"), rows),
        )


_OPENING: Final = (
    "Printed by `hushpost-relay inventory`, and rendered from the declarations that make the"
    " database, write the log and serve the metrics; a test holds this page equal to them. Others"
    " hold against it a relay that was used: its database, its data folder, its metrics, its"
    " health, its log at DEBUG and its memory. `hushpost-relay inventory --check` does the first"
    " two for a data folder of your own.",
    "The policy column names a row of [the policy, clause by clause](policy.md).",
)
_SENTENCES: Final = {
    Group.REDIS: (
        'Instead of the database, where several relays share one store (`store = "redis"`).'
        " Redis's own files and their rewriting: [the store](spec/store.md#deleted).",
    ),
    Group.REDIS_FIELD: (
        "Deleted ones leave the memory of Redis at once, and its own files within 15 minutes.",
    ),
    Group.EVENT: (
        "Every line has a time, a level, the event's name and its fields, and nothing of any other"
        " making. Clause and retention are the same for all.",
    ),
    Group.METRIC: ("Labels take the values named and no other.",),
    Group.MEMORY: (
        "What outlives a connection, and at the end what connections themselves hold. None of it"
        " is written down.",
    ),
}


def take_inventory() -> Inventory:
    """Return the inventory of this version."""
    items = (
        *_columns(),
        *(
            Item(Group.ENTRY, name, "16 random bytes", purpose, Clause.SERVICE, "until a restore")
            for name, purpose in META_NAMES.items()
        ),
        *(
            Item(Group.REDIS, k.name, k.kind, k.purpose, k.clause, k.retention)
            for k in redis_inventory.KEYS
        ),
        *_redis_fields(),
        *_files(),
        *_events(),
        *_figures(),
        *_memory(),
    )
    return Inventory(FORMAT, items)


def _columns() -> Iterable[Item]:
    buckets = map(store_inventory.envelope_table, ENVELOPE_BUCKETS)
    for table in (*store_inventory.TABLES, *buckets):
        for column in table.columns:
            yield Item(
                Group.COLUMN,
                f"{table.name}.{column.name}",
                column.declaration,
                column.purpose,
                column.clause or table.clause,
                column.retention,
            )


def _redis_fields() -> Iterable[Item]:
    clauses = {key.name: key.clause for key in redis_inventory.KEYS}
    for field in FIELDS:
        name = f"{field.key} {field.name}"
        clause = clauses[field.key]
        yield Item(Group.REDIS_FIELD, name, field.takes, field.purpose, clause, field.retention)


def _files() -> Iterable[Item]:
    for file in file_inventory.FILES:
        where = f"{file.name} ({file.folder})"
        takes = "database" if file.name == DATABASE_FILE else "file"
        yield Item(Group.FILE, where, takes, file.purpose, file.clause, file.retention)
    for file in file_inventory.FILES:
        for key in file.keys:
            name = f"{file.name} ({file.folder}): {key.name}"
            yield Item(Group.KEY, name, "JSON", key.purpose, file.clause, file.retention)


def _events() -> Iterable[Item]:
    for event in log_events.EVENTS.values():
        yield Item(
            Group.EVENT,
            event.name,
            ", ".join(event.fields),
            event.purpose,
            log_events.CLAUSE,
            log_events.LOG_RETENTION,
        )
    for field in log_events.FIELDS.values():
        takes = ", ".join(field.words) or field.kind.value
        yield Item(
            Group.FIELD,
            field.name,
            takes,
            field.purpose,
            log_events.CLAUSE,
            log_events.LOG_RETENTION,
        )


def _figures() -> Iterable[Item]:
    for series in metrics.DECLARED:
        labels = f" by {series.label}: {', '.join(series.values)}" if series.label else ""
        yield Item(
            Group.METRIC,
            series.name,
            series.kind + labels,
            series.help,
            metrics.CLAUSE,
            metrics.RETENTION,
        )
    for name, purpose in health.DETAILS.items():
        yield Item(
            Group.HEALTH, name, "one value", purpose, metrics.CLAUSE, "the moment it is asked for"
        )


def _memory() -> Iterable[Item]:
    for held in memory_inventory.HELD:
        yield Item(Group.MEMORY, held.name, held.bound, held.purpose, held.clause, held.retention)
