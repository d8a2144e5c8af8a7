"""A person of the wire who lives with several relays: each connection goes to any of them.

What the person writes and reads stays what `WirePerson` says. A connection lasts a random time, so
logins move from relay to relay while mail is under way.
"""

import asyncio
import random
from collections.abc import Sequence
from typing import Final

from hushpost_wire.frames import Accepted, Refused

from hushpost_proof.harness.journal import Journal, What
from hushpost_proof.harness.wire_person import (
    TRANSIENT,
    Link,
    LoginFailed,
    WirePerson,
)

# How long a connection stays with one relay, at random: many moves in a run of some seconds.
STAY_SECONDS: Final = (0.8, 4.0)
# For who does not move: longer than any run.
STAYS: Final = (3600.0, 3600.0)


class RovingPerson(WirePerson):
    """One end of a pair. `urls` may change while it lives, and so may `stay_seconds`.

    `refused` counts envelopes that a relay refused for good: their drop was not there.
    """

    def __init__(
        self, name: str, urls: Sequence[str], journal: Journal, chance: random.Random
    ) -> None:
        super().__init__(name, urls[0], journal)
        self.urls = tuple(urls)
        self.stay_seconds = STAY_SECONDS
        self.refused = 0
        self.turned_away = 0
        self._chance = chance
        self._told_to_wait = 0.0

    def where(self) -> str:
        """Return any of the relays."""
        return self._chance.choice(self.urls)

    async def rest(self) -> None:
        """Wait as long as the relay asked that refused last (docs/spec/delivery.md, 3)."""
        seconds, self._told_to_wait = self._told_to_wait, 0.0
        await asyncio.sleep(seconds)
        await super().rest()

    async def listen(self) -> None:
        """Read the mailbox for ever, also where a relay says for a while that there is none."""
        while True:
            try:
                await super().listen()
            except LoginFailed:
                self.turned_away += 1
                await asyncio.sleep(0.2)

    async def _submit(self, link: Link) -> None:
        async with asyncio.timeout(self._chance.uniform(*self.stay_seconds)):
            await super()._submit(link)

    async def _take_deliveries(self, link: Link) -> None:
        async with asyncio.timeout(self._chance.uniform(*self.stay_seconds)):
            await super()._take_deliveries(link)

    async def _take_verdicts(self, link: Link) -> None:
        while True:
            for event in await link.receive():
                if isinstance(event, Refused):
                    if event.reason in TRANSIENT:
                        self._told_to_wait = float(event.retry_after)
                        raise EOFError
                    self._take_out((event.request,), What.REFUSED)
                    self.refused += 1
                else:
                    assert isinstance(event, Accepted), event
                    self._take_out(event.requests, What.ACCEPTED)
            self._more.set()

    def _take_out(self, requests: Sequence[int], what: What) -> None:
        for request in requests:
            letter = self.outbox.accepted(request)
            self.journal.write(what, message_id=letter.envelope_id.hex())
