"""Couriers post in order, again and again, until a relay has everything (content.md, 5 and 7)."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from hushpost import Client, Event, MessageReceived, MessageState, SafetyAlarm, couriers
from hushpost.engine import outbox
from hushpost.engine.desk import Desk
from hushpost.engine.outbox import whole_outbox
from hushpost.engine.posting_results import posting_accepted, posting_refused
from hushpost.engine.seen import REPEATS_MAX
from hushpost.errors import RelayUnreachable, VaultFull
from hushpost.retry import MOVED, Backoff, Pause
from hushpost.transport_post import PostOffice
from hushpost.transport_posting import Posting, Verdict
from hushpost_server.configuration import Configuration
from hushpost_server.relay import RelayServer
from hushpost_store.interface import SubmissionListener
from hushpost_store.memory import MemoryStore
from hushpost_store.quotas import Quotas
from hushpost_store.rows import Submission
from hushpost_wire.frames import RefusalReason
from hushpost_wire.host import Host

from tests.client_lib.client_world import (
    MovedClock,
    again,
    befriend,
    inside,
    own,
    person,
    relay,
    silence,
    tampered_relay,
    texts,
    until,
)


async def test_a_full_mailbox_is_filled_up_as_it_drains(tmp_path: Path) -> None:
    """FULL is no failure: the rest waits as long as the relay hints, and all arrive in order."""
    store = MemoryStore(quotas=Quotas(drop_envelopes_max=5, full_retry_seconds=1))
    settings = Configuration.model_validate({"listen_port": 0, "metrics": False})
    async with (
        RelayServer(settings, store=store) as server,
        await person(tmp_path, "alice", server.url) as alice,
    ):
        async with await person(tmp_path, "bob", server.url) as bob:
            contact, _ = await befriend(alice, bob)
            assert await bob.settled(timeout=60)
        messages = [await alice.send(contact, f"{n}") for n in range(12)]
        await messages[0].reached("accepted", timeout=60)
        await asyncio.sleep(0.3)
        assert messages[-1].state is MessageState.SEALED
        async with await again(tmp_path, "bob") as bob:
            assert await texts(bob, 12, seconds=60) == [f"{n}" for n in range(12)]


async def test_a_connection_that_breaks_all_the_time_loses_and_doubles_nothing(
    tmp_path: Path,
) -> None:
    """Cut again and again while sending, every text arrives once and in order."""
    async with (
        tampered_relay() as (proxy, url),
        await person(tmp_path, "alice", url) as alice,
        await person(tmp_path, "bob", url) as bob,
    ):
        contact, _ = await befriend(alice, bob)

        async def cut() -> None:
            for _ in range(8):
                await asyncio.sleep(0.15)
                await proxy.cut()

        cutting = asyncio.create_task(cut())
        for number in range(60):
            await alice.send(contact, f"{number}")
            await asyncio.sleep(0.01)
        await cutting
        assert await texts(bob, 60, seconds=60) == [f"{n}" for n in range(60)]
        await silence(bob, MessageReceived)
        await until(lambda: inside(alice).steps.look(whole_outbox) == [], seconds=60)


async def test_an_envelope_that_expired_in_the_outbox_is_not_posted(tmp_path: Path) -> None:
    """After two weeks without a relay the message is unconfirmed, and can be sent again."""
    clock = MovedClock()
    async with (
        tampered_relay(clock) as (proxy, url),
        await person(tmp_path, "bob", url, clock=clock) as bob,
    ):
        async with await person(tmp_path, "alice", url, clock=clock) as alice:
            contact, _ = await befriend(alice, bob)
            assert await alice.settled(timeout=60)
            await proxy.stop()
            await proxy.cut()
            message = await alice.send(contact, "old news")
        await proxy.start()
        clock.ahead = 16 * 86400.0
        async with await _online(tmp_path, clock) as alice:
            await until(lambda: alice.message(message.message_id).state == "unconfirmed")
            again_sent = await alice.send_again(message.message_id)
            await again_sent.reached("accepted", timeout=60)


async def test_a_full_disk_stops_no_courier(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Verdicts are kept until they can be stored; the reader gets the envelope once, unalarmed."""
    monkeypatch.setattr(couriers, "VAULT_RETRY_SECONDS", 0.02)
    real, failures = posting_accepted, list[bytes]()

    def long_full(desk: Desk, key: bytes) -> None:
        if len(failures) < 2 * REPEATS_MAX:
            failures.append(key)
            raise VaultFull("the disk is full")
        real(desk, key)

    async with (
        relay() as server,
        await person(tmp_path, "alice", server.url) as alice,
        await person(tmp_path, "bob", server.url) as bob,
    ):
        contact, _ = await befriend(alice, bob)
        assert await alice.settled(timeout=60)
        monkeypatch.setattr(couriers, "posting_accepted", long_full)
        message = await alice.send(contact, "once")
        assert await texts(bob, 1) == ["once"]
        await message.reached("accepted", timeout=60)
        assert len(failures) == 2 * REPEATS_MAX
        assert not await _kinds_within(bob, 0.5) & {MessageReceived, SafetyAlarm}


