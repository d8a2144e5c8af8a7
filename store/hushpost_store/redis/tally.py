"""What all relays of a store share beside the mailboxes: its generation and its sums.

docs/spec/store.md, "Sweeping" and "Lost, or older than it was". Told and asked once a second by one
script, which writes only where there is something to tell.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Final

from hushpost_store import errors
from hushpost_store.redis import answers
from hushpost_store.redis.command import Answer
from hushpost_store.redis.figures import Figures, Sums
from hushpost_store.redis.keys import STORE_KEY
from hushpost_store.redis.shards import Shards

FORMAT: Final = b"1"
TELL_SECONDS: Final = 1.0
GENERATION_BYTES: Final = 16


class Tally:
    """Keeps `figures.known` and `generation` as they stand in the store.

    `on_renewed` is called when the generation is another one than before.
    """

    def __init__(self, shards: Shards, figures: Figures, on_renewed: Callable[[], None]) -> None:
        self._shards = shards
        self._figures = figures
        self._on_renewed = on_renewed
        self._sweeps = 0
        self._task: asyncio.Task[None] | None = None
        self.generation = b""
        self.is_counted = False
        """Whether somebody counted all that is there; before, the sums say nothing."""

    async def tell(self) -> None:
        """Add what this relay saw, and learn how it stands. Raises StoreNewer, StoreFault."""
        figures = self._figures
        sent, figures.unsaid = figures.unsaid, Sums()
        try:
            answer = await self._shards.run(
                "tally",
                (STORE_KEY,),
                FORMAT,
                secrets.token_bytes(GENERATION_BYTES),
                self._sweeps,
                sent.accounts,
                sent.envelopes,
                sent.envelope_bytes,
            )
        except errors.StoreFault:
            figures.unsaid.add(sent)
            raise
        form, generation, sweeps, *sums = answers.items(answer)
        if form != FORMAT:
            raise errors.StoreNewer("this Redis was written by a newer hushpost: upgrade")
        self._sweeps = max(self._sweeps, _figure(sweeps) or 0)
        told = [_figure(figure) for figure in sums]
        self.is_counted = None not in told
        figures.known = Sums(*(figure or 0 for figure in told))
        self._take(answers.blob(generation))

    async def renew(self) -> None:
        """Have owners settle what is theirs: something was forgotten. Raises StoreFault."""
        drawn = secrets.token_bytes(GENERATION_BYTES)
        answer = await self._shards.run("renew", (STORE_KEY,), self.generation, drawn)
        self._take(answers.blob(answer))

    @contextmanager
    def counting(self) -> Generator[None]:
        """Count all anew in this block, and end it with `counted`.

        What is still unsaid, since telling failed, is among what is counted: it is added to the
        sums only where the block fails.
        """
        kept, self._figures.unsaid = self._figures.unsaid, Sums()
        try:
            yield
        except BaseException:
            self._figures.unsaid.add(kept)
            raise

    async def counted(self, sums: Sums) -> None:
        """Put what a sweep has counted in place of the sums. Raises StoreFault."""
        answer = await self._shards.run(
            "swept", (STORE_KEY,), sums.accounts, sums.envelopes, sums.envelope_bytes
        )
        self._sweeps = max(self._sweeps, answers.number(answer))
        self.is_counted = True
        self._figures.known = sums

    def start(self) -> None:
        """Begin to tell."""
        self._task = asyncio.create_task(self._tell_again())

    async def stop(self) -> None:
        """Tell once more, if Redis is there, and end."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
            with suppress(errors.StoreFault):
                await self.tell()

    async def _tell_again(self) -> None:
        while True:
            await asyncio.sleep(TELL_SECONDS)
            # Told with the next; health learns from the mailboxes that Redis is away.
            with suppress(errors.StoreFault, ValueError):
                await self.tell()

    def _take(self, generation: bytes) -> None:
        before, self.generation = self.generation, generation
        if before and before != generation:
            self._on_renewed()


# No store counts as far: it is damage, which a relay must not learn and write again.
_FIGURE_MAX: Final = 10**15


def _figure(answer: Answer) -> int | None:
    """Read a sum; None where nobody counted it, or it is damaged: the next sweep puts it right."""
    try:
        figure = int(answers.blob(answer))
    except (errors.StoreFault, ValueError):
        return None
    return figure if abs(figure) < _FIGURE_MAX else None
