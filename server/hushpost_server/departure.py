"""When each client of a relay that stops is sent away (docs/spec/wire.md, section 8, "Leaving").

All at once, they would all come to the other relays at once. Here each is dealt into a wave by
chance, one every tenth of a second, all of one size, and each wave leaves at a random moment of its
tenth. Chance also parts what belongs together: a device and its anonymous connections leave in
waves that have nothing to do with each other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

# Small against the second or two over which each client that was sent away spreads itself.
WAVE_SECONDS: Final = 0.1
# Logins that no relay feels: a few clients need not be stretched over the whole time.
LEAVING_PER_SECOND_MIN: Final = 20.0

Client = TypeVar("Client")


@dataclass(frozen=True, slots=True)
class Wave(Generic[Client]):
    """Who leaves together, so many seconds after the departure began."""

    after: float
    clients: tuple[Client, ...]


def waves(
    clients: Sequence[Client], seconds_max: float, random: Callable[[int], bytes]
) -> list[Wave[Client]]:
    """Deal the clients over at most `seconds_max`, the first waves first; 0: one wave, now."""
    seconds = min(seconds_max, len(clients) / LEAVING_PER_SECOND_MIN)
    count = max(1, math.floor(seconds / WAVE_SECONDS))
    shuffled = sorted(clients, key=lambda _: random(8))
    return [
        Wave(
            (number + _fraction(random)) * WAVE_SECONDS if seconds_max else 0.0,
            tuple(shuffled[number::count]),
        )
        for number in range(count)
        if shuffled[number::count]
    ]


def _fraction(random: Callable[[int], bytes]) -> float:
    return int.from_bytes(random(4)) / (1 << 32)
