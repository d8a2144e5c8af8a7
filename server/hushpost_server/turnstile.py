"""Lets those through a few at a time who would otherwise be served all at once.

A turn of the event loop serves every socket that has something to say before it comes round again:
two hundred handshakes, or a hundred peers with a window of envelopes each, make everybody wait for
as long as all of them take. So who asks for much is left unread until its turn comes, one after the
other and at a bounded rate, and whoever asks for little is served between.

Refuses to know: who they are, and what they want.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from hushpost_server.rate_limits import Rate, TokenBucket

# Half of what a message between people should wait at most behind any of it.
TURN_SECONDS: Final = 0.005


class Waiter(Protocol):
    """What is done to who comes too early, and what when its turn has come."""

    def __call__(self) -> None:
        """Do it."""


class Turnstile:
    """`pass_or_wait` whoever comes; who waits goes on when its turn has come.

    A rate of 0 lets everybody pass; while `is_open` says no, nobody passes. `call_later` is the
    event loop's; nothing runs while nobody waits.
    """

    __slots__ = (
        "_bucket",
        "_call_later",
        "_is_open",
        "_now",
        "_running",
        "_waiting",
        "waiting_max",
    )

    def __init__(
        self,
        rate: Rate,
        *,
        waiting_max: int,
        now: Callable[[], float],
        call_later: Callable[[float, Callable[[], None]], object],
        is_open: Callable[[], bool] = lambda: True,
    ) -> None:
        self._is_open = is_open
        self._bucket = TokenBucket(rate, now())
        self._now = now
        self._call_later = call_later
        self._waiting: deque[Waiter] = deque()
        self._running = False
        self.waiting_max = waiting_max

    def __len__(self) -> int:
        return len(self._waiting)

    def pass_or_wait(self, wait: Waiter, go_on: Waiter) -> bool:
        """Let it pass, or call `wait` now and `go_on` in its turn; False when too many wait."""
        if not self._waiting and self._is_open() and self._bucket.take(1, self._now()):
            return True
        if len(self._waiting) >= self.waiting_max:
            return False
        wait()
        self._waiting.append(go_on)
        if not self._running:
            self._running = True
            self._call_later(TURN_SECONDS, self._turn)
        return True

    async def come(self) -> bool:
        """Return when it may pass; False, at once, when too many wait."""
        turn = asyncio.Event()
        turn.set()
        if not self.pass_or_wait(turn.clear, turn.set):
            return False
        await turn.wait()
        return True

    def _turn(self) -> None:
        if self._is_open():
            for _ in range(self._bucket.take(len(self._waiting), self._now())):
                self._waiting.popleft()()
        self._running = bool(self._waiting)
        if self._running:
            self._call_later(TURN_SECONDS, self._turn)
