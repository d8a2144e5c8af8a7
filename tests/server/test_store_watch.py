"""Tests of hushpost_server.store_watch: a Redis that is away is noticed by a relay at rest."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import pytest
from hushpost_demo.redis_servers import is_installed, redis_server
from hushpost_proof.harness.device import dial, envelope_for
from hushpost_server.logging import EventLog
from hushpost_server.relay import RelayServer
from hushpost_server.store_watch import REPLACED, StoreWatch
from hushpost_store.errors import StoreFault
from hushpost_store.interface import LoginWatcher
from hushpost_store.rows import ServiceMark
from hushpost_wire.frames import RefusalReason, Refused

from tests.conftest import require_or_skip
from tests.server.conftest import quiet
from tests.waiting import until

MINE = ServiceMark(bytes(32), "relay.test")
OTHER = ServiceMark(bytes(range(32)), "relay.test")


class Answering:
    """A shared store that answers, or does not, as the test says."""

    def __init__(self) -> None:
        self.is_there = True
        self.mark: ServiceMark | None = MINE

    def watch(self, watcher: LoginWatcher) -> None:
        """Nothing is told here."""

    async def reach(self) -> None:
        """Answer."""
        if not self.is_there:
            raise StoreFault("Redis at 10.0.0.5:6379 does not answer")

    async def service(self) -> ServiceMark | None:
        """Return what stands."""
        return self.mark

    async def claim_service(
        self, mine: ServiceMark, *, instead_of: ServiceMark | None
    ) -> ServiceMark:
        """Compare and swap."""
        if self.mark == instead_of:
            self.mark = mine
        assert self.mark is not None
        return self.mark


@pytest.fixture
def store() -> Answering:
    """Give a store that is there."""
    return Answering()


async def colours(watch: StoreWatch, store: Answering, answers: str) -> str:
    """Look once for each letter (y: it answers), and return when health was red."""
    seen = ""
    for answer in answers:
        store.is_there = answer == "y"
        await watch.look()
        seen += "r" if watch.problems() else "g"
    return seen


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ("yyy", "ggg"),
        ("nn", "gr"),  # the second failure in a row
        ("ynyny", "ggggg"),  # one lost connection is none
        ("nnyny", "grrrr"),  # nor is one good answer the end
        ("nnyy", "grrg"),
    ],
)
async def test_health_turns_with_the_second_answer_in_a_row(
    store: Answering, answers: str, expected: str
) -> None:
    """Neither red nor green for one answer, so that health does not flap."""
    watch = StoreWatch(store, MINE, EventLog())
    assert await colours(watch, store, answers) == expected


async def test_what_is_said_names_the_place_and_the_log_no_value(
    store: Answering, caplog: pytest.LogCaptureFixture
) -> None:
    """Health names host and port; the log tells that it is away and back."""
    caplog.set_level(logging.INFO)
    watch = StoreWatch(store, None, EventLog())
    await colours(watch, store, "nnn")
    assert watch.problems() == ("Redis at 10.0.0.5:6379 does not answer",)
    await colours(watch, store, "yy")
    assert watch.problems() == ()
    told = [line.split()[0].rstrip(":") for line in caplog.messages]
    assert told == ["store_away", "store_back"]
    assert "10.0.0.5" not in caplog.text


async def test_another_identity_in_the_store_is_noticed(
    store: Answering, caplog: pytest.LogCaptureFixture
) -> None:
    """A relay that the others have left behind is red; a mark that was lost is written again."""
    watch = StoreWatch(store, MINE, EventLog())
    store.mark = None
    await watch.look()
    assert watch.problems() == ()
    assert await store.service() == MINE
    store.mark = OTHER
    await watch.look()
    await watch.look()
    assert watch.problems() == (REPLACED,)
    assert sum("identity_replaced" in line for line in caplog.messages) == 1
    store.mark = MINE
    await watch.look()
    assert watch.problems() == ()


async def submit_one(relay: RelayServer) -> None:
    """Submit an envelope, which Redis cannot take."""
    async with dial(relay.url, "/v1/post") as wire:
        verdict = await wire.submit(envelope_for(bytes(16), bytes(32), now=time.time()))
        assert isinstance(verdict, Refused)
        assert verdict.reason is RefusalReason.RETRY


async def test_an_idle_relay_turns_red_and_green_with_its_redis(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody sends anything: health says all the same which server, and never the password."""
    require_or_skip(is_installed(), "Redis is not installed: apt-get install redis-server")
    monkeypatch.setattr("hushpost_server.relay.WATCH_SECONDS", 0.05)
    async with redis_server(tmp_path / "redis") as redis:
        # A user without a password takes any.
        url = redis.url.replace("//", "//default:geheim@")
        configuration = quiet(store="redis", redis_url=url, data_folder=tmp_path / "relay")
        async with RelayServer(configuration) as relay:
            assert relay.health().problems == ()
            redis.kill()
            await until(lambda: not relay.health().is_well)
            (said,) = relay.health().problems
            assert f"127.0.0.1:{redis.port}" in said
            assert "geheim" not in relay.health().render()
            await submit_one(relay)  # and somebody sends something after all
            assert relay.store.stats().faulty
            await redis.start()
            await until(lambda: relay.health().is_well)
