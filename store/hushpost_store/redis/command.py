"""One command on its way to a server, and the answer's way back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from hushpost_store import errors
from hushpost_store.redis.address import Address
from hushpost_store.redis.resp import packed

# What a server answers: see the script or command that was asked.
Answer = object
OnAnswer = Callable[[Answer], None]
OnDurable = Callable[[bool], None]

# The slots of a cluster; a single server is one that owns them all.
SLOTS: Final = 16_384
# What names the life of a server, and what stands for it until a command is written to one.
LIFE_BYTES: Final = 8
ANY_LIFE: Final = bytes(LIFE_BYTES)


class ServerError(errors.StoreFault):
    """A server answered with an error: its first word, and nothing that may quote a value."""


class Unreadable(ServerError):
    """A script met a value of another type or form than it writes."""


class CommandRefused(ServerError):
    """A server refused a command for what it is, or is short of: it will do so again."""


class Redirected(ServerError):
    """The server cannot answer this now, or another one can: its word, and where to go."""

    def __init__(self, word: str, target: str = "") -> None:
        super().__init__(f"the server answered {word}")
        self.word = word
        self.target = target


class ConnectionLost(errors.StoreFault):
    """The connection ended before the answer: what was asked may have been done, or not."""


class Command:
    """What is asked of the server that owns `slot` (None: of whichever was addressed).

    `on_answer` is called exactly once, on the event loop, with the answer or with the StoreFault
    that took its place; `on_durable` after it, once, whether replicas have what was written (None
    where nobody asks).
    """

    __slots__ = (
        "ask",
        "is_answered",
        "is_sent",
        "is_submission",
        "on_answer",
        "on_durable",
        "ordinal",
        "packed",
        "redirected_at",
        "slot",
        "takes_life",
        "via",
    )

    def __init__(
        self,
        arguments: tuple[bytes | int, ...],
        slot: int | None,
        on_answer: OnAnswer,
        *,
        on_durable: OnDurable | None = None,
        ask: Address | None = None,
        takes_life: bool = False,
        is_submission: bool = False,
    ) -> None:
        self.packed: Final = packed(arguments)
        self.slot: Final = slot
        self.takes_life: Final = takes_life
        """Whether its last argument is a place for the life of the server that it goes to."""
        self.is_submission: Final = is_submission
        """Whether it queues an envelope: it may not overtake one that failed."""
        self.on_answer = on_answer
        self.on_durable: Final = on_durable
        self.via: Callable[[Command, Answer], None] | None = None
        """Who is given the answer first, and hands it on or asks again."""
        self.ask = ask
        """Where the one next try goes, with ASKING before it: a server said so (ASK)."""
        self.ordinal = 0
        """The place in the order in which commands were given."""
        self.is_sent = False
        """Whether it is on its way to the server that is taken for the owner of its slot."""
        self.is_answered = False
        """Whether its own answer was its last: no server sent it elsewhere."""
        self.redirected_at = 0.0
        """When a server first sent it, or one that it waits behind, elsewhere; 0 if none did.
        Seconds of the monotonic clock."""

    def answer(self, answer: Answer) -> None:
        """Give it its answer."""
        if self.via is None:
            self.on_answer(answer)
        else:
            self.via(self, answer)

    @property
    def size(self) -> int:
        """How much waits for its answer."""
        return len(self.packed)


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
