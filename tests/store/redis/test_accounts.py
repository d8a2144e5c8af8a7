"""Accounts in Redis: what lies in several slots is put together step by step."""

from typing import Any, TypeVar

import pytest
from hushpost_store import errors
from hushpost_store.conformance import DAY, NOW, account, device_list, digest, raises, route
from hushpost_store.redis import accounts
from hushpost_store.redis.accounts import Accounts
from hushpost_store.redis.durable_run import run_durably
from hushpost_store.redis.keys import account_keys, mailbox_keys
from hushpost_store.redis.shards import Shards
from hushpost_store.redis.store import RedisStore
from hushpost_store.rows import AccountRow, DeviceRow, OneTimePrekey, StandingRecord

from tests.store.redis.conftest import opened

T = TypeVar("T")


async def test_a_refused_account_leaves_no_mailbox(redis_store: RedisStore) -> None:
    """Mailboxes claimed for an account that was refused are free again."""
    await redis_store.create_account(account("bob"))
    thief = account("mallory", devices=2)
    devices = (thief.devices[0], DeviceRow(b"m" * 16, b"k" * 32, route("bob")))
    taken = AccountRow(thief.account_id, b"g", DAY, thief.device_list, devices)
    await raises(redis_store.create_account(taken), errors.RouteTaken, "a route is taken once")
    await redis_store.create_account(thief)
    other = AccountRow(digest("bob"), b"other", DAY, thief.device_list, account("carol").devices)
    await raises(redis_store.create_account(other), errors.AccountExists, "an id is taken once")
    await redis_store.create_account(account("carol"))


async def test_a_taken_route_is_told_last(redis_store: RedisStore) -> None:
    """Another account of the id, or another head, is told first; a route where it is alone."""
    bob, mallory = account("bob"), account("mallory")
    await redis_store.create_account(bob)
    await redis_store.create_account(mallory)
    for row, error in (
        (AccountRow(bob.account_id, b"g", DAY, bob.device_list, mallory.devices), "AccountExists"),
        (AccountRow(digest("new"), b"g", DAY, bob.device_list, mallory.devices), "RouteTaken"),
    ):
        await raises(redis_store.create_account(row), getattr(errors, error), error)
    for head, error in (
        (digest("old"), "DeviceListConflict"),
        (bob.device_list.head, "RouteTaken"),
    ):
        taken = redis_store.publish_device_list(
            bob.account_id,
            expected_head=head,
            device_list=device_list("bob", 2),
            devices=mallory.devices,
        )
        await raises(taken, getattr(errors, error), error)
    assert await redis_store.load_account(bob.account_id) == bob


async def test_a_device_that_leaves_takes_its_prekeys_along(
    redis_store: RedisStore, shards: Shards
) -> None:
    """Nothing of it is left in the account, and a device that comes anew begins with none."""
    bob = account("bob", devices=2)
    await redis_store.create_account(bob)
    gone = bob.devices[1]
    await redis_store.publish_prekeys(
        bob.account_id,
        gone.device_id,
        one_time=[OneTimePrekey(b"p" * 16, DAY + 9, b"r"), OneTimePrekey(b"q" * 16, DAY + 9, b"r")],
        signed=StandingRecord(DAY + 9, b"s"),
        seal=StandingRecord(DAY + 9, b"l"),
        day=DAY,
    )
    await redis_store.take_prekeys(bob.account_id, DAY)
    for version, devices in ((2, bob.devices[:1]), (3, bob.devices)):
        await redis_store.publish_device_list(
            bob.account_id,
            expected_head=digest(f"bob head {version - 1}"),
            device_list=device_list("bob", version),
            devices=devices,
        )
        for key in account_keys(bob.account_id)[2:]:
            assert await shards.ask(key, b"EXISTS", key) == 0
    assert await redis_store.count_prekeys(bob.account_id, gone.device_id, DAY) == 0


