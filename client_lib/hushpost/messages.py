"""An outgoing message as the app sees it: its state, and how to wait for one (content.md, 7)."""

import asyncio
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from hushpost.errors import HushpostError, MisuseError


class MessageState(StrEnum):
    """How far an outgoing message came.

    ::

        waiting -> sealed -> accepted -> delivered -> read
           |          |          |
           |          +-> refused
           +----------+----------+-> unconfirmed
    """

    WAITING = "waiting"
    SEALED = "sealed"
    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    READ = "read"
    REFUSED = "refused"
    UNCONFIRMED = "unconfirmed"


FAILED: Final = frozenset({MessageState.REFUSED, MessageState.UNCONFIRMED})
_RANK: Final = {
    MessageState.WAITING: 0,
    MessageState.SEALED: 1,
    MessageState.ACCEPTED: 2,
    MessageState.DELIVERED: 3,
    MessageState.READ: 4,
}


class MessageNotDelivered(HushpostError):
    """The message failed. `Client.send_again(message)` tries once more; it is never shown twice."""


def has_reached(state: MessageState, wanted: MessageState) -> bool:
    """Say whether a message in ``state`` came as far as ``wanted``."""
    if state in FAILED or wanted in FAILED:
        return state is wanted
    return _RANK[state] >= _RANK[wanted]


@dataclass(slots=True, eq=False, weakref_slot=True)
class Message:
    """A message that was handed to `Client.send`; ``state`` moves while the client runs.

    ``message_id`` is the hexadecimal inner id; the reader's app sees the same one.
    """

    message_id: str
    contact_address: str
    state: MessageState
    _changed: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    _ended: bool = field(default=False, repr=False)

    async def reached(self, state: MessageState | str, *, timeout: float | None = None) -> None:  # noqa: ASYNC109  what an app writes every time
        """Wait until the message came as far as ``state``, e.g. ``"delivered"``.

        Raises `MessageNotDelivered` when it failed instead, and `TimeoutError` after ``timeout``
        seconds; the message is then still on its way.
        """
        try:
            wanted = MessageState(state)
        except ValueError:
            states = ", ".join(MessageState)
            raise MisuseError(f"there is no state {state!r}; the states are: {states}") from None
        async with asyncio.timeout(timeout):
            while not has_reached(self.state, wanted):
                if self.state in FAILED:
                    raise MessageNotDelivered(
                        f"the message is {self.state}; client.send_again(message) tries once more"
                    )
                if self._ended:
                    raise MisuseError(
                        "the client was closed; open it again and ask client.message(message_id)"
                    )
                await self._changed.wait()

    def end(self) -> None:
        """Wake who waits, because no state will come any more."""
        self._ended = True
        self._changed.set()

    def move(self, state: MessageState) -> None:
        """Take on a state that the client committed, and wake who waits."""
        self.state = state
        self._changed.set()
        self._changed = asyncio.Event()
