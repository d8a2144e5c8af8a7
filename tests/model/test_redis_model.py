"""The Redis store does what the model of the specification does, and what does not is found."""

from __future__ import annotations

import asyncio
from collections.abc import Generator

import pytest
from hushpost_demo.redis_servers import RedisServer, free_ports, is_installed

from tests.conftest import require_or_skip
from tests.model.budget import must_find, must_hold
from tests.model.redis_bugs import BUGS
from tests.model.redis_machine import RedisMachine

EXAMPLES = 25


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[RedisServer]:
    """Run one server; each example empties it."""
    require_or_skip(is_installed(), "Redis is not installed: apt-get install redis-server")
    server = RedisServer(tmp_path_factory.mktemp("redis"), free_ports(1)[0])
    asyncio.run(server.start())
    yield server
    server.kill()


def test_the_redis_store_does_what_the_model_does(server: RedisServer) -> None:
    """No order of calls to two relays tells what they share from the dictionaries."""
    must_hold(lambda: RedisMachine(server), EXAMPLES)


@pytest.mark.parametrize("bug", BUGS)
def test_a_bug_of_a_script_is_found(bug: str, server: RedisServer) -> None:
    """Each bug is found within what CI spends."""
    with BUGS[bug]():
        must_find(lambda: RedisMachine(server), 2 * EXAMPLES)
