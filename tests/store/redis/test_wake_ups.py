"""Relays wake each other, and a lost hint costs a second or two."""

import asyncio
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field, replace
from time import monotonic

import pytest
from hushpost_demo.redis_servers import RedisCluster, cli
from hushpost_store.conformance import NOW, QUOTAS, envelope, post, route, with_drops
from hushpost_store.redis import wake_ups
from hushpost_store.redis.connection import slot_of
from hushpost_store.redis.options import RedisOptions
from hushpost_store.redis.store import RedisStore
from hushpost_store.rows import TtlClass

from tests.store.redis.conftest import empty, opened
from tests.store.redis.slot_mover import move_slot

HINT_SECONDS_MAX = 5.0


@dataclass(slots=True)
class Watcher:
    """Notes what it is told."""

    mail: list[tuple[bytes, int]] = field(default_factory=list[tuple[bytes, int]])
    passing: list[bytes] = field(default_factory=list[bytes])
    moved: list[tuple[bytes, int]] = field(default_factory=list[tuple[bytes, int]])
    lost: list[tuple[bytes, int]] = field(default_factory=list[tuple[bytes, int]])
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def mail_waits(self, route: bytes, sequence: int) -> None:
        """See `LoginWatcher`."""
        self.mail.append((route, sequence))
        self.news.set()

    def ephemeral_came(
        self, route: bytes, envelope_id: bytes, drop_ref: bytes, not_after: int, envelope: bytes
    ) -> None:
        """See `LoginWatcher`."""
        assert (envelope_id, drop_ref) != (b"", b"")
        self.passing.append(envelope)
        self.news.set()

    def login_moved(self, route: bytes, epoch: int) -> None:
        """See `LoginWatcher`."""
        self.moved.append((route, epoch))
        self.news.set()

    def login_lost(self, route: bytes, epoch: int) -> None:
        """See `LoginWatcher`."""
        self.lost.append((route, epoch))
        self.news.set()

    async def told(self) -> None:
        """Wait for the next news."""
        await asyncio.wait_for(self.news.wait(), HINT_SECONDS_MAX)
        self.news.clear()


async def _watching(url: str, node: str) -> tuple[RedisStore, Watcher]:
    store = RedisStore(replace(RedisOptions(url), node=node), QUOTAS)
    watcher = Watcher()
    store.watch(watcher)
    await store.open()
    return store, watcher


@pytest.fixture
def _rarely_looking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let hints alone be heard."""
    monkeypatch.setattr(wake_ups, "LOOK_SECONDS", 3_600.0)


@pytest.mark.usefixtures("_rarely_looking")
async def test_a_post_wakes_the_node_of_the_login(redis_url: str) -> None:
    """A hint names mailbox and sequence; what is ephemeral comes whole; no node tells itself."""
    await empty(redis_url)
    here, watcher = await _watching(redis_url, "here")
    elsewhere = await opened(redis_url, node="elsewhere")
    await with_drops(here, "alice")
    await here.open_mailbox(route("bob"), NOW)
    await asyncio.sleep(0.1)  # the channel is heard once its subscription was answered
    told = await post(elsewhere, envelope("alice", 1))
    await watcher.told()
    assert told.place is not None
    assert watcher.mail == [(route("bob"), told.place.sequence)]
    typing = envelope("alice", 2, ttl_class=TtlClass.EPHEMERAL, not_after=480_001)
    await post(elsewhere, typing)
    await watcher.told()
    assert watcher.passing == [typing.envelope]
    await post(here, envelope("alice", 3))
    await post(elsewhere, envelope("alice", 3))
    await asyncio.sleep(0.1)
    assert len(watcher.mail) == 1
    await here.close()
    await elsewhere.close()


@pytest.mark.usefixtures("_rarely_looking")
async def test_a_device_that_moves_ends_its_old_login(single_url: str) -> None:
    """The node that it leaves is told which login has ended."""
    here, watcher = await _watching(single_url, "here")
    elsewhere = await opened(single_url, node="elsewhere")
    await with_drops(here, "alice")
    left = await here.open_mailbox(route("bob"), NOW)
    await asyncio.sleep(0.1)
    await elsewhere.open_mailbox(route("bob"), NOW)
    await watcher.told()
    assert watcher.moved == [(route("bob"), left.epoch)]
    await here.close()
    await elsewhere.close()


async def test_without_hints_looking_finds_mail_and_moves(
    single_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who hears nothing learns of mail, and of a login that ended, within two seconds."""

    def unheard(_self: object, _node: bytes, _payload: bytes) -> None:
        """Lose every hint."""

    monkeypatch.setattr(wake_ups.WakeUps, "_tell", unheard)
    here, watcher = await _watching(single_url, "here")
    elsewhere = await opened(single_url, node="elsewhere")
    await with_drops(here, "alice")
    opened_here = await here.open_mailbox(route("bob"), NOW)
    await post(elsewhere, envelope("alice", 1))
    posted = monotonic()
    while (route("bob"), 1) not in watcher.mail:
        await watcher.told()
    assert monotonic() - posted < HINT_SECONDS_MAX
    await elsewhere.open_mailbox(route("bob"), NOW)
    while not watcher.moved:
        await watcher.told()
    assert watcher.moved[0] == (route("bob"), opened_here.epoch)
    here.close_mailbox(route("bob"), opened_here.epoch)
    await here.close()
    await elsewhere.close()


