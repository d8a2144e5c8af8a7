"""Tests of hushpost_server.presence on a live relay."""

from __future__ import annotations

from hushpost_proof.harness.device import TestDevice
from hushpost_server.relay import RelayServer
from hushpost_wire.close_codes import CloseCode

from tests.waiting import until


async def test_a_device_is_found_by_route_and_by_id_while_it_is_there(relay: RelayServer) -> None:
    """Both ways lead to the same session, and to none after it left."""
    presence = relay.services.presence
    device = TestDevice(relay.url)
    async with device.inbox(create=True):
        session = presence.by_route(device.route)
        assert session is not None
        assert presence.by_device(device.account_id, device.device_id) is session
        assert presence.feeds[device.route] is session.feed
    await until(lambda: presence.by_route(device.route) is None)
    assert presence.by_device(device.account_id, device.device_id) is None
    assert device.route not in presence.feeds


async def test_a_displaced_session_that_leaves_late_does_not_remove_its_successor(
    relay: RelayServer,
) -> None:
    """The end of the first connection leaves the second one's presence alone."""
    presence = relay.services.presence
    device = TestDevice(relay.url)
    async with device.inbox(create=True) as first:
        older = presence.by_route(device.route)
        async with device.inbox():
            assert await first.ended() == CloseCode.DISPLACED
            await until(lambda: len(relay.reception) == 1)
            newer = presence.by_route(device.route)
            assert newer is not None
            assert newer is not older
            assert len(presence) == 1


async def test_removing_a_route_closes_it_with_the_code(relay: RelayServer) -> None:
    """Deletion and displacement end a session from outside."""
    device = TestDevice(relay.url)
    async with device.inbox(create=True) as inbox:
        relay.services.presence.remove(device.route, CloseCode.ACCOUNT_GONE)
        assert await inbox.ended() == CloseCode.ACCOUNT_GONE
    relay.services.presence.remove(device.route, CloseCode.ACCOUNT_GONE)
    assert len(relay.services.presence) == 0
