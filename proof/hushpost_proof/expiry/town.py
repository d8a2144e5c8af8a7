"""A relay with a disk, people with apps, and a calendar: mail waits, expires, is asked for."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from hushpost.engine.desk import Desk
from hushpost.engine.ledger import Table
from hushpost_server.configuration import Configuration
from hushpost_server.relay import RelayServer

from hushpost_proof.expiry.calendar import DAY, Calendar
from hushpost_proof.expiry.reader import Reader, befriend, inside

# A minute or two after its cause a question is asked; a gap is waited for a minute before.
_STEPS_TO_ASK = 4
_STEP_SECONDS = 61.0


class Town:
    """Everybody of one experiment. Made by `founded`."""

    def __init__(self, folder: Path, relay: RelayServer, calendar: Calendar) -> None:
        self.relay = relay
        self.calendar = calendar
        self.people: list[Reader] = []
        self._folder = folder
        self._away: set[Reader] = set()

    async def settle(self, *names: str) -> list[Reader]:
        """Have people arrive, one after the other."""
        fresh = [
            await Reader.arrive(self._folder, name, self.relay.url, self.calendar) for name in names
        ]
        self.people += fresh
        return fresh

    async def friends_of(self, owner: Reader, *names: str) -> list[Reader]:
        """Have people arrive who are contacts of somebody."""
        fresh = await self.settle(*names)
        for friend in fresh:
            await befriend(friend, owner)
        await self.rest()
        return fresh

    async def leave(self, person: Reader) -> None:
        """Close somebody's client, with nothing left to say."""
        await self.rest()
        await self.leave_at_once(person)

    async def leave_at_once(self, person: Reader) -> None:
        """Close somebody's client, whatever it still owes."""
        await person.leave()
        self._away.add(person)

    async def come_back(self, person: Reader) -> None:
        """Open somebody's client again."""
        await person.come_back()
        self._away.discard(person)
        await person.client.online()

    async def rest(self) -> None:
        """Let receipts become due and arrive."""
        for _ in range(2):
            self.calendar.turn(6)
            await self._stir()

    async def pass_days(self, days: float) -> None:
        """Let days pass, and the relay sweep."""
        self.calendar.turn(days * DAY)
        await self.relay.sweep()
        await self._stir()

    async def pass_minutes(self) -> None:
        """Let the minutes pass in which questions are asked and answered."""
        for _ in range(_STEPS_TO_ASK):
            self.calendar.turn(_STEP_SECONDS)
            await self._stir()
        await self.rest()

    async def close(self) -> None:
        """Close all clients."""
        for person in self.people:
            if person not in self._away:
                await person.leave()

    async def _stir(self) -> None:
        present = [person for person in self.people if person not in self._away]
        for person in present:
            await person.stir()
        # Posted by one, delivered to another, answered by it: two rounds of what has to go out.
        for _ in range(2):
            await asyncio.gather(*(_posted(person) for person in present))
            await asyncio.sleep(0.02)


async def _posted(person: Reader) -> None:
    """Wait until a client has nothing to post or to ask of a relay."""
    await person.sees(lambda: inside(person.client).steps.look(_nothing_to_post))


def _nothing_to_post(desk: Desk) -> bool:
    return not desk.ledger.count(Table.OUTBOX) and not desk.ledger.count(Table.TASKS)


@asynccontextmanager
async def founded(folder: Path) -> AsyncGenerator[Town]:
    """Start a relay that keeps its mail on the disk, and found a town around it."""
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - before anything runs
    calendar = Calendar()
    values: dict[str, object] = {
        "listen_port": 0,
        "store": "sqlite",
        "data_folder": folder / "relay",
        "metrics": False,
        # A whole town comes from one address within seconds, and half of it knocks at one door.
        "accounts_per_second": 0,
        "prefix_accounts_per_hour": 0,
        "account_takes_per_hour": 0,
        "prefix_takes_per_minute": 0,
        "knocks_per_day": 1_000,
        "drop_envelopes_max": 5_000,
    }
    configuration = Configuration.model_validate(values)
    async with RelayServer(configuration, clock=calendar) as relay:
        town = Town(folder, relay, calendar)
        try:
            yield town
        finally:
            await town.close()
