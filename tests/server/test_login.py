"""Tests of hushpost_server.login on a live relay."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hushpost_proof.harness.device import TODAY, TestDevice, Wire, dial, envelope_for
from hushpost_server.clock import ManualClock
from hushpost_server.relay import RelayServer
from hushpost_store.errors import DeviceUnknown, StorageFull, StoreError
from hushpost_store.memory import MemoryStore
from hushpost_wire import transcripts
from hushpost_wire.account_records import NO_PREVIOUS
from hushpost_wire.close_codes import CloseCode
from hushpost_wire.control import (
    AccountCreated,
    ControlToRelay,
    CountPrekeys,
    Error,
    ErrorCode,
    Expired,
    ExpiredSeen,
    PrekeyCount,
    PrekeysLow,
    Welcome,
)
from hushpost_wire.frames import Accepted, Deliver, DeliverFlags
from hushpost_wire.host import Host
from hushpost_wire.identifiers import DeviceId, DropSecret, Signature, drop_hash
from hushpost_wire.ttl import TtlClass
from nacl.signing import SigningKey, VerifyKey

from tests.server.conftest import quiet


async def refused(wire: Wire, request: ControlToRelay) -> ErrorCode:
    """Send a request that must fail, and see that 4002 follows its error."""
    error = await wire.ask(request, Error)
    assert await wire.ended() == CloseCode.LOGIN_FAILED
    return error.code


async def test_an_account_is_made_once_and_logs_in(relay: RelayServer) -> None:
    """Creation, the same creation again, and a login whose answer the relay's key signed."""
    device = TestDevice(relay.url)
    async with dial(relay.url, "/v1/inbox") as wire:
        assert isinstance(await wire.ask(device.creation(wire), AccountCreated), AccountCreated)
        assert isinstance(await wire.ask(device.creation(wire), AccountCreated), AccountCreated)
        login = device.login(wire)
        welcome = await wire.ask(login, Welcome)
        assert (welcome.route, welcome.device_list_version) == (device.route, 1)
        signed = transcripts.welcome(
            wire.challenge,
            client_nonce=login.client_nonce,
            protocol=1,
            account_id=device.account_id,
            device_id=device.device_id,
            route=device.route,
            prekeys_left=0,
            device_list_version=1,
            generation=welcome.generation,
        )
        VerifyKey(wire.hello.relay_key).verify(signed, welcome.signature)
        assert (await wire.wait_for(PrekeysLow)).left == 0


async def test_a_replayed_login_fails(relay: RelayServer) -> None:
    """A login taken from one connection is worth nothing on another."""
    device = TestDevice(relay.url)
    async with device.inbox(create=True) as first:
        recorded = device.login(first)
        async with dial(relay.url, "/v1/inbox") as second:
            assert await refused(second, recorded) is ErrorCode.LOGIN_FAILED
        assert isinstance(await first.wait_for(PrekeysLow), PrekeysLow)  # not displaced


async def test_a_login_made_for_another_host_fails(relay: RelayServer) -> None:
    """A relay in between cannot pass on a login that was signed for its own name."""
    device = TestDevice(relay.url)
    async with dial(relay.url, "/v1/inbox") as wire:
        await device.create_on(wire)
        elsewhere = replace(wire.challenge, host=Host("evil.example"))
        assert await refused(wire, device.login(wire, elsewhere)) is ErrorCode.LOGIN_FAILED


async def test_a_login_by_a_foreign_device_fails(relay: RelayServer) -> None:
    """Neither a device of another account nor one that signs for a listed one gets in."""
    device, foreign = TestDevice(relay.url), TestDevice(relay.url)
    async with dial(relay.url, "/v1/inbox") as wire:
        await device.create_on(wire)
        login = foreign.login(wire).model_copy(update={"account": device.account_id})
        assert await refused(wire, login) is ErrorCode.LOGIN_FAILED
    async with dial(relay.url, "/v1/inbox") as wire:
        device_key, device.device_key = device.device_key, SigningKey.generate()
        assert await refused(wire, device.login(wire)) is ErrorCode.LOGIN_FAILED
        device.device_key = device_key


async def test_an_unknown_account_and_a_bad_signature_look_alike(relay: RelayServer) -> None:
    """The error says nothing about which part of a login was wrong."""
    known, unknown = TestDevice(relay.url), TestDevice(relay.url)
    async with dial(relay.url, "/v1/inbox") as wire:
        await known.create_on(wire)
        bad = known.login(wire).model_copy(update={"signature": Signature(bytes(64))})
        first = await refused(wire, bad)
    async with dial(relay.url, "/v1/inbox") as wire:
        assert await refused(wire, unknown.login(wire)) is first