async def test_a_list_published_again_is_accepted(redis_store: RedisStore) -> None:
    """A lost answer can be asked for twice; an unknown account cannot."""
    bob = account("bob")
    await redis_store.create_account(bob)
    for _ in range(2):
        await redis_store.publish_device_list(
            bob.account_id,
            expected_head=digest("bob head 1"),
            device_list=device_list("bob", 2),
            devices=bob.devices,
        )
    missing = redis_store.publish_device_list(
        digest("nobody"),
        expected_head=digest("x"),
        device_list=device_list("x", 2),
        devices=(),
    )
    await raises(missing, errors.AccountUnknown, "no account of this id")


async def test_what_a_deletion_leaves_is_nothing(redis_store: RedisStore, shards: Shards) -> None:
    """No key of account or mailbox remains."""
    bob = account("bob", devices=2)
    await redis_store.create_account(bob)
    await redis_store.open_mailbox(route("bob"), NOW)
    assert await redis_store.delete_account(bob.account_id)
    for key in (*account_keys(bob.account_id), *mailbox_keys(route("bob"))):
        assert await shards.ask(key, b"EXISTS", key) == 0
    assert redis_store.stats().accounts == 0


async def test_counting_asks_for_a_device_that_is_there(redis_store: RedisStore) -> None:
    """An unknown device is an error and not an empty stock."""
    await redis_store.create_account(account("bob"))
    with pytest.raises(errors.DeviceUnknown):
        await redis_store.count_prekeys(digest("bob"), b"?" * 16, DAY)
    with pytest.raises(errors.DeviceUnknown):
        await redis_store.count_prekeys(digest("nobody"), b"?" * 16, DAY)


async def test_lists_and_takes_follow_the_account(redis_store: RedisStore) -> None:
    """Lists come oldest first; a take hands out what is valid, and pruning ends the rest."""
    bob = account("bob")
    device_id = bob.devices[0].device_id
    await redis_store.create_account(bob)
    assert [row.version for row in await redis_store.device_lists(bob.account_id, 0)] == [1]
    assert await redis_store.device_lists(bob.account_id, 1) == ()
    assert await redis_store.device_lists(digest("nobody"), 0) == ()
    records = [OneTimePrekey(b"p" * 16, DAY, b"past"), OneTimePrekey(b"q" * 16, DAY + 1, b"good")]
    left = await redis_store.publish_prekeys(bob.account_id, device_id, one_time=records, day=DAY)
    assert left == 2
    taken = await redis_store.take_prekeys(bob.account_id, DAY + 1)
    assert taken is not None
    assert (taken.genesis, taken.bundles[0].one_time) == (bob.genesis, b"good")
    assert (await redis_store.sweep((DAY + 1) * 86_400.0)).prekeys == 1
    assert await redis_store.take_prekeys(digest("nobody"), DAY) is None