@pytest.mark.usefixtures("_rarely_looking")
async def test_a_lost_subscription_is_made_again(single_url: str) -> None:
    """A server that ends the connection of a listener is listened to again."""
    here, watcher = await _watching(single_url, "here")
    elsewhere = await opened(single_url, node="elsewhere")
    await with_drops(here, "alice")
    await here.open_mailbox(route("bob"), NOW)
    await asyncio.sleep(0.1)
    await cli("-p", single_url.rpartition(":")[2], "client", "kill", "type", "pubsub")
    number = 0
    while not watcher.mail:
        await post(elsewhere, envelope("alice", number % 4))
        number += 1
        here.acknowledge(route("bob"), 1, [number], NOW)
        await asyncio.sleep(0.1)
        assert number < 50
    await here.close()
    await elsewhere.close()


@pytest.mark.usefixtures("_rarely_looking")
async def test_a_channel_that_moves_is_followed(running_cluster: RedisCluster) -> None:
    """A server that gives the channel's slot away ends the subscription, and nothing else."""
    await empty(running_cluster.url)
    here, watcher = await _watching(running_cluster.url, "here")
    elsewhere = await opened(running_cluster.url, node="elsewhere")
    await with_drops(here, "alice")
    await here.open_mailbox(route("bob"), NOW)
    await asyncio.sleep(0.1)
    await move_slot(running_cluster, slot_of(b"{here}:wake"), times=1)
    await asyncio.sleep(wake_ups.LISTEN_AGAIN_SECONDS + 0.2)
    told = await post(elsewhere, envelope("alice", 1))
    await watcher.told()
    assert told.place is not None
    assert watcher.mail == [(route("bob"), told.place.sequence)]
    await here.close()
    await elsewhere.close()


