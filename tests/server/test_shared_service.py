"""Tests of hushpost_server.shared_service: relays of one Redis are one service, on real Redis."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from hushpost_demo.redis_servers import RedisServer, is_installed, redis_server
from hushpost_server.command import main
from hushpost_server.errors import IdentityUnusable, OperatorError, StoreUnfit
from hushpost_server.relay import RelayServer

from tests.conftest import require_or_skip
from tests.server.conftest import quiet


@pytest.fixture
async def redis(tmp_path: Path) -> AsyncGenerator[RedisServer]:
    """Run an empty Redis."""
    require_or_skip(is_installed(), "Redis is not installed: apt-get install redis-server")
    async with redis_server(tmp_path / "redis") as server:
        yield server


class Office:
    """Relays of one Redis, each with a folder of its own."""

    def __init__(self, folder: Path, redis: RedisServer) -> None:
        self.folder = folder
        self.redis = redis

    def relay(self, name: str, host: str = "relay.test") -> RelayServer:
        """Make the relay of a folder; one with an identity.json there uses it."""
        configuration = quiet(
            store="redis",
            redis_url=self.redis.url,
            data_folder=self.folder / name,
            public_host=host,
        )
        return RelayServer(configuration)

    def identity(self, name: str) -> Path:
        """Return where a relay keeps its identity."""
        return self.folder / name / "identity.json"

    def copy_identity(self, source: str, target: str) -> None:
        """Copy it as an operator does."""
        self.identity(target).parent.mkdir(mode=0o700, exist_ok=True)
        shutil.copy(self.identity(source), self.identity(target))

    def run(self, name: str, *command: str) -> int:
        """Run a command of `hushpost-relay` with the configuration of a relay."""
        return main([*command, "--data-folder", str(self.folder / name)])


@pytest.fixture
def office(tmp_path: Path, redis: RedisServer) -> Office:
    """Give relays that do not exist yet."""
    return Office(tmp_path, redis)


async def refused(relay: RelayServer, words: str) -> None:
    """See that a relay does not start, says so in these words, and holds nothing."""
    with pytest.raises(OperatorError, match=words):
        await relay.start()


async def test_the_first_relay_decides_and_a_copy_may_follow(office: Office) -> None:
    """Both serve with one key; the first one starts again as what it was."""
    async with office.relay("one") as one:
        office.copy_identity("one", "two")
        async with office.relay("two") as two:
            assert two.services.identity == one.services.identity
    async with office.relay("one"):
        pass


async def test_a_relay_without_the_identity_is_refused_and_makes_none(office: Office) -> None:
    """It says what to copy; were a file left behind, the next start would serve another key."""
    async with office.relay("one"):
        await refused(office.relay("two"), "no identity.json in .*two.*copy identity.json")
        assert not office.identity("two").exists()


async def test_another_key_is_refused(office: Office) -> None:
    """The text names both keys, what to do, and where a change on purpose is described."""
    async with office.relay("one"):
        assert office.run("two", "identity", "renew", "--lost") == 0
        with pytest.raises(IdentityUnusable) as told:
            await office.relay("two").start()
    for words in ("copy identity.json", "One identity", "identity key"):
        assert words in str(told.value)


async def test_another_host_is_refused(office: Office) -> None:
    """People's addresses begin with it: the text says which line to write."""
    async with office.relay("one"):
        office.copy_identity("one", "two")
        await refused(office.relay("two", "other.test"), 'public_host = "relay.test"')


async def test_a_rotated_identity_takes_its_place(office: Office) -> None:
    """The handover leads from the key that stands; the old key is refused from then on."""
    async with office.relay("one"):
        office.copy_identity("one", "two")
    assert office.run("two", "identity", "rotate") == 0
    async with office.relay("two") as two:
        assert len(two.services.identity.handovers) == 1
        await refused(office.relay("one"), "copy identity.json")
    office.copy_identity("two", "one")
    async with office.relay("one"):
        pass


async def test_claim_puts_another_identity_and_host_in_place(
    office: Office, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On purpose, with all relays stopped: afterwards the old ones are the ones refused."""
    async with office.relay("one"):
        pass
    assert office.run("two", "identity", "renew", "--lost") == 0
    monkeypatch.setenv("HUSHPOST_RELAY_STORE", "redis")
    monkeypatch.setenv("HUSHPOST_RELAY_REDIS_URL", office.redis.url)
    monkeypatch.setenv("HUSHPOST_RELAY_PUBLIC_HOST", "new.test")
    capsys.readouterr()
    assert await asyncio.to_thread(office.run, "two", "identity", "claim") == 0
    told = capsys.readouterr().out
    assert "new.test" in told
    assert "in place of relay.test" in told
    await refused(office.relay("one", "new.test"), "copy identity.json")
    async with office.relay("two", "new.test"):
        pass


async def test_an_identity_is_made_only_when_redis_was_reached(office: Office) -> None:
    """A start that failed leaves no key behind that would stand in the way of a copy."""
    office.redis.kill()
    with pytest.raises(StoreUnfit, match=f"127.0.0.1:{office.redis.port}"):
        await office.relay("one").start()
    assert not office.identity("one").exists()
    await office.redis.start()
    async with office.relay("one"):
        assert office.identity("one").exists()


async def test_two_first_relays_at_once_end_as_one(office: Office) -> None:
    """Whoever comes second is refused, and takes the key back that nobody was shown."""
    relays = (office.relay("one"), office.relay("two"))
    ends = await asyncio.gather(*(relay.start() for relay in relays), return_exceptions=True)
    started = [relay for relay, end in zip(relays, ends, strict=True) if end is None]
    assert len(started) == 1
    assert sum(office.identity(name).exists() for name in ("one", "two")) == 1
    assert [type(end) for end in ends if end is not None] == [IdentityUnusable]
    await started[0].stop()
