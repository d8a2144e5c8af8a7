"""A sweep goes past what is damaged or away, and counts only what is there."""

import pytest
from hushpost_demo.redis_servers import RedisCluster
from hushpost_store import errors
from hushpost_store.conformance import (
    DAY,
    NOW,
    QUOTAS,
    account,
    digest,
    envelope,
    post,
    route,
    with_drops,
)
from hushpost_store.redis import sweeping
from hushpost_store.redis.accounts import Accounts
from hushpost_store.redis.address import Address
from hushpost_store.redis.command import Answer, ConnectionLost
from hushpost_store.redis.connection import slot_of
from hushpost_store.redis.figures import Figures, Sums
from hushpost_store.redis.keys import SWEEP_KEY, account_keys, mailbox_keys
from hushpost_store.redis.shards import Shards
from hushpost_store.redis.store import RedisStore
from hushpost_store.rows import SweepReport

from tests.store.redis.conftest import empty, opened

LATE = NOW + 2 * 86_400
SOON = (DAY + 1) * 24


def _tag(name: bytes) -> bytes:
    return b"{" + name + b"}"


async def test_damage_ends_no_sweep(redis_store: RedisStore, shards: Shards) -> None:
    """Foreign keys are passed over, damaged ones counted, and all others swept and counted."""
    await with_drops(redis_store, "alice")
    await redis_store.create_account(account("carol"))
    await post(redis_store, envelope("alice", 1, not_after=SOON))
    await post(redis_store, envelope("alice", 2))
    foreign = [b"{x}:mailbox", b"{}:account", _tag(b"!" * 22) + b":mailbox"]
    damaged = [
        mailbox_keys(b"w" * 16)[0],
        account_keys(b"w" * 32)[0],
        mailbox_keys(b"h" * 16)[0],
        mailbox_keys(b"d" * 16)[0],
    ]
    for key in (*foreign, *damaged[:2]):
        await shards.ask(key, b"SET", key, b"of another program")
    await shards.ask(damaged[2], b"HSET", damaged[2], b"queued", 5)
    await shards.run("claim", mailbox_keys(b"d" * 16), digest("bob") + b"d" * 16, b"c" * 8)
    await shards.ask(damaged[3], b"HSET", damaged[3], b"drop_end", 1)
    drops = mailbox_keys(b"d" * 16)[1]
    await shards.ask(drops, b"HSET", drops, b"r" * 16, b"short")
    half = account_keys(b"h" * 32)[0]
    await shards.ask(half, b"HSET", half, b"devices", b"2", b"deleting", b"m" * 8)
    report = await redis_store.sweep(LATE)
    assert (report.envelopes, report.routes) == (1, (route("bob"),))
    stats = redis_store.stats()
    assert (stats.accounts, stats.queued_envelopes, stats.queued_bytes) == (2, 1, 4096)
    assert stats.damaged == len(damaged) + 1
    for key in (*foreign, *damaged, half):
        assert await shards.ask(key, b"EXISTS", key) == 1
    await redis_store.sweep(LATE)
    assert redis_store.stats().damaged == len(damaged) + 1