async def test_whoever_fails_over_a_look_ends_no_other(
    single_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is reported, and the next look is taken all the same."""
    monkeypatch.setattr(wake_ups, "LOOK_SECONDS", 0.05)
    reported: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, context: reported.append(context["exception"]))
    here, watcher = await _watching(single_url, "here")
    judged = wake_ups.WakeUps._judge  # pyright: ignore[reportPrivateUsage] - to be made to fail

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(wake_ups.WakeUps, "_judge", fail)
    await with_drops(here, "alice")
    await here.open_mailbox(route("bob"), NOW)
    async with asyncio.timeout(5):
        while not reported:  # noqa: ASYNC110 - no event of ours
            await asyncio.sleep(0.01)
    monkeypatch.setattr(wake_ups.WakeUps, "_judge", judged)
    elsewhere = await opened(single_url, node="elsewhere")
    await elsewhere.open_mailbox(route("bob"), NOW)
    await watcher.told()
    assert {type(error) for error in reported} == {ZeroDivisionError}
    await here.close()
    await elsewhere.close()


@pytest.mark.usefixtures("_rarely_looking")
async def test_a_hint_that_is_none_is_passed_over(single_url: str) -> None:
    """Hints of a wrong size end nothing: the next good one is heard."""
    here, watcher = await _watching(single_url, "here")
    elsewhere = await opened(single_url, node="elsewhere")
    await with_drops(here, "alice")
    await here.open_mailbox(route("bob"), NOW)
    await asyncio.sleep(0.1)
    for hint in ("m", "mm", "d", "e", "?", ""):
        await cli("-p", single_url.rpartition(":")[2], "spublish", "{here}:wake", hint)
    await post(elsewhere, envelope("alice", 1))
    await watcher.told()
    assert watcher.mail == [(route("bob"), 1)]
    await here.close()
    await elsewhere.close()


async def test_a_login_that_a_failover_lost_is_ended(single_url: str) -> None:
    """An epoch that went back: no login stands in its place, so the device must come again."""
    here, watcher = await _watching(single_url, "here")
    await with_drops(here, "alice")
    mailbox = await here.open_mailbox(route("bob"), NOW)
    await _alter(single_url, "hincrby", "epoch", "-1")
    while not watcher.lost:
        await watcher.told()
    assert watcher.lost[0] == (route("bob"), mailbox.epoch)
    assert not watcher.moved
    await here.close()


async def test_an_epoch_that_was_counted_twice_belongs_to_the_node_that_stands(
    single_url: str,
) -> None:
    """A failover may take an epoch back and another node be given it: the login has moved."""
    here, watcher = await _watching(single_url, "here")
    await with_drops(here, "alice")
    mailbox = await here.open_mailbox(route("bob"), NOW)
    await _alter(single_url, "hset", "node", "elsewhere")
    while not watcher.moved:
        await watcher.told()
    assert watcher.moved[0] == (route("bob"), mailbox.epoch)
    assert not watcher.lost
    await here.close()


@pytest.mark.usefixtures("_rarely_looking")
async def test_a_late_login_that_was_given_up_takes_nobodys_place(single_url: str) -> None:
    """A login that was carried out after its client had gone elsewhere does not displace it."""
    here, watcher = await _watching(single_url, "here")
    elsewhere = await opened(single_url, node="elsewhere")
    await with_drops(here, "alice")
    mailbox = await here.open_mailbox(route("bob"), NOW)
    await asyncio.sleep(0.1)
    late = await elsewhere.open_mailbox(route("bob"), NOW)
    elsewhere.close_mailbox(route("bob"), late.epoch)
    await watcher.told()
    assert watcher.lost == [(route("bob"), mailbox.epoch)]
    assert not watcher.moved
    await here.close()
    await elsewhere.close()


async def _alter(url: str, command: str, field_name: str, value: str) -> None:
    key = f"{{{urlsafe_b64encode(route('bob')).decode().rstrip('=')}}}:mailbox"
    await cli("-p", url.rpartition(":")[2], command, key, field_name, value)


async def test_a_cancellation_that_is_swallowed_does_not_hang_the_end(single_url: str) -> None:
    """What takes its first cancellation for a failure of its own is cancelled again."""
    here, _ = await _watching(single_url, "here")
    swallowed: list[str] = []

    async def listen() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            swallowed.append("once")
        await asyncio.sleep(60)

    hints = here._wake_ups  # pyright: ignore[reportPrivateUsage] - nothing else swallows at will
    stubborn = asyncio.create_task(listen())
    hints._tasks = (*hints._tasks, stubborn)  # pyright: ignore[reportPrivateUsage] - as above
    await asyncio.sleep(0)
    await asyncio.wait_for(here.close(), 5)
    assert (swallowed, stubborn.cancelled()) == (["once"], True)
