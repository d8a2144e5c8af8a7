"""Tests of hushpost_server.relay: starting, stopping, keeping what was accepted."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest
from hushpost_proof.harness.device import TestDevice, dial, envelope_for
from hushpost_server.clock import ManualClock
from hushpost_server.errors import FolderUnusable, ListenRefused, TransportUnsafe
from hushpost_server.relay import RelayServer
from hushpost_server.session import Session
from hushpost_wire.close_codes import CloseCode
from hushpost_wire.control import Expired
from hushpost_wire.frames import Accepted, Deliver, RefusalReason, Refused, encode_submit

from tests.server.conftest import quiet
from tests.waiting import SECONDS_MAX, until


async def test_accepted_mail_survives_a_restart(clock: ManualClock, tmp_path: Path) -> None:
    """What was accepted is there after the relay stopped and started again; so is its identity."""
    configuration = quiet(store="sqlite", data_folder=tmp_path, public_host="relay.test")
    async with RelayServer(configuration, clock=clock) as relay:
        device = TestDevice(relay.url)
        async with device.inbox(create=True) as inbox:
            secret = await device.open_drop(inbox)
            key = inbox.hello.relay_key
        submit = envelope_for(device.route, secret)
        async with dial(relay.url, "/v1/post") as post:
            assert isinstance(await post.submit(submit), Accepted)
    async with RelayServer(configuration, clock=clock) as relay:
        device.url = relay.url
        async with device.inbox() as inbox:
            assert inbox.hello.relay_key == key
            assert inbox.hello.host == "relay.test"
            assert (await inbox.wait_for(Deliver)).envelope == submit.envelope


async def test_what_is_acknowledged_does_not_come_again(clock: ManualClock, tmp_path: Path) -> None:
    """After an acknowledgement neither the next login nor the database has the envelope."""
    configuration = quiet(store="sqlite", data_folder=tmp_path)
    async with RelayServer(configuration, clock=clock) as relay:
        device = TestDevice(relay.url)
        async with device.inbox(create=True) as inbox, dial(relay.url, "/v1/post") as post:
            secret = await device.open_drop(inbox)
            await post.submit(envelope_for(device.route, secret))
            await inbox.acknowledge(await inbox.wait_for(Deliver))
            await device.open_drop(inbox)
        async with device.inbox() as inbox:
            await device.open_drop(inbox)
            assert not [kept for kept in inbox.kept if isinstance(kept, Deliver)]
        assert relay.store.stats().queued_envelopes == 0


async def test_a_drain_answers_what_is_in_flight_and_closes_with_1012(
    clock: ManualClock,
) -> None:
    """Every submission is answered, every connection told 1012, and the port is free again."""
    relay = RelayServer(quiet(refusal_tick_milliseconds=1000), clock=clock)
    await relay.start()
    device = TestDevice(relay.url)
    async with device.inbox(create=True) as inbox, dial(relay.url, "/v1/post") as post:
        await post.socket.send(encode_submit(envelope_for(bytes(16), bytes(32))))
        await until(lambda: relay.metrics.get("hushpost_submitted_total").value == 1)
        stopping = asyncio.create_task(relay.stop())
        verdict = await post.verdict()
        assert isinstance(verdict, Refused)
        assert verdict.reason is RefusalReason.NO_DROP
        assert await post.ended() == CloseCode.DRAIN
        assert await inbox.ended() == CloseCode.DRAIN
        await stopping
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", relay.port))


async def test_a_taken_port_is_told(relay: RelayServer, clock: ManualClock) -> None:
    """A second relay on the same port stops with what to do; the first is not disturbed."""
    with pytest.raises(ListenRefused, match="choose another listen_port"):
        await RelayServer(quiet(listen_port=relay.port), clock=clock).start()
    async with dial(relay.url, "/v1/post") as post:
        assert post.hello.host == relay.host


async def test_a_taken_metrics_port_is_told(clock: ManualClock) -> None:
    """The same for the metrics port, and the listening port is free again afterwards."""
    async with RelayServer(quiet(metrics=True, metrics_port=0), clock=clock) as first:
        taken = int(first.metrics_url.rpartition(":")[2])
        second = RelayServer(quiet(metrics=True, metrics_port=taken), clock=clock)
        with pytest.raises(ListenRefused, match="metrics_port"):
            await second.start()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", second.port)


async def test_a_foreign_address_is_told(clock: ManualClock) -> None:
    """An address that is not this machine's is named as such."""
    configuration = quiet(listen_host="192.0.2.1", behind_proxy=True)
    with pytest.raises(ListenRefused, match="no address of this machine"):
        await RelayServer(configuration, clock=clock).start()


@pytest.mark.parametrize("host", ["..", "a" * 64 + ".example"])
async def test_what_is_no_name_is_refused_in_words(host: str) -> None:
    """A listen_host that cannot even be asked for is the operator's to correct."""
    with pytest.raises(ListenRefused, match="correct listen_host"):
        await RelayServer(quiet(listen_host=host, behind_proxy=True)).start()


