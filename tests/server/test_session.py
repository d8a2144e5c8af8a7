"""Tests of hushpost_server.session on a live relay: bad messages end one connection alone."""

from __future__ import annotations

import asyncio

import pytest
from hushpost_proof.harness.device import TestDevice, dial, envelope_for
from hushpost_server.clock import ManualClock
from hushpost_server.relay import RelayServer
from hushpost_server.session import Session
from hushpost_store.errors import StorageFull
from hushpost_store.memory import MemoryStore
from hushpost_wire.close_codes import CloseCode
from hushpost_wire.control import CountPrekeys, Error, ErrorCode, ExpiredSeen, PrekeyCount
from hushpost_wire.frames import (
    Accepted,
    Deliver,
    RefusalReason,
    Refused,
    encode_acknowledge,
    encode_submit,
)
from hushpost_wire.identifiers import DropReference, EnvelopeId

from tests.server.conftest import quiet
from tests.waiting import SECONDS_MAX


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (b"", ErrorCode.MALFORMED),
        (b"\x01\x04", ErrorCode.MALFORMED),
        (b"\x7f" + bytes(100), ErrorCode.MALFORMED),
        (b"\x83" + bytes(100), ErrorCode.MALFORMED),
        (b"\x02\0\0\0", ErrorCode.MALFORMED),
        (b"\x02\0\0\0\0\0\0\1\0", ErrorCode.MALFORMED),
        (b"\x02\0\0\0\0\0\0\1", ErrorCode.UNEXPECTED),
        ("", ErrorCode.MALFORMED),
        ("{", ErrorCode.MALFORMED),
        ('{"type":"dance","id":1}', ErrorCode.MALFORMED),
        ('{"type":"take_prekeys","id":1}', ErrorCode.MALFORMED),
        ('{"type":"hello"}', ErrorCode.MALFORMED),
    ],
    ids=[
        "empty frame",
        "truncated submit",
        "unknown frame",
        "a frame of the relay's",
        "no tags",
        "half a tag",
        "acknowledge on post",
        "empty text",
        "no JSON",
        "unknown type",
        "missing field",
        "a message of the relay's",
    ],
)
async def test_a_bad_message_closes_its_connection_and_no_other(
    relay: RelayServer, message: str | bytes, code: ErrorCode
) -> None:
    """The peer gets a code and 4000; a neighbour's traffic goes on."""
    device = TestDevice(relay.url)
    async with device.inbox(create=True) as inbox, dial(relay.url, "/v1/post") as good:
        secret = await device.open_drop(inbox)
        async with dial(relay.url, "/v1/post") as bad:
            await bad.socket.send(message)
            assert (await bad.wait_for(Error)).code is code
            assert await bad.ended() == CloseCode.PROTOCOL_ERROR
        assert isinstance(await good.submit(envelope_for(device.route, secret)), Accepted)
        await inbox.wait_for(Deliver)


async def test_a_submission_before_the_login_is_refused(relay: RelayServer) -> None:
    """The inbox endpoint does nothing for a stranger."""
    async with dial(relay.url, "/v1/inbox") as wire:
        await wire.socket.send(encode_submit(envelope_for(bytes(16), bytes(32))))
        assert (await wire.wait_for(Error)).code is ErrorCode.UNEXPECTED
        assert await wire.ended() == CloseCode.PROTOCOL_ERROR


async def test_a_void_tag_closes_the_connection(relay: RelayServer) -> None:
    """A tag that was never given, or was acknowledged before, is a broken client."""
    device = TestDevice(relay.url)
    async with device.inbox(create=True) as inbox:
        await inbox.socket.send(encode_acknowledge([77]))
        assert (await inbox.wait_for(Error)).code is ErrorCode.UNEXPECTED
        assert await inbox.ended() == CloseCode.PROTOCOL_ERROR


async def test_requests_are_served_in_their_order(relay: RelayServer) -> None:
    """Answers of one connection come in the order of its requests."""
    device = TestDevice(relay.url)
    async with device.inbox(create=True) as inbox:
        ids = [inbox.id() for _ in range(10)]
        for number in ids:
            await inbox.send(CountPrekeys(id=number))
        assert [(await inbox.wait_for(PrekeyCount)).id for _ in ids] == ids


