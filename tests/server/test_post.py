"""Tests of hushpost_server.post on a live relay."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack

import pytest
from hushpost_proof.harness.device import TestDevice, Wire, dial
from hushpost_server import reception
from hushpost_server.clock import ManualClock
from hushpost_server.rate_limits import Rate
from hushpost_server.relay import RelayServer
from hushpost_server.take_limits import TakeLimits
from hushpost_server.turnstile import Turnstile
from hushpost_wire.close_codes import CloseCode
from hushpost_wire.control import (
    CountPrekeys,
    DeviceLists,
    Done,
    Error,
    ErrorCode,
    FetchDeviceList,
    PrekeyCount,
    Prekeys,
    PrekeysLow,
    PublishDeviceList,
    PublishPrekeys,
    TakePrekeys,
)
from hushpost_wire.identifiers import AccountId
from hushpost_wire.prekey_records import PrekeyKind

from tests.server.conftest import quiet


async def publish(device: TestDevice, inbox: Wire, one_time: int) -> tuple[bytes, ...]:
    """Publish what a stranger needs, and return the one-time records."""
    records = tuple(device.prekey() for _ in range(one_time))
    request = PublishPrekeys(
        id=inbox.id(),
        one_time=records,
        signed=device.prekey(PrekeyKind.SIGNED),
        seal=device.seal(inbox.hello.host),
    )
    await inbox.ask(request, PrekeyCount)
    return records


async def test_a_one_time_prekey_is_handed_out_once(relay: RelayServer) -> None:
    """Each take gives another record; after the last one the bundle comes without."""
    device = TestDevice(relay.url)
    async with device.inbox(create=True) as inbox, dial(relay.url, "/v1/post") as post:
        records = await publish(device, inbox, 2)
        taken: list[bytes | None] = []
        for _ in range(3):
            answer = await post.ask(TakePrekeys(id=post.id(), account=device.account_id), Prekeys)
            assert answer.genesis == device.genesis.to_bytes()
            assert answer.device_list == device.lists[0].to_bytes()
            (bundle,) = answer.bundles
            taken.append(bundle.one_time)
        assert set(taken) == {*records, None}
        assert taken[2] is None
        assert (await inbox.wait_for(PrekeysLow)).left == 0  # at login
        assert (await inbox.wait_for(PrekeysLow)).left == 1  # after the first take


async def test_a_device_that_published_nothing_has_no_bundle(relay: RelayServer) -> None:
    """An account without prekeys answers with its list and no bundles."""
    device = TestDevice(relay.url)
    async with device.inbox(create=True), dial(relay.url, "/v1/post") as post:
        answer = await post.ask(TakePrekeys(id=post.id(), account=device.account_id), Prekeys)
        assert answer.bundles == ()


async def test_an_unknown_account_is_told_as_such(relay: RelayServer) -> None:
    """Accounts are public: asking for one that is not here gets a clear answer."""
    nobody = AccountId(bytes(32))
    async with dial(relay.url, "/v1/post") as post:
        for request in (
            TakePrekeys(id=post.id(), account=nobody),
            FetchDeviceList(id=post.id(), account=nobody, after_version=0),
        ):
            assert (await post.ask(request, Error)).code is ErrorCode.NO_ACCOUNT


async def test_takes_are_limited_for_a_prefix(clock: ManualClock) -> None:
    """Who takes too much from one network is told to wait."""
    async with RelayServer(quiet(prefix_takes_burst=1), clock=clock) as relay:
        device = TestDevice(relay.url)
        async with device.inbox(create=True), dial(relay.url, "/v1/post") as post:
            first = TakePrekeys(id=post.id(), account=device.account_id)
            await post.ask(first, Prekeys)
            error = await post.ask(first.model_copy(update={"id": post.id()}), Error)
            assert error.code is ErrorCode.SLOW_DOWN
            assert error.retry_after


async def test_takes_of_everybody_come_in_turn_and_too_many_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever network they come from: a flood of takes is no more work than people can stand."""
    monkeypatch.setattr(reception, "TAKES", Rate(per_second=4, burst=1))
    monkeypatch.setattr(reception, "TAKES_WAITING_MAX", 1)
    async with RelayServer(quiet()) as relay, AsyncExitStack() as stack:
        posts = [await stack.enter_async_context(dial(relay.url, "/v1/post")) for _ in range(3)]
        began = time.monotonic()
        for post in posts:
            await post.send(TakePrekeys(id=post.id(), account=AccountId(bytes(32))))
        told = [(await post.wait_for(Error)).code for post in posts]
        assert time.monotonic() - began >= 0.2
    assert sorted(told) == [*(ErrorCode.NO_ACCOUNT,) * 2, ErrorCode.SLOW_DOWN]