async def test_a_wrong_version_closes_with_4001(relay: RelayServer) -> None:
    """A version the relay does not speak gets its own code."""
    device = TestDevice(relay.url)
    async with dial(relay.url, "/v1/inbox") as wire:
        await device.create_on(wire)
        await wire.send(device.login(wire).model_copy(update={"protocol": 2}))
        assert (await wire.wait_for(Error)).code is ErrorCode.UNKNOWN_VERSION
        assert await wire.ended() == CloseCode.UNKNOWN_VERSION


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"signature": Signature(bytes(64))}, ErrorCode.BAD_SIGNATURE),
        ({"genesis": b"\0\2" + bytes(64)}, ErrorCode.BAD_RECORD),
        ({"device_list": bytes(204)}, ErrorCode.BAD_RECORD),
        ({"device": DeviceId(bytes(16))}, ErrorCode.BAD_RECORD),
        ({"route": bytes(16)}, ErrorCode.BAD_SIGNATURE),
        ({"token": "never-signed"}, ErrorCode.BAD_SIGNATURE),
    ],
)
async def test_a_creation_that_was_changed_is_refused(
    relay: RelayServer, change: dict[str, object], code: ErrorCode
) -> None:
    """Every field of a creation is checked or bound by the account's signature."""
    device = TestDevice(relay.url)
    async with dial(relay.url, "/v1/inbox") as wire:
        assert await refused(wire, device.creation(wire).model_copy(update=change)) is code
    assert await relay.store.load_account(device.account_id) is None


@pytest.mark.parametrize("case", ["version 2", "foreign key", "from the future"])
async def test_a_first_list_that_is_no_first_list_is_refused(relay: RelayServer, case: str) -> None:
    """The first list has version 1, the account's signature and a day that has come."""
    device = TestDevice(relay.url)
    lists = {
        "version 2": device.make_list(2, device.lists[0].head()),
        "foreign key": device.make_list(1, NO_PREVIOUS, key=SigningKey.generate()),
        "from the future": device.make_list(1, NO_PREVIOUS, day=TODAY + 2),
    }
    device.lists = [lists[case]]
    async with dial(relay.url, "/v1/inbox") as wire:
        code = await refused(wire, device.creation(wire))
        assert code in {ErrorCode.BAD_RECORD, ErrorCode.BAD_SIGNATURE}


async def test_an_account_that_exists_with_another_list_is_refused(relay: RelayServer) -> None:
    """Creating again with other contents changes nothing."""
    device = TestDevice(relay.url)
    async with dial(relay.url, "/v1/inbox") as wire:
        await device.create_on(wire)
    device.lists = [device.make_list(1, NO_PREVIOUS, day=TODAY - 1)]
    async with dial(relay.url, "/v1/inbox") as wire:
        assert await refused(wire, device.creation(wire)) is ErrorCode.ACCOUNT_EXISTS


async def test_a_route_that_is_taken_is_refused(relay: RelayServer) -> None:
    """Nobody can claim another's mailbox by its name."""
    first, second = TestDevice(relay.url), TestDevice(relay.url)
    second.route = first.route
    async with dial(relay.url, "/v1/inbox") as wire:
        await first.create_on(wire)
    async with dial(relay.url, "/v1/inbox") as wire:
        assert await refused(wire, second.creation(wire)) is ErrorCode.BAD_RECORD


async def test_registration_by_token_and_closed(clock: ManualClock) -> None:
    """With tokens only a holder registers; closed, nobody; `hello` says which."""
    token = "an-operators-token"
    configuration = quiet(registration="token", registration_tokens=[token])
    async with RelayServer(configuration, clock=clock) as relay:
        device = TestDevice(relay.url)
        for wrong in (None, "another-token-entirely"):
            async with dial(relay.url, "/v1/inbox") as wire:
                request = device.creation(wire, token=wrong)
                assert await refused(wire, request) is ErrorCode.TOKEN_REFUSED
        async with dial(relay.url, "/v1/inbox") as wire:
            assert wire.hello.registration == "token"
            await wire.ask(device.creation(wire, token=token), AccountCreated)
        async with dial(relay.url, "/v1/inbox") as wire:  # a token is not used up
            other = TestDevice(relay.url).creation(wire, token=token)
            await wire.ask(other, AccountCreated)
    closed = RelayServer(quiet(registration="closed"), clock=clock)
    async with closed, dial(closed.url, "/v1/inbox") as wire:
        request = TestDevice(closed.url).creation(wire)
        assert await refused(wire, request) is ErrorCode.REGISTRATION_CLOSED


async def test_accounts_of_one_prefix_are_rationed(clock: ManualClock) -> None:
    """Beyond the burst an account is refused with a wait."""
    async with RelayServer(quiet(prefix_accounts_burst=1), clock=clock) as relay:
        async with dial(relay.url, "/v1/inbox") as wire:
            await TestDevice(relay.url).create_on(wire)
        async with dial(relay.url, "/v1/inbox") as wire:
            code = await refused(wire, TestDevice(relay.url).creation(wire))
            assert code is ErrorCode.SLOW_DOWN


