"""Whether a store on other machines is there, and still this relay's, though nobody uses it.

A relay whose people are silent would learn that its Redis is away from the first message alone.
Asked every two seconds; red after two failures in a row and green after as many good answers, so
that one lost connection, which is made again at once, does not turn health to and fro.
"""

from __future__ import annotations

from typing import Final

from hushpost_store.errors import StoreError
from hushpost_store.interface import Shared
from hushpost_store.rows import ServiceMark

from hushpost_server.logging import EventLog

WATCH_SECONDS: Final = 2.0
# In a row, either way.
ANSWERS_TO_TURN: Final = 2

REPLACED: Final = (
    "the relays of this Redis have another identity or public_host by now: copy identity.json and"
    " public_host from one that was started since, and restart this one"
)


class StoreWatch:
    """The relay calls `look` every `WATCH_SECONDS`; `mark` None: as nobody in particular."""

    def __init__(self, store: Shared, mark: ServiceMark | None, log: EventLog) -> None:
        self._store = store
        self._mark = mark
        self._log = log
        self._streak = 0
        self._away = ""
        self._is_away = False
        self._is_replaced = False

    def problems(self) -> tuple[str, ...]:
        """Return what health says."""
        said = (self._away if self._is_away else "", REPLACED if self._is_replaced else "")
        return tuple(sentence for sentence in said if sentence)

    async def look(self) -> None:
        """Ask once; raises nothing that the store is known to raise."""
        try:
            await self._store.reach()
            await self._compare()
        except StoreError as error:
            self._away = str(error)
            self._note(error)
        else:
            self._note(None)

    async def _compare(self) -> None:
        if self._mark is None:
            return
        stands = await self._store.service()
        if stands is None:  # a failover lost it, or somebody emptied Redis
            stands = await self._store.claim_service(self._mark, instead_of=None)
        if stands != self._mark and not self._is_replaced:
            self._log.write("identity_replaced")
        self._is_replaced = stands != self._mark

    def _note(self, error: StoreError | None) -> None:
        if (error is not None) == self._is_away:
            self._streak = 0
            return
        self._streak += 1
        if self._streak < ANSWERS_TO_TURN:
            return
        self._streak = 0
        self._is_away = error is not None
        if error is None:
            self._log.write("store_back")
        else:
            self._log.write("store_away", error=error)
