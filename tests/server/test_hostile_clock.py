"""A relay whose clock is set while people are connected: a day back, a day forward."""

from __future__ import annotations

import pytest
from hushpost_proof.harness.device import NOW, TestDevice, dial, envelope_for
from hushpost_server.clock import ManualClock
from hushpost_server.relay import RelayServer
from hushpost_wire.close_codes import CloseCode
from hushpost_wire.frames import Accepted, Deliver, RefusalReason, Refused

DAY = 86_400


async def test_after_a_clock_was_set_back_silence_is_noticed_as_soon_as_ever(
    relay: RelayServer, clock: ManualClock
) -> None:
    """Neither a silent post nor a stranger without login gains a day by the relay's correction."""
    async with dial(relay.url, "/v1/post") as post, dial(relay.url, "/v1/inbox") as stranger:
        clock.advance(-DAY)
        relay.reception.check_deadlines(clock.now(), everyone=True)
        for seconds in (46, 31):  # to the ping, and past the time for its answer
            clock.advance(seconds)
            relay.reception.check_deadlines(clock.now(), everyone=True)
        assert await post.ended() == CloseCode.TIMEOUT
        assert await stranger.ended() == CloseCode.TIMEOUT


@pytest.mark.parametrize("jump", [-DAY, DAY])
async def test_mail_goes_on_when_the_clock_jumps(
    relay: RelayServer, clock: ManualClock, jump: int
) -> None:
    """What lives long enough by either clock is accepted and delivered; the rest is BAD_TTL."""
    device = TestDevice(relay.url)
    async with device.inbox(create=True) as inbox, dial(relay.url, "/v1/post") as post:
        secret = await device.open_drop(inbox)
        clock.advance(jump)
        by_its_clock = envelope_for(device.route, secret, now=NOW + jump)
        assert isinstance(await post.submit(by_its_clock), Accepted)
        assert (await inbox.wait_for(Deliver)).envelope == by_its_clock.envelope
        far = envelope_for(device.route, secret, request=2, now=NOW + jump + 3 * DAY)
        verdict = await post.submit(far)
        assert isinstance(verdict, Refused)
        assert verdict.reason is RefusalReason.BAD_TTL
        await relay.sweep()
        assert relay.store.stats().queued_envelopes == 1