async def test_logins_of_one_prefix_are_rationed(clock: ManualClock) -> None:
    """Guessing logins ends in 4006."""
    slow = quiet(prefix_logins_burst=1, prefix_logins_per_second=0.001)
    async with RelayServer(slow, clock=clock) as relay:
        device = TestDevice(relay.url)
        async with device.inbox(create=True), dial(relay.url, "/v1/inbox") as wire:
            await wire.send(device.login(wire))
            assert await wire.ended() == CloseCode.RATE_LIMITED


async def test_a_second_login_displaces_the_first(relay: RelayServer) -> None:
    """The first connection is closed with 4003; the second gets what was not acknowledged."""
    device = TestDevice(relay.url)
    async with device.inbox(create=True) as first, dial(relay.url, "/v1/post") as post:
        secret = await device.open_drop(first)
        submit = envelope_for(device.route, secret)
        assert isinstance(await post.submit(submit), Accepted)
        await first.wait_for(Deliver)
        async with device.inbox() as second:
            assert await first.ended() == CloseCode.DISPLACED
            again = await second.wait_for(Deliver)
            assert (again.envelope_id, again.flags) == (submit.envelope_id, DeliverFlags.BACKLOG)


@pytest.mark.parametrize("store", ["memory", "sqlite"])
async def test_no_expired_drop_is_cut_off(clock: ManualClock, tmp_path: Path, store: str) -> None:
    """What expired through 1,100 drops comes in three notices that name every one of them, once."""
    unlimited = {"connection_controls_per_second": 0, "connection_submits_per_second": 0}
    configuration = quiet(store=store, data_folder=tmp_path, **unlimited)
    async with RelayServer(configuration, clock=clock) as relay:
        device = TestDevice(relay.url)
        async with device.inbox(create=True) as inbox, dial(relay.url, "/v1/post") as post:
            secrets = [await device.open_drop(inbox) for _ in range(1_100)]
            await inbox.socket.close()
            for number, secret in enumerate(secrets):
                submit = envelope_for(device.route, secret, request=number, ttl=TtlClass.DAY)
                assert isinstance(await post.submit(submit), Accepted)
        clock.advance(3 * 86_400)
        await relay.sweep()
        async with device.inbox() as inbox:
            notices = [await inbox.wait_for(Expired) for _ in range(3)]
            assert [len(notice.drops) for notice in notices] == [500, 500, 100]
            told = {drop.drop_ref for notice in notices for drop in notice.drops}
            assert told == {drop_hash(device.route, DropSecret(s))[:16] for s in secrets}
            for notice in notices:
                await inbox.send(ExpiredSeen(notice=notice.notice))
            await inbox.ask(CountPrekeys(id=inbox.id()), PrekeyCount)
        assert await relay.store.expired_notices(device.route) == ()


async def test_expired_notices_come_until_they_are_seen(
    relay: RelayServer, clock: ManualClock
) -> None:
    """What expired is told at every login until the owner says it is noted."""
    device = TestDevice(relay.url)
    async with device.inbox(create=True) as inbox:
        secret = await device.open_drop(inbox)
    async with dial(relay.url, "/v1/post") as post:
        await post.submit(envelope_for(device.route, secret))
    clock.advance(16 * 86_400)
    report = await relay.sweep()
    assert report is not None
    assert report.envelopes == 1
    for _ in range(2):
        async with device.inbox() as inbox:
            notice = await inbox.wait_for(Expired)
            assert [drop.count for drop in notice.drops] == [1]
    async with device.inbox() as inbox:
        notice = await inbox.wait_for(Expired)
        await inbox.send(ExpiredSeen(notice=notice.notice))
        await device.open_drop(inbox)  # served after it, so it has been done
    assert await relay.store.expired_notices(device.route) == ()


class ForgetfulStore(MemoryStore):
    """A store that fails right after a mailbox was opened, and notes what was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.error: StoreError | None = None
        self.closed: list[int] = []

    async def count_prekeys(self, account_id: bytes, device_id: bytes, day: int) -> int:
        """Fail as the test asks."""
        if self.error is not None:
            raise self.error
        return await super().count_prekeys(account_id, device_id, day)

    def close_mailbox(self, route: bytes, epoch: int) -> None:
        """Note it."""
        self.closed.append(epoch)
        super().close_mailbox(route, epoch)


@pytest.mark.parametrize("error", [DeviceUnknown("gone"), StorageFull("full")])
async def test_a_login_that_fails_half_way_is_closed_again(
    clock: ManualClock, error: StoreError
) -> None:
    """The mailbox that was opened for it does not stay logged in."""
    store = ForgetfulStore()
    async with RelayServer(quiet(), clock=clock, store=store) as relay:
        device = TestDevice(relay.url)
        async with device.inbox(create=True):
            pass
        store.error = error
        store.closed.clear()
        async with dial(relay.url, "/v1/inbox") as wire:
            await wire.send(device.login(wire))
            assert isinstance(await wire.wait_for(Error), Error)
        assert store.closed[0] > 0
