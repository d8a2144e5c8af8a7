"""Tests of hushpost_server.inbox on a live relay."""

from __future__ import annotations

import asyncio
import secrets

import pytest
from hushpost_proof.harness.device import TODAY, TestDevice, Wire, dial, envelope_for
from hushpost_server.clock import ManualClock
from hushpost_server.relay import RelayServer
from hushpost_wire import transcripts
from hushpost_wire.close_codes import CloseCode
from hushpost_wire.control import (
    CountPrekeys,
    DeleteAccount,
    Done,
    DropKind,
    Error,
    ErrorCode,
    PrekeyCount,
    Prekeys,
    PublishDeviceList,
    PublishPrekeys,
    RegisterDrop,
    RevokeDrop,
    TakePrekeys,
)
from hushpost_wire.frames import RefusalReason, Refused
from hushpost_wire.identifiers import DropHash, DropSecret, ListHead, Signature, drop_hash
from hushpost_wire.prekey_records import PrekeyKind
from nacl.signing import SigningKey

from tests.server.conftest import quiet


async def code_of(wire: Wire, request: object) -> ErrorCode:
    """Ask for what must be refused, and return the code; the connection stays."""
    error = await wire.ask(request, Error)  # type: ignore[arg-type]  # any request
    return error.code


async def test_drops_are_registered_and_revoked_twice_alike(relay: RelayServer) -> None:
    """Both may be repeated after a lost answer; another kind, or another hash alike, conflicts."""
    device = TestDevice(relay.url)
    async with device.inbox(create=True) as inbox:
        hashed = drop_hash(device.route, DropSecret(secrets.token_bytes(32)))
        for _ in range(2):
            request = RegisterDrop(id=inbox.id(), drop_hash=hashed, kind=DropKind.ONCE)
            await inbox.ask(request, Done)
        other = RegisterDrop(id=inbox.id(), drop_hash=hashed, kind=DropKind.CONTACT)
        assert await code_of(inbox, other) is ErrorCode.DROP_CONFLICT
        twin = DropHash(hashed[:16] + bytes(16))
        alike = RegisterDrop(id=inbox.id(), drop_hash=twin, kind=DropKind.ONCE)
        assert await code_of(inbox, alike) is ErrorCode.DROP_CONFLICT
        for _ in range(2):
            await inbox.ask(RevokeDrop(id=inbox.id(), drop_hash=hashed), Done)
        await inbox.ask(alike.model_copy(update={"id": inbox.id()}), Done)


async def test_the_prekey_stock_is_bounded_at_what_is_announced(relay: RelayServer) -> None:
    """A whole stock fits, one more does not, and no take in between makes a refill fail."""
    device = TestDevice(relay.url)
    async with device.inbox(create=True) as inbox, dial(relay.url, "/v1/post") as post:
        limits = inbox.hello.limits
        batch, whole = limits.one_time_prekeys_batch_max, limits.one_time_prekeys_max
        stock = [device.prekey() for _ in range(whole)]
        left = 0
        for start in range(0, whole, batch):
            records = tuple(stock[start : start + batch])
            publish = PublishPrekeys(
                id=inbox.id(), one_time=records, signed=device.prekey(PrekeyKind.SIGNED)
            )
            left = (await inbox.ask(publish, PrekeyCount)).left
        assert left == whole
        more = PublishPrekeys(id=inbox.id(), one_time=(device.prekey(),))
        assert await code_of(inbox, more) is ErrorCode.TOO_MANY_PREKEYS
        again = PublishPrekeys(id=inbox.id(), one_time=tuple(stock[:batch]))
        assert (await inbox.ask(again, PrekeyCount)).left == whole
        refill = PublishPrekeys(id=inbox.id(), one_time=(device.prekey(),))
        takes = [TakePrekeys(id=post.id(), account=device.account_id) for _ in range(2)]
        await post.ask(takes[0], Prekeys)
        taken, count = await asyncio.gather(
            post.ask(takes[1], Prekeys), inbox.ask(refill, PrekeyCount)
        )
        assert isinstance(taken, Prekeys)
        assert count.left in (whole - 1, whole)