async def test_a_relay_that_cannot_commit_is_asked_less_and_less(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each RETRY in a row doubles the wait, a verdict of another kind ends the row."""
    waits: list[int] = []
    real = posting_refused

    def at_once(desk: Desk, key: bytes, reason: RefusalReason, retry_after: int) -> object:
        waits.append(retry_after)
        return real(desk, key, reason, 0)

    monkeypatch.setattr(couriers, "posting_refused", at_once)
    monkeypatch.setattr(outbox, "RETRY_SECONDS", 0)
    store = _Uncommitting()
    settings = Configuration.model_validate({"listen_port": 0, "metrics": False})
    async with (
        RelayServer(settings, store=store) as server,
        await person(tmp_path, "alice", server.url) as alice,
        await person(tmp_path, "bob", server.url) as bob,
    ):
        contact, _ = await befriend(alice, bob)
        assert await alice.settled(timeout=60)
        store.route = own(bob).route
        for text in ("first", "second"):
            waits.clear()
            store.failures_left = 6
            message = await alice.send(contact, text)
            await message.reached("accepted", timeout=60)
            bounds = [2**times for times in range(1, 7)]
            assert len(waits) == len(bounds)
            assert all(
                bound / 2 <= wait <= bound for wait, bound in zip(waits, bounds, strict=True)
            )


def test_sixteen_refusals_take_twenty_minutes() -> None:
    """A reader that alarms at the sixteenth repeat cannot hear of a relay's full disk sooner."""
    shortest = [couriers.retry_wait(times, bytes) for times in range(1, REPEATS_MAX + 1)]
    longest = [couriers.retry_wait(times, lambda size: b"\xff" * size) for times in range(1, 20)]
    assert sum(shortest) >= 20 * 60
    assert longest[:4] == [2, 4, 8, 16]
    assert max(longest) == 300


class _Uncommitting(MemoryStore):
    """Fails to commit so many envelopes for one mailbox."""

    failures_left = 0
    route = b""

    def submit(self, submission: Submission, listener: SubmissionListener, now: float) -> None:
        """Refuse as a failed commit does, as long as that was asked for."""
        if not self.failures_left or submission.route != self.route:
            super().submit(submission, listener, now)
            return
        self.failures_left -= 1
        listener.failed()


async def _kinds_within(client: Client, seconds: float) -> set[type[Event]]:
    """Give the kinds of all events that come for a while."""
    kinds: set[type[Event]] = set()
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            async for event in client.events():
                kinds.add(type(event))
    return kinds


async def _online(folder: Path, clock: MovedClock) -> Client:
    alice = await again(folder, "alice", clock=clock)
    await alice.online()
    return alice


async def test_a_courier_comes_back_as_the_relay_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sent away before a connection or between its verdicts, it waits as 1012 says; then posts."""
    pauses: list[Pause] = []
    real = PostOffice.submit_all

    async def sent_away(
        office: PostOffice, contact: bytes, host: Host, postings: Sequence[Posting]
    ) -> list[asyncio.Future[Verdict]]:
        error = RelayUnreachable("the relay is leaving")
        error.pause = MOVED
        if not pauses:
            raise error
        if len(pauses) == 1:
            verdict: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
            verdict.set_exception(error)
            return [verdict]
        return await real(office, contact, host, postings)

    def note(_self: Backoff, _failed: int, _random: Callable[[int], bytes], pause: Pause) -> float:
        pauses.append(pause)
        return 0.01

    async with (
        relay() as server,
        await person(tmp_path, "alice", server.url) as alice,
        await person(tmp_path, "bob", server.url) as bob,
    ):
        contact, _ = await befriend(alice, bob)
        assert await alice.settled(timeout=60)
        monkeypatch.setattr(Backoff, "delay", note)
        monkeypatch.setattr(PostOffice, "submit_all", sent_away)
        message = await alice.send(contact, "on the way")
        await message.reached("accepted", timeout=60)
    assert pauses[:2] == [MOVED, MOVED]
