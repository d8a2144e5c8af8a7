"""The Redis store does what the model of the specification does, and what does not is found."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hushpost_demo.redis_servers import KEEPS, RedisServer, free_ports, is_installed
from hushpost_store.redis.options import Durability

from tests.conftest import require_or_skip
from tests.model.budget import must_find, must_hold
from tests.model.redis_bugs import BUGS, CROSSING_BUGS
from tests.model.redis_machine import CrossingMachine, RedisMachine

EXAMPLES = 15
# Only what takes several steps, at both relays at once.
CROSSING_EXAMPLES = 4


@contextmanager
def running(folder: Path, **settings: str) -> Generator[RedisServer]:
    """Run a server with settings beside the usual ones."""
    require_or_skip(is_installed(), "Redis is not installed: apt-get install redis-server")
    server = RedisServer(folder, free_ports(1)[0], {**KEEPS, **settings})
    asyncio.run(server.start())
    try:
        yield server
    finally:
        server.kill()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[RedisServer]:
    """Run one server for all; each example empties it."""
    with running(tmp_path_factory.mktemp("redis")) as server:
        yield server


def test_the_redis_store_does_what_the_model_does(server: RedisServer) -> None:
    """No order of calls to two relays tells what they share from the dictionaries."""
    must_hold(lambda: RedisMachine(server), EXAMPLES)


def test_changing_accounts_at_two_relays_does_what_the_model_does(server: RedisServer) -> None:
    """Whatever both do to one account at once, it ends as one after the other would."""
    must_hold(lambda: CrossingMachine(server), CROSSING_EXAMPLES)


@pytest.mark.parametrize("bug", CROSSING_BUGS)
def test_a_bug_between_two_relays_is_found(bug: str, server: RedisServer) -> None:
    """Each bug that only two relays at once show is found as well."""
    with CROSSING_BUGS[bug]():
        must_find(lambda: CrossingMachine(server), 6 * CROSSING_EXAMPLES)


@pytest.mark.parametrize("bug", BUGS)
def test_a_bug_of_a_script_is_found(bug: str, server: RedisServer) -> None:
    """Each bug is found within what CI spends."""
    with BUGS[bug]():
        must_find(lambda: RedisMachine(server), 2 * EXAMPLES)


def test_a_server_that_keeps_nothing_is_found(tmp_path: Path) -> None:
    """Killing a server shows what was promised and not written."""
    with running(tmp_path, appendonly="no") as server:
        must_find(lambda: RedisMachine(server, Durability.MEMORY), 2 * EXAMPLES)