async def test_too_many_drops_are_refused(clock: ManualClock) -> None:
    """The bound of a mailbox is kept, and revoking makes room."""
    async with RelayServer(quiet(drops_per_mailbox_max=1), clock=clock) as relay:
        device = TestDevice(relay.url)
        async with device.inbox(create=True) as inbox:
            first = drop_hash(device.route, DropSecret(bytes(32)))
            await inbox.ask(
                RegisterDrop(id=inbox.id(), drop_hash=first, kind=DropKind.CONTACT), Done
            )
            second = RegisterDrop(
                id=inbox.id(), drop_hash=DropHash(b"2" * 32), kind=DropKind.CONTACT
            )
            assert await code_of(inbox, second) is ErrorCode.TOO_MANY_DROPS
            await inbox.ask(RevokeDrop(id=inbox.id(), drop_hash=first), Done)
            await inbox.ask(second.model_copy(update={"id": inbox.id()}), Done)


async def test_prekeys_are_published_and_counted(relay: RelayServer) -> None:
    """A batch with signed prekey and seal is kept; the same batch again adds nothing."""
    device = TestDevice(relay.url)
    async with device.inbox(create=True) as inbox:
        batch = PublishPrekeys(
            id=inbox.id(),
            one_time=tuple(device.prekey() for _ in range(5)),
            signed=device.prekey(PrekeyKind.SIGNED),
            seal=device.seal(relay.host),
        )
        assert (await inbox.ask(batch, PrekeyCount)).left == 5
        again = batch.model_copy(update={"id": inbox.id()})
        assert (await inbox.ask(again, PrekeyCount)).left == 5
        assert (await inbox.ask(CountPrekeys(id=inbox.id()), PrekeyCount)).left == 5


@pytest.mark.parametrize(
    ("case", "code"),
    [
        ("bad signature", ErrorCode.BAD_SIGNATURE),
        ("past its day", ErrorCode.BAD_RECORD),
        ("from the future", ErrorCode.BAD_RECORD),
        ("valid too long", ErrorCode.BAD_RECORD),
        ("wrong kind", ErrorCode.BAD_RECORD),
        ("other device", ErrorCode.BAD_RECORD),
        ("malformed", ErrorCode.BAD_RECORD),
    ],
)
async def test_a_bad_prekey_is_refused_and_none_of_its_batch_kept(
    relay: RelayServer, case: str, code: ErrorCode
) -> None:
    """The relay checks form, owner, kind, days and signature of every record."""
    device = TestDevice(relay.url)
    bad = {
        "bad signature": device.prekey(key=SigningKey.generate()),
        "past its day": device.prekey(issue=TODAY - 9, expiry=TODAY - 1),
        "from the future": device.prekey(issue=TODAY + 2, expiry=TODAY + 9),
        "valid too long": device.prekey(expiry=TODAY + 22),
        "wrong kind": device.prekey(PrekeyKind.SIGNED),
        "other device": TestDevice(relay.url).prekey(),
        "malformed": bytes(1708),
    }[case]
    async with device.inbox(create=True) as inbox:
        batch = PublishPrekeys(id=inbox.id(), one_time=(device.prekey(), bad))
        assert await code_of(inbox, batch) is code
        assert (await inbox.ask(CountPrekeys(id=inbox.id()), PrekeyCount)).left == 0


@pytest.mark.parametrize("case", ["other host", "other route", "other device", "malformed"])
async def test_a_bad_seal_record_is_refused(relay: RelayServer, case: str) -> None:
    """A seal record must name this device, this mailbox and this relay."""
    device = TestDevice(relay.url)
    seal = {
        "other host": device.seal("evil.example"),
        "other route": device.seal(relay.host, route=bytes(16)),
        "other device": TestDevice(relay.url).seal(relay.host),
        "malformed": bytes(1500),
    }[case]
    async with device.inbox(create=True) as inbox:
        request = PublishPrekeys(id=inbox.id(), seal=seal)
        assert await code_of(inbox, request) is ErrorCode.BAD_RECORD


async def test_the_next_device_list_is_taken_and_its_repetition_too(relay: RelayServer) -> None:
    """Version 2 on top of version 1 is kept; sending it again after a lost answer is fine."""
    device = TestDevice(relay.url)
    async with device.inbox(create=True) as inbox:
        second = device.make_list(2, device.lists[0].head())
        for _ in range(2):
            request = PublishDeviceList(id=inbox.id(), device_list=second.to_bytes())
            await inbox.ask(request, Done)
    account = await relay.store.load_account(device.account_id)
    assert account is not None
    assert account.device_list.version == 2