class FaultyStore(MemoryStore):
    """A store whose prekey count fails: one way it promised, one way it should never."""

    error: Exception = StorageFull("no space left")

    async def count_prekeys(self, account_id: bytes, device_id: bytes, day: int) -> int:
        """Fail once the device is logged in."""
        if self.armed:
            raise self.error
        return 0

    armed = False


async def test_a_store_fault_is_answered_with_retry(clock: ManualClock) -> None:
    """A full disk while serving a request is RETRY with a wait, and the connection stays."""
    store = FaultyStore()
    relay = RelayServer(quiet(), clock=clock, store=store)
    async with relay, TestDevice(relay.url).inbox(create=True) as inbox:
        store.armed = True
        error = await inbox.ask(CountPrekeys(id=inbox.id()), Error)
        assert error.code is ErrorCode.RETRY
        assert error.retry_after
        store.armed = False
        await inbox.ask(CountPrekeys(id=inbox.id()), PrekeyCount)


async def test_an_own_defect_ends_that_connection_and_is_logged_by_class(
    clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """What should never be raised closes one connection, and its text is not logged."""
    store = FaultyStore()
    store.error = ZeroDivisionError("with a secret in it")
    relay = RelayServer(quiet(), clock=clock, store=store)
    async with (
        relay,
        TestDevice(relay.url).inbox(create=True) as inbox,
        TestDevice(relay.url).inbox(create=True) as other,
    ):
        store.armed = True
        await inbox.send(CountPrekeys(id=inbox.id()))
        assert await inbox.ended() == CloseCode.GOING_AWAY
        store.armed = False
        await other.ask(CountPrekeys(id=other.id()), PrekeyCount)
    assert "connection_failed error=ZeroDivisionError" in caplog.text
    assert "secret" not in caplog.text


async def test_a_ping_is_answered_and_silence_is_the_end(
    relay: RelayServer, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pong keeps a connection beyond the time that ends one without it."""
    answered = asyncio.Event()
    note_pong = Session.pong

    def pong(session: Session) -> None:
        note_pong(session)
        answered.set()

    monkeypatch.setattr(Session, "pong", pong)
    async with dial(relay.url, "/v1/post") as post:
        limits = post.hello.limits
        clock.advance(limits.ping_interval_seconds)
        relay.reception.check_deadlines(clock.now(), everyone=True)
        await asyncio.wait_for(answered.wait(), SECONDS_MAX)
        clock.advance(limits.ping_timeout_seconds)
        relay.reception.check_deadlines(clock.now(), everyone=True)
        post.socket.protocol.send_pong = lambda data: None  # type: ignore[method-assign]  # dead
        clock.advance(limits.ping_interval_seconds)
        relay.reception.check_deadlines(clock.now(), everyone=True)
        clock.advance(limits.ping_timeout_seconds)
        relay.reception.check_deadlines(clock.now(), everyone=True)
        assert await post.ended() == CloseCode.TIMEOUT


async def test_a_drained_inbox_is_told_and_a_reader_that_pauses_is_spared(
    relay: RelayServer,
) -> None:
    """Pushing stops while the socket is full and goes on after; a drain ends it with 1012."""
    device = TestDevice(relay.url)
    async with device.inbox(create=True) as inbox, dial(relay.url, "/v1/post") as post:
        secret = await device.open_drop(inbox)
        session = relay.services.presence.by_route(device.route)
        assert session is not None
        session.write_paused()
        submit = envelope_for(device.route, secret)
        assert isinstance(await post.submit(submit), Accepted)
        assert not [kept for kept in inbox.kept if isinstance(kept, Deliver)]
        session.write_resumed()
        assert (await inbox.wait_for(Deliver)).envelope == submit.envelope
        session.drain()
        assert await inbox.ended() == CloseCode.DRAIN


async def test_what_nobody_will_receive_is_forgotten(relay: RelayServer) -> None:
    """Deliveries that a lost connection did not take are gone with it, not when memory is freed."""
    device = TestDevice(relay.url)
    async with device.inbox(create=True):
        session = relay.services.presence.by_route(device.route)
        assert session is not None
        for number in range(2):
            session.machine.deliver_ephemeral(
                not_after=480_000,
                drop_ref=DropReference(bytes(16)),
                envelope_id=EnvelopeId(number.to_bytes(16)),
                envelope=bytes(4096),
            )
        session.lost()
        assert session.machine.data_to_send() == []


async def test_who_sends_too_much_is_told_and_left_unread_for_a_while(clock: ManualClock) -> None:
    """Submissions beyond the rate are refused with SLOW_DOWN; later ones are taken again."""
    limits = quiet(connection_submits_per_second=5, connection_submits_burst=1)
    async with RelayServer(limits, clock=clock) as relay:
        device = TestDevice(relay.url)
        async with device.inbox(create=True) as inbox, dial(relay.url, "/v1/post") as post:
            secret = await device.open_drop(inbox)
            for number in range(3):
                submit = envelope_for(
                    device.route, secret, request=number, body=number.to_bytes(4096)
                )
                await post.socket.send(encode_submit(submit))
            verdicts = [await post.verdict() for _ in range(3)]
            refused = [one for one in verdicts if isinstance(one, Refused)]
            assert {one.reason for one in refused} == {RefusalReason.SLOW_DOWN}
            assert 1 <= len(refused) <= 2
            async with asyncio.timeout(SECONDS_MAX):
                again = envelope_for(device.route, secret, request=9, body=bytes(4096))
                while not isinstance(await post.submit(again), Accepted):  # noqa: ASYNC110
                    await asyncio.sleep(0.1)


async def test_who_asks_too_much_is_told_to_slow_down(clock: ManualClock) -> None:
    """A request beyond the rate is answered so, and the connection stays."""
    limits = quiet(connection_controls_per_second=5, connection_controls_burst=3)
    async with RelayServer(limits, clock=clock) as relay:
        device = TestDevice(relay.url)
        async with device.inbox(create=True) as inbox:
            for _ in range(8):
                await inbox.send(CountPrekeys(id=inbox.id()))
            error = await inbox.wait_for(Error)
            assert error.code is ErrorCode.SLOW_DOWN
            assert error.retry_after
            await asyncio.sleep(min(error.retry_after, 1))
            async with asyncio.timeout(SECONDS_MAX):
                await inbox.ask(CountPrekeys(id=inbox.id()), PrekeyCount)


async def test_an_envelope_of_no_size_costs_and_is_refused(relay: RelayServer) -> None:
    """BAD_ENVELOPE for what is of no bucket; the connection goes on."""
    device = TestDevice(relay.url)
    async with device.inbox(create=True) as inbox, dial(relay.url, "/v1/post") as post:
        secret = await device.open_drop(inbox)
        odd = envelope_for(device.route, secret, body=bytes(4096))
        unfit = odd._replace(envelope=odd.envelope[:-1])
        verdict = await post.submit(unfit)
        assert isinstance(verdict, Refused)
        assert verdict.reason is RefusalReason.BAD_ENVELOPE
        assert isinstance(await post.submit(odd), Accepted)


async def test_text_that_is_none_ends_the_connection(relay: RelayServer) -> None:
    """Bytes that are no UTF-8 in a text message are the peer's fault."""
    async with dial(relay.url, "/v1/post") as post:
        await post.socket.send(b"\xff\xfe", text=True)
        assert await post.ended() == CloseCode.PROTOCOL_ERROR


async def test_a_notice_that_was_never_sent_cannot_be_seen(relay: RelayServer) -> None:
    """Confirming what was not told ends the connection."""
    device = TestDevice(relay.url)
    async with device.inbox(create=True) as inbox:
        await inbox.send(ExpiredSeen(notice=1))
        assert await inbox.ended() == CloseCode.PROTOCOL_ERROR
