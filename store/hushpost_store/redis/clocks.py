"""Whether this machine and the servers agree on the time (docs/spec/store.md, "Clocks")."""

from __future__ import annotations

from collections.abc import Callable

from hushpost_store import errors
from hushpost_store.redis import answers
from hushpost_store.redis.shards import Shards


class ClocksApart(errors.StoreFault):
    """The clock of this machine, or of a server, is wrong; the message says how far and whose."""


async def refuse_wrong_clock(
    shards: Shards, clock: Callable[[], float], seconds_max: float
) -> None:
    """Compare `clock` with that of every primary. Raises ClocksApart, StoreFault."""
    for address in shards.primaries:
        before = clock()
        seconds, _ = answers.items(await shards.ask_server(address, b"TIME"))
        there = int(answers.blob(seconds))
        # It was some time while the question was under way, and is told in whole seconds.
        apart = max(before - there - 1, there - clock(), 0.0)
        if apart > seconds_max:
            raise ClocksApart(
                f"the clocks of this machine and of Redis at {address.host}:{address.port} are"
                f" {apart:.0f} seconds apart, and more than {seconds_max:.0f} would delete mail"
                " early: have both keep time by NTP"
            )
