"""Requests on the anonymous endpoint: prekeys and device lists (docs/spec/wire.md, section 6).

Refuses to know: who asks. What is counted is counted for an address prefix and for the account that
is asked for, in memory.
"""

from __future__ import annotations

from hushpost_store.rows import PrekeyBundle as StoredBundle
from hushpost_wire.control import (
    DeviceLists,
    ErrorCode,
    FetchDeviceList,
    PrekeyBundle,
    Prekeys,
    TakePrekeys,
)
from hushpost_wire.identifiers import DeviceId
from hushpost_wire.limits import DEVICE_LISTS_PER_ANSWER_MAX

from hushpost_server.clock import day_of
from hushpost_server.errors import RequestRefused
from hushpost_server.inbox import answer
from hushpost_server.login import notify_low
from hushpost_server.session import Session


async def take_prekeys(session: Session, request: TakePrekeys) -> None:
    """Hand out a bundle of every device of an account; a one-time record only once, for good."""
    services = session.services
    if session.allowance.takes.take(1, services.loop_time()) != 1:
        raise RequestRefused(ErrorCode.SLOW_DOWN, session.allowance.takes.retry_after())
    if not await services.take_turns.come():
        raise RequestRefused(ErrorCode.SLOW_DOWN, 1)
    # Over the rate of one account, strangers get the bundle without a one-time record: refused,
    # they could keep everybody else from writing to it.
    spare = services.takes.take(request.account, services.loop_time()) > 0
    taken = await services.store.take_prekeys(
        request.account, day_of(services.now()), one_time=not spare
    )
    if taken is None:
        raise RequestRefused(ErrorCode.NO_ACCOUNT)
    bundles = tuple(
        bundle for bundle in (_bundle(stored) for stored in taken.bundles) if bundle is not None
    )
    answer(
        session,
        Prekeys(
            id=request.id,
            genesis=taken.genesis,
            device_list=taken.device_list.record,
            bundles=bundles,
        ),
    )
    for stored in taken.bundles:
        owner = services.presence.by_device(request.account, DeviceId(stored.device_id))
        if owner is not None:
            notify_low(owner, stored.left)


def _bundle(stored: StoredBundle) -> PrekeyBundle | None:
    """Return what a stranger needs of a device; None where it published nothing usable."""
    if stored.signed is None or stored.seal is None:
        return None
    return PrekeyBundle(
        device=DeviceId(stored.device_id),
        signed=stored.signed,
        seal=stored.seal,
        one_time=stored.one_time,
    )


async def fetch_device_list(session: Session, request: FetchDeviceList) -> None:
    """Answer the chain after a version, as far as one answer reaches."""
    store = session.services.store
    account = await store.load_account(request.account)
    if account is None:
        raise RequestRefused(ErrorCode.NO_ACCOUNT)
    lists = await store.device_lists(request.account, request.after_version)
    answer(
        session,
        DeviceLists(
            id=request.id,
            genesis=account.genesis,
            latest=account.device_list.version,
            lists=tuple(row.record for row in lists[:DEVICE_LISTS_PER_ANSWER_MAX]),
        ),
    )