async def test_what_was_released_while_it_was_swept_is_not_damaged(
    redis_store: RedisStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An account that is deleted between the scan and its turn leaves nobody to look at."""
    await with_drops(redis_store, "alice")
    await post(redis_store, envelope("alice", 1))
    run = Shards.run

    async def late(
        shards: Shards, script: str, keys: tuple[bytes, ...], *arguments: bytes | int
    ) -> Answer:
        if script == "sweep":
            await redis_store.delete_account(account("bob").account_id)
        return await run(shards, script, keys, *arguments)

    monkeypatch.setattr(Shards, "run", late)
    await redis_store.sweep(NOW)
    stats = redis_store.stats()
    assert (stats.damaged, stats.accounts, stats.queued_envelopes) == (0, 0, 0)


async def test_a_damaged_head_is_left_and_the_rest_swept(
    redis_store: RedisStore, shards: Shards
) -> None:
    """One envelope that cannot be read keeps no other one beyond its end."""
    await with_drops(redis_store, "alice")
    for number in range(2):
        await post(redis_store, envelope("alice", number, not_after=SOON))
    heads = mailbox_keys(route("bob"))[2]
    await shards.ask(heads, b"HSET", heads, envelope("alice", 0).envelope_id, b"short")
    assert (await redis_store.sweep(LATE)).envelopes == 1
    assert redis_store.stats().damaged == 1
    assert await shards.ask(heads, b"HLEN", heads) == 1


async def test_a_long_sweep_keeps_its_turn(
    redis_store: RedisStore, single_url: str, shards: Shards, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The turn is renewed within a sweep, so that no other relay begins the same work beside it."""
    await with_drops(redis_store, "alice")
    await redis_store.sweep(NOW)
    before = sweeping.StoreSweep.sweep

    async def nearly_over(work: sweeping.StoreSweep, now: float) -> tuple[SweepReport, Sums]:
        await shards.ask(SWEEP_KEY, b"EXPIRE", SWEEP_KEY, 2)
        return await before(work, now)

    monkeypatch.setattr(sweeping.StoreSweep, "sweep", nearly_over)
    await redis_store.sweep(NOW)
    assert int(str(await shards.ask(SWEEP_KEY, b"TTL", SWEEP_KEY))) <= 2
    monkeypatch.setattr(sweeping, "RENEW_SECONDS", 0.0)
    await redis_store.sweep(NOW)
    assert int(str(await shards.ask(SWEEP_KEY, b"TTL", SWEEP_KEY))) > 100
    other = await opened(single_url, node="node-b")
    await post(redis_store, envelope("alice", 1, not_after=SOON))
    assert (await other.sweep(LATE)).envelopes == 0
    await other.close()


async def test_who_has_the_turn_keeps_it_while_its_server_is_away(
    shards: Shards, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other servers are swept by one relay then, too, and not by all of them or none."""
    figures = Figures(on_deleted=lambda _size: None)
    accounts = Accounts(shards, QUOTAS, figures)
    one, other = (sweeping.StoreSweep(shards, accounts, figures, name) for name in ("a", "b"))
    assert [await relay.has_turn() for relay in (one, other)] == [True, False]
    asked = Shards.ask

    async def away(shards: Shards, key: bytes, *arguments: bytes | int) -> Answer:
        if key == SWEEP_KEY:
            raise ConnectionLost("away")
        return await asked(shards, key, *arguments)

    monkeypatch.setattr(Shards, "ask", away)
    assert await one.has_turn()
    with pytest.raises(errors.StoreFault, match="away"):
        await other.has_turn()


async def test_a_primary_that_is_away_keeps_no_other_from_being_swept(
    running_cluster: RedisCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are swept, whatever is asked of it; then the sweep fails, and no sums are told."""
    await empty(running_cluster.url)
    store = await opened(running_cluster.url)
    await with_drops(store, "alice")
    await post(store, envelope("alice", 1, not_after=SOON))
    ours = store._shards.owner_of(mailbox_keys(route("bob"))[0])  # pyright: ignore[reportPrivateUsage] - what a second relay or a sweep calls
    asked = Shards.ask_server

    async def away(shards: Shards, address: Address, *arguments: bytes | int) -> Answer:
        if address != ours:
            raise ConnectionLost("away")
        return await asked(shards, address, *arguments)

    monkeypatch.setattr(Shards, "ask_server", away)
    with pytest.raises(errors.StoreFault, match="away"):
        await store.sweep(LATE)
    monkeypatch.undo()
    login = await store.open_mailbox(route("bob"), NOW)
    assert login.queued == 0
    assert store.stats().queued_envelopes == 1
    await store.sweep(LATE)
    assert store.stats().queued_envelopes == 0
    assert slot_of(b"x")
    await store.close()
