"""Tests of hushpost_server.submits on a live relay: what is accepted, what is refused and how."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path

import pytest
from hushpost_proof.harness.device import TestDevice, Wire, dial, envelope_for
from hushpost_server.clock import ManualClock
from hushpost_server.relay import RelayServer
from hushpost_server.submits import drop_hash_of
from hushpost_store.interface import SubmissionListener
from hushpost_store.rows import Refusal, Submission
from hushpost_store.sqlite import SqliteOptions, SqliteStore
from hushpost_wire.close_codes import CloseCode
from hushpost_wire.control import Done, DropKind, Error, ErrorCode, RevokeDrop
from hushpost_wire.frames import (
    Accepted,
    Deliver,
    DeliverFlags,
    RefusalReason,
    Refused,
    encode_submit,
)
from hushpost_wire.identifiers import DropSecret, EnvelopeId, Route, drop_hash
from hushpost_wire.ttl import TtlClass
from websockets.frames import Frame, Opcode

from tests.server.conftest import quiet


async def reason_of(wire: Wire, submit: object) -> RefusalReason:
    """Submit what must be refused, and return why."""
    verdict = await wire.submit(submit)  # type: ignore[arg-type]  # any submission
    assert isinstance(verdict, Refused)
    return verdict.reason


def test_drop_hashes_are_those_of_the_spec() -> None:
    """The laid-out hash equals the one that owners register."""
    route, secret = secrets.token_bytes(16), secrets.token_bytes(32)
    assert drop_hash_of(route, secret) == drop_hash(Route(route), DropSecret(secret))


async def test_an_envelope_reaches_a_connected_device_as_it_was_sent(relay: RelayServer) -> None:
    """What is pushed carries the same bytes, id and not_after, and the drop's reference."""
    device = TestDevice(relay.url)
    async with device.inbox(create=True) as inbox, dial(relay.url, "/v1/post") as post:
        secret = await device.open_drop(inbox)
        submit = envelope_for(device.route, secret)
        assert await post.submit(submit) == Accepted((1,))
        got = await inbox.wait_for(Deliver)
        assert (got.envelope, got.envelope_id) == (submit.envelope, submit.envelope_id)
        assert (got.not_after, got.flags) == (submit.not_after, DeliverFlags.LIVE)
        assert got.drop_ref == drop_hash_of(device.route, secret)[:16]


async def test_one_accepted_answers_a_whole_batch(relay: RelayServer) -> None:
    """Requests that are committed in one turn of the loop are answered by one frame."""
    device = TestDevice(relay.url)
    async with device.inbox(create=True) as inbox, dial(relay.url, "/v1/post") as post:
        secret = await device.open_drop(inbox)
        frames = [encode_submit(envelope_for(device.route, secret, request=n)) for n in range(20)]
        masked = [Frame(Opcode.BINARY, frame).serialize(mask=True) for frame in frames]
        post.socket.transport.write(b"".join(masked))
        answered: list[int] = []
        answers = 0
        while len(answered) < 20:
            verdict = await post.verdict()
            assert isinstance(verdict, Accepted)
            answered += verdict.requests
            answers += 1
        assert answered == list(range(20))
        assert answers < 20


async def refusal_bytes(relay: RelayServer, route: bytes, secret: bytes) -> tuple[bytes, float]:
    """Submit to a drop on a fresh connection; return the answer's bytes and its time."""
    async with dial(relay.url, "/v1/post") as post:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await post.socket.send(encode_submit(envelope_for(route, secret)))
        answer = await post.socket.recv()
        assert isinstance(answer, bytes)
        return answer, loop.time() - began


async def test_unknown_revoked_and_missing_drops_get_the_same_bytes_on_the_tick(
    clock: ManualClock, tmp_path: Path
) -> None:
    """Neither bytes nor time tell an unknown mailbox from an unknown or a revoked drop."""
    configuration = quiet(refusal_tick_milliseconds=100, store="sqlite", data_folder=tmp_path)
    async with RelayServer(configuration, clock=clock) as relay:
        device = TestDevice(relay.url)
        async with device.inbox(create=True) as inbox:
            secret = await device.open_drop(inbox)
            hashed = drop_hash(device.route, DropSecret(secret))
            await inbox.ask(RevokeDrop(id=inbox.id(), drop_hash=hashed), Done)
        answers = [
            await refusal_bytes(relay, device.route, secret),
            await refusal_bytes(relay, device.route, bytes(32)),
            await refusal_bytes(relay, bytes(16), secret),
            await refusal_bytes(relay, secrets.token_bytes(16), bytes(32)),
        ]
    assert {answer for answer, _ in answers} == {bytes.fromhex("820100000000000100000000")}
    assert all(seconds >= 0.1 for _, seconds in answers)