async def test_a_late_release_leaves_what_was_made_anew(
    redis_store: RedisStore, single_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another relay finishes the deletion and the account comes again, before this one goes on."""
    other = await opened(single_url, node="node-b")
    bob = account("bob")
    await redis_store.create_account(bob)
    late = Accounts._release_as_read  # pyright: ignore[reportPrivateUsage] - what a second relay or a sweep calls
    held_up: list[bytes] = []

    async def hold_up(accounts: Accounts, route: bytes, claim: bytes) -> bool:
        if not held_up:
            held_up.append(route)
            assert await other.delete_account(bob.account_id)
            await other.create_account(bob)
        return await late(accounts, route, claim)

    monkeypatch.setattr(Accounts, "_release_as_read", hold_up)
    assert await redis_store.delete_account(bob.account_id)
    assert held_up == [route("bob")]
    assert await redis_store.load_account(bob.account_id) == bob
    assert (await redis_store.open_mailbox(route("bob"), NOW)).queued == 0
    await other.close()


async def create_in_vain(store: RedisStore, row: AccountRow, where: T, once: list[T]) -> None:
    """Have a relay claim an account's mailboxes, once, and be refused; `once` notes where."""
    if not once:
        once.append(where)
        with pytest.raises(errors.AccountExists):
            await store.create_account(row)


async def test_what_was_claimed_meanwhile_in_vain_is_released(
    redis_store: RedisStore, single_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A device goes, and another relay claims its mailbox for an account that it then refuses."""
    other = await opened(single_url, node="node-b")
    bob = account("bob", devices=2)
    await redis_store.create_account(bob)
    release = Accounts._release_as_read  # pyright: ignore[reportPrivateUsage] - what a second relay or a sweep calls
    claimed: list[bytes] = []

    async def claim_before(accounts: Accounts, route: bytes, claim: bytes) -> bool:
        await create_in_vain(other, bob, route, claimed)
        return await release(accounts, route, claim)

    monkeypatch.setattr(Accounts, "_release_as_read", claim_before)
    await redis_store.publish_device_list(
        bob.account_id,
        expected_head=bob.device_list.head,
        device_list=device_list("bob", 2),
        devices=bob.devices[:1],
    )
    assert claimed == [route("bob", 1)]
    with pytest.raises(errors.MailboxUnknown):
        await redis_store.open_mailbox(route("bob", 1), NOW)
    assert (await redis_store.open_mailbox(route("bob"), NOW)).queued == 0
    await other.close()


async def test_what_was_claimed_while_the_account_went_is_released(
    redis_store: RedisStore, single_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another relay makes the account again when its mailboxes are gone and it is not yet."""
    other = await opened(single_url, node="node-b")
    bob = account("bob", devices=2)
    await redis_store.create_account(bob)
    refused: list[str] = []

    async def run(used: Shards, script: str, *arguments: Any) -> object:
        if script == "remove_account":
            await create_in_vain(other, bob, script, refused)
        return await run_durably(used, script, *arguments)

    monkeypatch.setattr(accounts, "run_durably", run)
    assert await redis_store.delete_account(bob.account_id)
    assert refused
    for number in range(2):
        with pytest.raises(errors.MailboxUnknown):
            await redis_store.open_mailbox(route("bob", number), NOW)
    await other.close()


async def test_what_was_released_while_it_was_named_is_made_anew(
    redis_store: RedisStore, shards: Shards, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sweep elsewhere that saw nobody's mailbox just before the account was made."""
    key = mailbox_keys(route("bob"))[0]
    released: list[str] = []

    async def run(used: Shards, script: str, *arguments: Any) -> object:
        if script == "create_account":
            claim = await shards.ask(key, b"HGET", key, b"owner")
            assert isinstance(claim, bytes)
            assert await shards.run("release", mailbox_keys(route("bob")), claim) == [0, 0, 1]
            released.append(script)
        return await run_durably(used, script, *arguments)

    monkeypatch.setattr(accounts, "run_durably", run)
    await redis_store.create_account(account("bob"))
    monkeypatch.undo()
    assert released
    assert (await redis_store.open_mailbox(route("bob"), NOW)).queued == 0


async def test_a_deletion_is_finished_only_where_it_stands(redis_store: RedisStore) -> None:
    """An account that is not marked, or not there, is left alone by who finishes deletions."""
    bob = account("bob")
    await redis_store.create_account(bob)
    for account_id in (bob.account_id, digest("nobody")):
        await redis_store._accounts.finish_deletion(account_id)  # pyright: ignore[reportPrivateUsage] - what a second relay or a sweep calls
    assert await redis_store.load_account(bob.account_id) == bob


async def test_a_damaged_count_of_devices_keeps_no_server_busy(
    redis_store: RedisStore, shards: Shards
) -> None:
    """A number that no list reaches ends in a fault, and not in a script that never does."""
    made = account("bob")
    await redis_store.create_account(made)
    key = account_keys(made.account_id)[0]
    await shards.ask(key, b"HSET", key, b"devices", b"9" * 30)
    with pytest.raises(errors.StoreFault):
        await redis_store.load_account(made.account_id)
    with pytest.raises(errors.StoreFault):
        await redis_store.take_prekeys(made.account_id, DAY)
    assert redis_store.stats().accounts == 1
