"""Tests of hushpost_server.inventory."""

from __future__ import annotations

from pathlib import Path

from hushpost_server import health, log_events, memory_inventory, metrics
from hushpost_server.inventory import Group, Inventory, take_inventory
from hushpost_server.inventory_command import SCHEMA_TITLE
from hushpost_server.published_schema import as_json, from_json, schema_of
from hushpost_store.policy_clauses import Clause
from hushpost_store.redis import inventory as redis_inventory
from hushpost_store.redis.field_declarations import FIELDS
from hushpost_store.sqlite import inventory as store_inventory

DOCS = Path(__file__).parents[2] / "docs"


def test_the_pages_in_docs_are_those_the_code_renders() -> None:
    """Run `hushpost-relay inventory --markdown > docs/inventory.md`, and --schema likewise."""
    assert (DOCS / "inventory.md").read_text() == take_inventory().page().as_markdown()
    schema = schema_of(Inventory, SCHEMA_TITLE)
    assert (DOCS / "inventory.schema.json").read_text() == schema


def test_every_clause_begins_a_row_of_the_policy() -> None:
    """What an item answers to is a clause that the policy's page judges."""
    rows = (DOCS / "policy.md").read_text().splitlines()
    for clause in Clause:
        assert any(row.startswith(f"| {clause.value}") for row in rows), clause


def test_every_item_says_what_why_and_until_when() -> None:
    """No column, file, event, metric or memory is without purpose, clause and retention."""
    inventory = take_inventory()
    for item in inventory.items:
        assert item.name
        assert item.purpose
        assert item.clause in Clause
        assert item.retention
    for group in Group:
        names = [item.name for item in inventory.of(group)]
        assert names, group
        assert len(names) == len(set(names)), group


def test_what_drives_the_code_is_what_is_listed() -> None:
    """Columns, events, fields, metrics, health and memory are those of their declarations."""
    inventory = take_inventory()

    def names(group: Group) -> set[str]:
        return {item.name for item in inventory.of(group)}

    tables = (*store_inventory.TABLES, *map(store_inventory.envelope_table, (4096, 16384)))
    assert names(Group.COLUMN) == {f"{t.name}.{c.name}" for t in tables for c in t.columns}
    assert names(Group.REDIS) == {key.name for key in redis_inventory.KEYS}
    assert names(Group.REDIS_FIELD) == {f"{field.key} {field.name}" for field in FIELDS}
    assert names(Group.EVENT) == log_events.EVENTS.keys()
    assert names(Group.FIELD) == log_events.FIELDS.keys()
    assert names(Group.METRIC) == {series.name for series in metrics.DECLARED}
    assert names(Group.HEALTH) == health.DETAILS.keys()
    assert names(Group.MEMORY) == {held.name for held in memory_inventory.HELD}


def test_it_is_written_as_its_schema_says() -> None:
    """The JSON can be read back into the very same inventory."""
    inventory = take_inventory()
    assert from_json(Inventory, as_json(inventory)) == inventory