@pytest.mark.parametrize(
    ("case", "code"),
    [
        ("lower", ErrorCode.LIST_CONFLICT),
        ("equal", ErrorCode.LIST_CONFLICT),
        ("skipped", ErrorCode.LIST_CONFLICT),
        ("forked", ErrorCode.LIST_CONFLICT),
        ("foreign signature", ErrorCode.BAD_SIGNATURE),
        ("other account", ErrorCode.BAD_SIGNATURE),
        ("from the future", ErrorCode.BAD_RECORD),
        ("malformed", ErrorCode.BAD_RECORD),
    ],
)
async def test_a_list_that_does_not_follow_is_refused_and_changes_nothing(
    relay: RelayServer, case: str, code: ErrorCode
) -> None:
    """Only the successor of the stored list, signed by the account, takes its place."""
    device = TestDevice(relay.url)
    head = device.lists[0].head()
    second = device.make_list(2, head)
    refused = {
        "lower": device.lists[0],
        "equal": device.make_list(2, head, day=TODAY - 1),
        "skipped": device.make_list(4, second.head()),
        "forked": device.make_list(3, ListHead(b"f" * 32)),
        "foreign signature": device.make_list(3, second.head(), key=SigningKey.generate()),
        "other account": TestDevice(relay.url).make_list(3, second.head()),
        "from the future": device.make_list(3, second.head(), day=TODAY + 2),
    }
    data = refused[case].to_bytes() if case in refused else bytes(204)
    async with device.inbox(create=True) as inbox:
        publish = PublishDeviceList(id=inbox.id(), device_list=second.to_bytes())
        await inbox.ask(publish, Done)
        request = PublishDeviceList(id=inbox.id(), device_list=data)
        assert await code_of(inbox, request) is code
    account = await relay.store.load_account(device.account_id)
    assert account is not None
    assert account.device_list.record == second.to_bytes()


async def test_an_account_is_deleted_by_its_own_key_alone(relay: RelayServer) -> None:
    """A device key does not delete an account; the account key does, and logs it out."""
    device = TestDevice(relay.url)
    async with device.inbox(create=True) as inbox:
        signed = transcripts.account_deletion(inbox.challenge, device.account_id)
        wrong = Signature(device.device_key.sign(signed).signature)
        request = DeleteAccount(id=inbox.id(), signature=wrong)
        assert await code_of(inbox, request) is ErrorCode.BAD_SIGNATURE
        right = Signature(device.account_key.sign(signed).signature)
        await inbox.ask(DeleteAccount(id=inbox.id(), signature=right), Done)
        assert await inbox.ended() == CloseCode.ACCOUNT_GONE
    assert await relay.store.load_account(device.account_id) is None


async def test_a_deleted_account_may_be_created_again_and_begins_empty(relay: RelayServer) -> None:
    """Its id needs its own key again; nothing of before is there, not even its permissions."""
    device = TestDevice(relay.url)
    async with device.inbox(create=True) as inbox:
        secret = await device.open_drop(inbox)
        stock = PublishPrekeys(id=inbox.id(), one_time=(device.prekey(),))
        assert (await inbox.ask(stock, PrekeyCount)).left == 1
        second = device.make_list(2, device.lists[-1].head())
        newer = PublishDeviceList(id=inbox.id(), device_list=second.to_bytes())
        await inbox.ask(newer, Done)
        signed = transcripts.account_deletion(inbox.challenge, device.account_id)
        signature = Signature(device.account_key.sign(signed).signature)
        await inbox.ask(DeleteAccount(id=inbox.id(), signature=signature), Done)
        assert await inbox.ended() == CloseCode.ACCOUNT_GONE
    async with device.inbox(create=True) as inbox, dial(relay.url, "/v1/post") as post:
        assert (await inbox.ask(CountPrekeys(id=inbox.id()), PrekeyCount)).left == 0
        verdict = await post.submit(envelope_for(device.route, secret))
        assert isinstance(verdict, Refused)
        assert verdict.reason is RefusalReason.NO_DROP
    account = await relay.store.load_account(device.account_id)
    assert account is not None
    assert account.device_list.version == 1


async def test_requests_beyond_the_rate_are_refused_and_later_served(clock: ManualClock) -> None:
    """A client out of control is told how long to wait."""
    configuration = quiet(connection_controls_burst=3, connection_controls_per_second=0.1)
    async with RelayServer(configuration, clock=clock) as relay:
        device = TestDevice(relay.url)
        async with device.inbox(create=True) as inbox:  # two requests
            await inbox.ask(CountPrekeys(id=inbox.id()), PrekeyCount)
            error = await inbox.ask(CountPrekeys(id=inbox.id()), Error)
            assert error.code is ErrorCode.SLOW_DOWN
            assert error.retry_after
