"""Whether this machine and the servers agree on the time (docs/spec/store.md, "Clocks")."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from hushpost_store import errors
from hushpost_store.redis import answers
from hushpost_store.redis.address import Address
from hushpost_store.redis.shards import Shards


class ClocksApart(errors.StoreFault):
    """The clock of this machine, or of a server, is wrong; the message says how far and whose."""


async def refuse_wrong_clock(
    shards: Shards, clock: Callable[[], float], seconds_max: float
) -> None:
    """Compare `clock` with that of every primary. Raises ClocksApart, StoreFault.

    ClocksApart also where another server does not answer.
    """
    compared = (_compare(shards, address, clock, seconds_max) for address in shards.primaries)
    faults = [fault for fault in await asyncio.gather(*compared) if fault is not None]
    for fault in sorted(faults, key=lambda fault: not isinstance(fault, ClocksApart)):
        raise fault


async def _compare(
    shards: Shards, address: Address, clock: Callable[[], float], seconds_max: float
) -> errors.StoreFault | None:
    before = clock()
    try:
        seconds, _ = answers.items(await shards.ask_server(address, b"TIME"))
    except errors.StoreFault as fault:
        return fault
    there = int(answers.blob(seconds))
    # It was some time while the question was under way, and is told in whole seconds.
    apart = max(before - there - 1, there - clock(), 0.0)
    if apart <= seconds_max:
        return None
    return ClocksApart(
        f"the clocks of this machine and of Redis at {address.host}:{address.port} are"
        f" {apart:.0f} seconds apart, and more than {seconds_max:.0f} would delete mail"
        " early: have both keep time by NTP"
    )
