"""A device that moves from one relay to another, while the one that it left hears nothing of it.

The old connection stays open and goes on acknowledging, as no honest client does: what the relay
that was left still delivers on it, or deletes for it, is what the login epoch must prevent.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from hushpost_wire.account_records import NO_PREVIOUS
from hushpost_wire.frames import Accepted, Deliver
from websockets.exceptions import ConnectionClosed

from hushpost_proof.harness.device import TestDevice, Wire, dial, envelope_for

# Delivered before the move and not acknowledged; then posted at each relay after it.
BEFORE: Final = 3
AFTER: Final = 2
# A mailbox that gives nothing more for so long gives nothing more: what is missing was deleted.
QUIET_SECONDS_MAX: Final = 15.0
# Long enough for what the old relay still pushes; shorter than its look at the mailbox.
LINGERS_SECONDS: Final = 0.3


@dataclass(frozen=True, slots=True)
class Moves:
    """What came of some moves: envelopes that the relay left behind still delivered or deleted."""

    times: int
    envelopes: int
    delivered_by_old: int
    deleted_by_old: int

    @property
    def is_fenced(self) -> bool:
        """Whether the moves were made and the old relay did nothing any more."""
        return self.envelopes > 0 and not (self.delivered_by_old or self.deleted_by_old)

    def told(self) -> str:
        """Return the figures in a sentence."""
        return (
            f"{self.envelopes} envelopes; by the relay that was left {self.delivered_by_old}"
            f" delivered after the move and {self.deleted_by_old} deleted"
        )


async def move(
    old_url: str, new_url: str, times: int, *, quiet_seconds: float = QUIET_SECONDS_MAX
) -> Moves:
    """Move a new device so many times; both relays must be deaf to each other's hints.

    In turn the old connection acknowledges at once, and after mail was posted at the relay it left,
    which tells that relay of the move: what fences the one must not be taken for the other.
    """
    found = [
        await _move(old_url, new_url, quiet_seconds, is_early=not number % 2)
        for number in range(times)
    ]
    return Moves(
        times,
        times * (BEFORE + 2 * AFTER),
        sum(delivered for delivered, _ in found),
        sum(deleted for _, deleted in found),
    )


async def _move(
    old_url: str, new_url: str, quiet_seconds: float, *, is_early: bool
) -> tuple[int, int]:
    device = TestDevice(old_url)
    device.lists = [device.make_list(1, NO_PREVIOUS, day=int(time.time() // 86_400))]
    async with device.inbox(create=True) as old:
        secret = await device.open_drop(old)
        await _post(old_url, device, secret, BEFORE)
        first = [await old.wait_for(Deliver) for _ in range(BEFORE)]
        device.url = new_url
        async with device.inbox() as new:
            if is_early:
                await _acknowledge(old, first)
            for url in (old_url, new_url):
                await _post(url, device, secret, AFTER)
            if not is_early:
                await _acknowledge(old, first)
            late = await _lingering(old)
            await _arrive(new, BEFORE + 2 * AFTER, quiet_seconds)
    # Nothing was acknowledged by the login that counts: all of it must still be there.
    async with device.inbox() as again:
        kept = await _arrive(again, BEFORE + 2 * AFTER, quiet_seconds)
        await again.acknowledge(*kept)
    return late, BEFORE + 2 * AFTER - len(kept)


async def _post(url: str, device: TestDevice, secret: bytes, count: int) -> None:
    async with dial(url, "/v1/post") as post:
        for _ in range(count):
            told = await post.submit(envelope_for(device.route, secret, now=time.time()))
            assert isinstance(told, Accepted), told


async def _acknowledge(old: Wire, deliveries: Sequence[Deliver]) -> None:
    with suppress(ConnectionClosed):
        await old.acknowledge(*deliveries)


async def _lingering(old: Wire) -> int:
    with suppress(TimeoutError, ConnectionClosed):
        async with asyncio.timeout(LINGERS_SECONDS):
            while True:
                old.kept.append(await old.receive())
    return sum(isinstance(message, Deliver) for message in old.kept)


async def _arrive(wire: Wire, count: int, quiet_seconds: float) -> list[Deliver]:
    """Wait for so many deliveries; fewer where no more come, or the relay ends the login."""
    came: list[Deliver] = []
    with suppress(TimeoutError, ConnectionClosed):
        while len(came) < count:
            async with asyncio.timeout(quiet_seconds):
                came.append(await wire.wait_for(Deliver))
    return came