async def test_plain_ws_beyond_loopback_is_refused(clock: ManualClock) -> None:
    """Without TLS or a proxy the relay does not start where others could listen in."""
    with pytest.raises(TransportUnsafe, match="tls_certificate"):
        await RelayServer(quiet(listen_host="0.0.0.0"), clock=clock).start()


async def test_a_data_folder_in_use_is_told(clock: ManualClock, tmp_path: Path) -> None:
    """Two relays on one database: the second stops, the first goes on."""
    configuration = quiet(store="sqlite", data_folder=tmp_path)
    async with RelayServer(configuration, clock=clock) as relay:
        with pytest.raises(FolderUnusable, match="in use by another relay"):
            await RelayServer(configuration, clock=clock).start()
        async with TestDevice(relay.url).inbox(create=True) as inbox:
            assert inbox.hello.host == relay.host


async def test_a_sweep_tells_owners_who_are_connected(
    relay: RelayServer, clock: ManualClock
) -> None:
    """What expires while its owner is there unread is told at once."""
    device = TestDevice(relay.url)
    async with device.inbox(create=True) as inbox, dial(relay.url, "/v1/post") as post:
        secret = await device.open_drop(inbox)
        await post.submit(envelope_for(device.route, secret))
        await inbox.wait_for(Deliver)
        clock.advance(16 * 86_400)
        await relay.sweep()
        assert (await inbox.wait_for(Expired)).drops[0].count == 1
    assert relay.metrics.get("hushpost_expired_total").value == 1


async def test_health_and_metrics_follow_what_happens(clock: ManualClock) -> None:
    """Counts of connections, logins and deliveries are those of this relay."""
    async with RelayServer(quiet(), clock=clock) as relay:
        device = TestDevice(relay.url)
        async with device.inbox(create=True) as inbox, dial(relay.url, "/v1/post") as post:
            secret = await device.open_drop(inbox)
            await post.submit(envelope_for(device.route, secret))
            await post.submit(envelope_for(device.route, bytes(32)))
            health = relay.health()
            assert (health.problems, health.details["logged_in"]) == ((), 1)
            text = relay.metrics.render()
        for line in (
            'hushpost_connections{role="inbox"} 1',
            'hushpost_connections{role="post"} 1',
            "hushpost_logged_in 1",
            "hushpost_submitted_total 2",
            "hushpost_accepted_total 1",
            'hushpost_refused_total{reason="no_drop"} 1',
            "hushpost_delivered_live_total 1",
            "hushpost_healthy 1",
        ):
            assert line in text.splitlines()


async def test_the_login_deadline_is_the_clocks(relay: RelayServer, clock: ManualClock) -> None:
    """Who does not log in within the announced time is closed with 4005."""
    async with dial(relay.url, "/v1/inbox") as wire:
        clock.advance(wire.hello.limits.login_seconds_max)
        relay.reception.check_deadlines(clock.now(), everyone=True)
        assert await wire.ended() == CloseCode.TIMEOUT


async def test_a_peer_that_answers_no_ping_is_closed(
    relay: RelayServer, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Silence is pinged; a live peer stays, a dead one is closed with 4005."""
    answered = asyncio.Event()
    note_pong = Session.pong

    def pong(session: Session) -> None:
        note_pong(session)
        answered.set()

    monkeypatch.setattr(Session, "pong", pong)
    async with dial(relay.url, "/v1/post") as alive, dial(relay.url, "/v1/post") as dead:
        dead.socket.protocol.send_pong = lambda data: None  # type: ignore[method-assign]  # plays dead
        limits = alive.hello.limits
        clock.advance(limits.ping_interval_seconds)
        dead.socket.transport.pause_reading()
        relay.reception.check_deadlines(clock.now(), everyone=True)
        await asyncio.wait_for(answered.wait(), SECONDS_MAX)
        clock.advance(limits.ping_timeout_seconds)
        relay.reception.check_deadlines(clock.now(), everyone=True)
        dead.socket.transport.resume_reading()
        assert await dead.ended() == CloseCode.TIMEOUT
        refused = await alive.submit(envelope_for(bytes(16), bytes(32)))
        assert isinstance(refused, Refused)


async def test_a_post_connection_ends_with_its_time(relay: RelayServer, clock: ManualClock) -> None:
    """An anonymous connection is not kept for ever, since it links what is sent on it."""
    async with dial(relay.url, "/v1/post") as post:
        clock.advance(post.hello.limits.post_seconds_max)
        relay.reception.check_deadlines(clock.now(), everyone=True)
        assert await post.ended() == CloseCode.NORMAL


async def test_a_round_that_fails_does_not_end_all_that_follow(
    clock: ManualClock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Were the task of the sweep to die of one exception, nothing would expire any more."""
    async with RelayServer(quiet(sweep_interval_seconds=0.1), clock=clock) as relay:
        rounds: list[int] = []

        async def sweep() -> None:
            rounds.append(len(rounds))
            raise LookupError("somebody's name")

        monkeypatch.setattr(relay.sweeper, "sweep", sweep)
        await until(lambda: len(rounds) >= 3)
    assert "unhandled origin=timer error=LookupError" in caplog.text
    assert "somebody's name" not in caplog.text
