"""One command on its way to a server, and the answer's way back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from hushpost_store import errors
from hushpost_store.redis.address import Address

# What a server answers: see the script or command that was asked.
Answer = object
OnAnswer = Callable[[Answer], None]

# The slots of a cluster; a single server is one that owns them all.
SLOTS: Final = 16_384


class ServerError(errors.StoreFault):
    """A server answered with an error: its first word, and nothing that may quote a value."""


class Redirected(ServerError):
    """The server cannot answer this now, or another one can: its word, and where to go."""

    def __init__(self, word: str, target: str = "") -> None:
        super().__init__(f"the server answered {word}")
        self.word = word
        self.target = target


class ConnectionLost(errors.StoreFault):
    """The connection ended before the answer: what was asked may have been done, or not."""


@dataclass(slots=True)
class Command:
    """What is asked of the server that owns `slot` (None: of whichever was addressed).

    `on_answer` is called exactly once, on the event loop, with the answer or with the StoreFault
    that took its place. `ordinal` is the place in the order in which commands were given.
    """

    arguments: tuple[bytes | int, ...]
    slot: int | None
    on_answer: OnAnswer
    ordinal: int = 0
    size: int = field(default=0)
    # Where the one next try goes, with ASKING before it: a server said so (ASK).
    ask: Address | None = None
    # Told after the answer, once, whether replicas have what was written; None where nobody asks.
    on_durable: Callable[[bool], None] | None = None
    # Set when its own answer was its last: no server sent it elsewhere.
    is_answered: bool = False
    # When a server first sent it elsewhere; 0 if none did. Seconds of the monotonic clock.
    redirected_at: float = 0.0

    def __post_init__(self) -> None:
        self.size = sum(len(part) if isinstance(part, bytes) else 8 for part in self.arguments)


def into(future: asyncio.Future[Answer]) -> OnAnswer:
    """Return what puts an answer into a future that may have been given up meanwhile."""

    def answered(answer: Answer) -> None:
        if future.done():
            return
        if isinstance(answer, errors.StoreFault):
            future.set_exception(answer)
        else:
            future.set_result(answer)

    return answered