async def test_who_waited_for_a_turn_is_counted_when_it_came(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Counted at the time at which it asked, it would give the account's rate that time back."""
    monkeypatch.setattr(reception, "TAKES", Rate(per_second=4, burst=1))
    async with RelayServer(quiet()) as relay, AsyncExitStack() as stack:
        events: list[tuple[str, float]] = []
        come, take = Turnstile.come, TakeLimits.take

        async def noted_come(turnstile: Turnstile) -> bool:
            came = await come(turnstile)
            events.append(("came", relay.services.loop_time()))
            return came

        def noted_take(limits: TakeLimits, account: bytes, now: float) -> int:
            events.append(("counted at", now))
            return take(limits, account, now)

        monkeypatch.setattr(Turnstile, "come", noted_come)
        monkeypatch.setattr(TakeLimits, "take", noted_take)
        for post in [
            await stack.enter_async_context(dial(relay.url, "/v1/post")) for _ in range(2)
        ]:
            await post.send(TakePrekeys(id=post.id(), account=AccountId(bytes(32))))
            await post.wait_for(Error)
    assert [what for what, _ in events] == ["came", "counted at"] * 2
    times = [when for _, when in events]
    assert times == sorted(times)


async def test_over_an_accounts_rate_the_bundle_comes_without_a_one_time_record(
    clock: ManualClock,
) -> None:
    """Its stock is spared, and still nobody is kept from writing to it."""
    async with RelayServer(quiet(account_takes_burst=1), clock=clock) as relay:
        device = TestDevice(relay.url)
        async with device.inbox(create=True) as inbox, dial(relay.url, "/v1/post") as post:
            published = PublishPrekeys(
                id=inbox.id(),
                one_time=(device.prekey(), device.prekey()),
                signed=device.prekey(PrekeyKind.SIGNED),
                seal=device.seal(inbox.hello.host),
            )
            await inbox.ask(published, PrekeyCount)
            takes = [
                await post.ask(TakePrekeys(id=post.id(), account=device.account_id), Prekeys)
                for _ in range(3)
            ]
            given = [take.bundles[0].one_time is not None for take in takes]
            assert given == [True, False, False]
            assert all(take.bundles[0].signed and take.bundles[0].seal for take in takes)
            count = await inbox.ask(CountPrekeys(id=inbox.id()), PrekeyCount)
            assert count.left == 1


async def test_the_chain_of_device_lists_is_given_after_a_version(relay: RelayServer) -> None:
    """A reader that knows version 1 gets what follows, oldest first, in bounded answers."""
    device = TestDevice(relay.url)
    async with device.inbox(create=True) as inbox, dial(relay.url, "/v1/post") as post:
        for version in range(2, 20):
            device.lists.append(device.make_list(version, device.lists[-1].head()))
            data = device.lists[-1].to_bytes()
            await inbox.ask(PublishDeviceList(id=inbox.id(), device_list=data), Done)
        known = 1
        got: list[bytes] = []
        while known < 19:
            request = FetchDeviceList(id=post.id(), account=device.account_id, after_version=known)
            answer = await post.ask(request, DeviceLists)
            assert answer.latest == 19
            got += answer.lists
            known += len(answer.lists)
        assert got == [device_list.to_bytes() for device_list in device.lists[1:]]


@pytest.mark.parametrize("message", ["login", "count_prekeys"])
async def test_the_anonymous_endpoint_takes_no_logins(relay: RelayServer, message: str) -> None:
    """Inbox requests have no place on post: the connection is closed."""
    device = TestDevice(relay.url)
    async with dial(relay.url, "/v1/post") as post:
        request = device.login(post) if message == "login" else CountPrekeys(id=post.id())
        assert (await post.ask(request, Error)).code is ErrorCode.MALFORMED
        assert await post.ended() == CloseCode.PROTOCOL_ERROR