async def test_a_one_use_drop_takes_one_envelope_and_its_repetition(relay: RelayServer) -> None:
    """The same bytes are accepted again, another envelope gets NO_DROP."""
    device = TestDevice(relay.url)
    async with device.inbox(create=True) as inbox, dial(relay.url, "/v1/post") as post:
        secret = await device.open_drop(inbox, DropKind.ONCE)
        first = envelope_for(device.route, secret)
        assert isinstance(await post.submit(first), Accepted)
        assert isinstance(await post.submit(first), Accepted)
        other = envelope_for(device.route, secret)
        assert await reason_of(post, other) is RefusalReason.NO_DROP
        await inbox.wait_for(Deliver)
        await device.open_drop(inbox)
        assert not [kept for kept in inbox.kept if isinstance(kept, Deliver)]


@pytest.mark.parametrize(
    "bounds",
    [{"drop_envelopes_max": 1}, {"mailbox_envelopes_max": 1}],
    ids=["exhausted drop", "full mailbox"],
)
async def test_a_full_mailbox_refuses_with_a_hint_and_loses_nothing(
    clock: ManualClock, bounds: dict[str, object]
) -> None:
    """FULL says when to try again; what was accepted before stays; acknowledging makes room."""
    async with RelayServer(quiet(**bounds), clock=clock) as relay:
        device = TestDevice(relay.url)
        async with device.inbox(create=True) as inbox, dial(relay.url, "/v1/post") as post:
            secret = await device.open_drop(inbox)
            first = envelope_for(device.route, secret)
            assert isinstance(await post.submit(first), Accepted)
            verdict = await post.submit(envelope_for(device.route, secret, request=2))
            assert isinstance(verdict, Refused)
            assert verdict.reason is RefusalReason.FULL
            assert verdict.retry_after > 0
            got = await inbox.wait_for(Deliver)
            assert got.envelope == first.envelope
            await inbox.acknowledge(got)
            await device.open_drop(inbox)
            assert isinstance(await post.submit(envelope_for(device.route, secret)), Accepted)


@pytest.mark.parametrize(
    ("ttl_class", "not_after"),
    [(5, None), (255, None), (4, 0), (4, 2**32 - 1), (4, 497_232 + 1), (2, 497_232 + 24 * 9)],
    ids=["unknown class", "class 255", "past", "far future", "no whole day", "beyond its class"],
)
async def test_a_lifetime_that_cannot_be_is_refused(
    relay: RelayServer, ttl_class: int, not_after: int | None
) -> None:
    """Unknown TTL classes and a not_after that is past, too far or off its unit are BAD_TTL."""
    device = TestDevice(relay.url)
    async with device.inbox(create=True) as inbox, dial(relay.url, "/v1/post") as post:
        secret = await device.open_drop(inbox)
        submit = envelope_for(device.route, secret)._replace(ttl_class=ttl_class)
        if not_after is not None:
            submit = submit._replace(not_after=not_after)
        assert await reason_of(post, submit) is RefusalReason.BAD_TTL
        assert isinstance(await post.submit(envelope_for(device.route, secret)), Accepted)


@pytest.mark.parametrize("size", [0, 1, 4095, 4097, 16383, 16385, 40_000])
async def test_an_envelope_of_no_bucket_is_refused(relay: RelayServer, size: int) -> None:
    """Only the two buckets are taken, whatever the drop."""
    async with dial(relay.url, "/v1/post") as post:
        submit = envelope_for(bytes(16), bytes(32), body=bytes(size))
        assert await reason_of(post, submit) is RefusalReason.BAD_ENVELOPE


async def test_an_id_that_does_not_match_is_refused(relay: RelayServer) -> None:
    """An envelope is known by its own hash and no other name."""
    async with dial(relay.url, "/v1/post") as post:
        submit = envelope_for(bytes(16), bytes(32))._replace(envelope_id=EnvelopeId(bytes(16)))
        assert await reason_of(post, submit) is RefusalReason.BAD_ENVELOPE


async def test_sizes_are_free_only_when_enforcement_is_off(clock: ManualClock) -> None:
    """The benchmark option is announced in `hello`, and only then other sizes pass."""
    async with RelayServer(quiet(unsafe_no_bucket_enforcement=True), clock=clock) as relay:
        device = TestDevice(relay.url)
        async with device.inbox(create=True) as inbox, dial(relay.url, "/v1/post") as post:
            assert not post.hello.limits.bucket_enforcement
            assert relay.health().details["bucket_enforcement"] is False
            secret = await device.open_drop(inbox)
            submit = envelope_for(device.route, secret, body=bytes(1024))
            assert isinstance(await post.submit(submit), Accepted)
            small = envelope_for(device.route, secret, request=2, body=bytes(63))
            assert await reason_of(post, small) is RefusalReason.BAD_ENVELOPE


async def test_a_repeated_envelope_is_accepted_and_delivered_once(relay: RelayServer) -> None:
    """A retry after a lost answer changes nothing for the recipient."""
    device = TestDevice(relay.url)
    async with device.inbox(create=True) as inbox, dial(relay.url, "/v1/post") as post:
        secret = await device.open_drop(inbox)
        submit = envelope_for(device.route, secret)
        for request in (1, 2):
            verdict = await post.submit(submit._replace(request=request))
            assert isinstance(verdict, Accepted)
        await inbox.wait_for(Deliver)
        await device.open_drop(inbox)
        assert not [kept for kept in inbox.kept if isinstance(kept, Deliver)]


