"""Named points are read from the source: what makes something durable cannot be overlooked."""

import ast

import pytest
from hushpost_proof import kill_sites
from hushpost_proof.kill_plans import (
    RARE,
    RELAY_TALK,
    operation_points,
    plan,
    planted,
    rare_points,
    relay_points,
    talk_points,
)
from hushpost_proof.kill_points import WITHOUT, Who, of, points
from hushpost_proof.kill_sites import Source

_DURABLE = """
import os
class Keeper:
    def keep(self):
        def later():
            self.connection.execute("COMMIT")
        os.fsync(1)
        draft.rename(path)
def cut(connection):
    return connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
async def grow(connection):
    connection.execute(f"PRAGMA user_version = {2}")
def look(connection):
    connection.execute("SELECT 1")
    name.replace("a", "b")
"""
_STEPS = """
from hushpost.engine import event_log
from hushpost.engine.account_setup import make_account as make
async def act(self, steps):
    await self._steps.run(event_log.consume, 1)
    await steps.run(make)
    await self.steps.run(_own)
    await self._writer.run(other)
def _own(desk): ...
"""
_CHANGES = """
SQL = "DELETE FROM a"
def erase(connection): connection.execute(SQL)
def through(connection, a): _inner(connection)
def _inner(connection): connection.execute("INSERT INTO a VALUES (1)")
def read(connection): connection.execute("SELECT 'INSERT'")
def pure(a): return "UPDATE a"
"""


def test_whatever_makes_something_durable_is_found_where_it_stands() -> None:
    """Commits, checkpoints, syncs, renames and schema changes, however nested; reads are not."""
    found = kill_sites.durable_sites([Source("hushpost_store.fake", ast.parse(_DURABLE))])
    assert found == {
        "commit store.fake.Keeper.keep.<locals>.later",
        "sync store.fake.Keeper.keep",
        "rename store.fake.Keeper.keep",
        "checkpoint store.fake.cut",
        "schema store.fake.grow",
    }


def test_every_kind_of_vault_transaction_is_found_under_its_own_name() -> None:
    """Imported by module, by name or under another, or at home; the relay's writer is none."""
    found = kill_sites.step_kinds([Source("hushpost.fake", ast.parse(_STEPS))])
    assert found == {
        "step engine.event_log.consume",
        "step engine.account_setup.make_account",
        "step fake._own",
    }


def test_what_changes_the_store_is_found_through_others_and_through_constants() -> None:
    """Functions on a connection that write themselves or by a helper; readers are left out."""
    assert kill_sites.changing_functions(ast.parse(_CHANGES)) == {"erase", "through"}


def test_the_product_has_the_points_that_it_must_have() -> None:
    """A reading of the source that finds nothing would let everything pass."""
    names = {point.name for point in points()}
    assert names >= {
        "commit store.sqlite.group._together before",
        "commit vault_commits.Commits._commit after",
        "step receiver._receive_all stored",
        "store sweeper.sweep_envelopes committed",
        "call server.feed.Feed.push before",
        "sync server.identity.save_identity after",
    }
    assert len(names) > 200


def test_every_point_has_a_scene_or_a_reason_for_having_none() -> None:
    """No point falls between the plans, and none is in two of them."""
    of_relay = sorted([*relay_points(), *operation_points()])
    assert of_relay == sorted(point.name for point in of(Who.RELAY))
    of_client = {*talk_points(), *rare_points()}
    left = {point.name for point in of(Who.CLIENT)} - of_client
    assert {name.rpartition(" ")[0] for name in left} == {"step engine.knocks.accept"}
    assert not {*talk_points()} & {*rare_points()}


@pytest.mark.parametrize("table", [RARE, RELAY_TALK, tuple(WITHOUT)])
def test_no_row_of_a_table_names_what_is_not_there(table: tuple[str, ...]) -> None:
    """Who renames a function learns which row to mend."""
    names = [point.name for point in points()]
    assert [row for row in table if not any(name.startswith(row) for name in names)] == []


def test_a_busy_machine_gets_longer_and_not_for_ever() -> None:
    """A run ends with its time, or, where too few have died by then, a few times later."""
    made = plan(1, seconds=25.0)
    assert made.goes_on(24.0, 200)
    assert not made.goes_on(26.0, made.kills_min)
    assert made.goes_on(26.0, made.kills_min - 1)
    assert not made.goes_on(25.0 * made.patience, 0)
    assert made.kills_min >= 30


def test_a_planted_defect_is_killed_around_commits_alone() -> None:
    """On the side in which it is planted, and with one of each pair away if that is the relay."""
    relay, client = planted("accept-before-commit", 1), planted("post-before-commit", 1)
    assert (bool(relay.relay_points), relay.talk_points, relay.is_one_away) == (True, (), True)
    assert (client.relay_points, bool(client.talk_points), client.is_one_away) == ((), True, False)
    assert {*relay.relay_points, *client.talk_points} <= {point.name for point in points()}