async def test_a_repeated_request_id_closes_the_connection(clock: ManualClock) -> None:
    """A request id that is still unanswered cannot be used again."""
    relay = RelayServer(quiet(refusal_tick_milliseconds=1000), clock=clock)
    async with relay, dial(relay.url, "/v1/post") as post:
        submit = encode_submit(envelope_for(bytes(16), bytes(32)))
        await post.socket.send(submit)
        await post.socket.send(submit)
        assert (await post.wait_for(Error)).code is ErrorCode.UNEXPECTED
        assert await post.ended() == CloseCode.PROTOCOL_ERROR


async def test_envelopes_beyond_the_rate_are_told_to_slow_down(clock: ManualClock) -> None:
    """SLOW_DOWN carries a wait; another connection is not concerned."""
    configuration = quiet(connection_submits_burst=2, connection_submits_per_second=0.5)
    async with RelayServer(configuration, clock=clock) as relay:
        device = TestDevice(relay.url)
        async with device.inbox(create=True) as inbox:
            secret = await device.open_drop(inbox)
            async with dial(relay.url, "/v1/post") as post:
                for _ in range(2):
                    accepted = await post.submit(envelope_for(device.route, secret))
                    assert isinstance(accepted, Accepted)
                verdict = await post.submit(envelope_for(device.route, secret))
                assert isinstance(verdict, Refused)
                assert verdict.reason is RefusalReason.SLOW_DOWN
                assert verdict.retry_after >= 1
            async with dial(relay.url, "/v1/post") as post:
                assert isinstance(await post.submit(envelope_for(device.route, secret)), Accepted)


async def test_an_ephemeral_envelope_is_pushed_and_never_queued(relay: RelayServer) -> None:
    """Typing reaches who is there; who is not there never sees it."""
    device = TestDevice(relay.url)
    async with dial(relay.url, "/v1/post") as post:
        async with device.inbox(create=True) as inbox:
            secret = await device.open_drop(inbox)
            submit = envelope_for(device.route, secret, ttl=TtlClass.EPHEMERAL)
            assert isinstance(await post.submit(submit), Accepted)
            got = await inbox.wait_for(Deliver)
            assert (got.flags, got.tag) == (DeliverFlags.EPHEMERAL, 0)
        submit = envelope_for(device.route, secret, ttl=TtlClass.EPHEMERAL)
        assert isinstance(await post.submit(submit), Accepted)
        assert relay.store.stats().queued_envelopes == 0


async def test_a_full_disk_answers_retry_and_recovers_nothing_it_refused(
    clock: ManualClock, tmp_path: Path
) -> None:
    """When the disk is full the sender is told RETRY, health turns red, and others still log in."""
    options = SqliteOptions(pages_max=120)
    store = SqliteStore(tmp_path / "relay.db", options=options, clock=clock.now)
    async with RelayServer(quiet(), clock=clock, store=store) as relay:
        device = TestDevice(relay.url)
        async with device.inbox(create=True) as inbox, dial(relay.url, "/v1/post") as post:
            secret = await device.open_drop(inbox)
            reasons: list[RefusalReason] = []
            accepted = 0
            for request in range(150):
                submit = envelope_for(device.route, secret, request=request)
                verdict = await post.submit(submit)
                if isinstance(verdict, Refused):
                    reasons.append(verdict.reason)
                    break
                accepted += 1
            assert reasons == [RefusalReason.RETRY]
            assert relay.health().problems
        async with device.inbox() as inbox:
            for _ in range(accepted):
                await inbox.acknowledge(await inbox.wait_for(Deliver))


class _Failing(SqliteStore):
    def submit(self, submission: Submission, listener: SubmissionListener, now: float) -> None:
        listener.refused(Refusal.RETRY, 1)


@pytest.mark.parametrize("is_quiet", [False, True])
async def test_who_posts_does_not_pay_for_a_store_that_failed(
    clock: ManualClock, tmp_path: Path, *, is_quiet: bool
) -> None:
    """RETRY costs no more of the rate than an accepted envelope: it is the relay's failure."""
    store = _Failing(tmp_path / "relay.db", clock=clock.now)
    configuration = quiet(
        quiet=is_quiet, connection_submits_burst=2, connection_submits_per_second=0.001
    )
    async with RelayServer(configuration, clock=clock, store=store) as relay:
        device = TestDevice(relay.url)
        async with device.inbox(create=True) as inbox, dial(relay.url, "/v1/post") as post:
            submit = envelope_for(device.route, await device.open_drop(inbox))
            reasons = [await reason_of(post, submit) for _ in range(3)]
    assert reasons == [RefusalReason.RETRY] * 2 + [RefusalReason.SLOW_DOWN]
