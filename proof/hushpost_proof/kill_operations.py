"""The relay killed at named points outside of conversation: starting, administering, coming, going.

Each scene is played once undisturbed, to see which points it passes; then once for each of them, on
a fresh folder, with the relay told to die there. Afterwards the scene's own judge decides: what was
begun is either as if it had not been, or whole, and can be done again.
"""

# ruff: noqa: ASYNC240 - nothing else runs on these loops

import asyncio
import os
import random
import shutil
import sqlite3
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from hushpost import Client
from hushpost.contacts import ContactStage
from hushpost.errors import HushpostError
from hushpost.events import MessagesExpired
from hushpost_server.identity import RelayIdentity, load_identity

from hushpost_proof.harness.lives import Nursery, nursery
from hushpost_proof.harness.mortality import DOOM_VARIABLE, PASSES_VARIABLE
from hushpost_proof.harness.person import hurry
from hushpost_proof.harness.relay_process import RelayProcess
from hushpost_proof.harness.steady import Steady
from hushpost_proof.harness.waiting import until
from hushpost_proof.harness.wrong_clock import CLOCK_VARIABLE, set_clock
from hushpost_proof.kill_named import RELAY_PROGRAM
from hushpost_proof.kill_plans import operation_points

_Result = TypeVar("_Result")

# Past the life of every letter, and past the month of a device list.
LATER_SECONDS: Final = 31 * 86_400
# A scene takes some seconds on an idle machine.
SCENE_SECONDS_MAX: Final = 240.0
LETTERS: Final = 12
_KEY: Final = bytes(range(32))
_DATABASE: Final = "relay.db"


class Unwell(Exception):
    """What a scene's judge found wrong."""


def expect(holds: bool, otherwise: str) -> None:
    """Raise `Unwell` unless something holds."""
    if not holds:
        raise Unwell(otherwise)


@dataclass(slots=True)
class Stage:
    """One relay in a folder of its own, its operator, and how it is to die: once."""

    folder: Path
    begin: Nursery
    doom: str
    relay: RelayProcess
    died: bool = False
    _watching: asyncio.Task[None] | None = None
    _starting: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def data(self) -> Path:
        """The relay's data folder."""
        return self.folder / "relay"

    async def start(self) -> None:
        """Start the relay to die, and again without, whenever it does; return when it listens."""
        await self._watch_start()
        self._watching = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """Stop the relay as an operator does."""
        if self._watching is not None:
            async with self._starting:
                self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
            self._watching = None
        await self.relay.stop()

    async def operate(self, *command: str, dies: bool = True) -> int:
        """Run one of the operator's commands; -9 if it died."""
        with (self.folder / "operator.log").open("ab") as log:
            life = await self.begin(
                RELAY_PROGRAM,
                [*command, "--data-folder", str(self.data)],
                folder=self.folder,
                environment={**os.environ, **(self.environment() if dies else {})},
                errors=log,
            )
        status = await life.wait()
        self.died = self.died or status == -9
        return status

    def environment(self) -> dict[str, str]:
        """Give the next life its doom, unless one has died already."""
        doom = "" if self.died else f"{self.doom}|1"
        return {DOOM_VARIABLE: doom, PASSES_VARIABLE: str(self.folder / "passes")}

    async def _watch_start(self) -> None:
        while True:
            life = await self.relay.begin(self.environment())
            assert life.stdout is not None
            line = await life.stdout.readline()
            if line:
                return
            expect(await self.relay.died() == -9, "the relay did not start")
            self.died = True

    async def _watch(self) -> None:
        while await self.relay.died() == -9:
            self.died = True
            async with self._starting:
                await self._watch_start()
        raise Unwell("the relay ended by itself")


Scene = Callable[[Stage], Awaitable[None]]


# -- starting and administering ------------------------------------------------------------------


async def first_start(stage: Stage) -> None:
    """Start in an empty folder: a relay that died over it starts, and stays the same relay."""
    await stage.start()
    first = _identity(stage)
    await stage.stop()
    await stage.start()
    expect(_identity(stage) == first, "another identity after the second start")
    await stage.stop()


async def rotate(stage: Stage) -> None:
    """Rotate the identity: it is the old one or its successor, never none; again works."""
    await _lay_out(stage)
    before = _identity(stage)
    await stage.operate("identity", "rotate")
    expect(_identity(stage).follows(before.public_key), "clients would not follow the identity")
    expect(await stage.operate("identity", "rotate", dies=False) == 0, "it cannot be rotated again")
    await stage.start()
    await stage.stop()


async def back_up(stage: Stage) -> None:
    """Back up: what was cut off is no backup, or a whole one; another one can be made."""
    accounts = await _inhabited(stage)
    await stage.operate("backup", str(stage.folder / "first"))
    expect(
        await stage.operate("backup", str(stage.folder / "second"), dies=False) == 0, "no second"
    )
    shutil.move(stage.data, stage.folder / "lost")
    if await stage.operate("restore", str(stage.folder / "first"), dies=False) != 0:
        expect(stage.died, "a whole backup was refused")
        restored = await stage.operate("restore", str(stage.folder / "second"), dies=False)
        expect(restored == 0, "the second backup cannot be restored")
    expect(_accounts(stage.data) == accounts, "the backup lost an account")
    await stage.start()
    await stage.stop()


async def restore(stage: Stage) -> None:
    """Restore: what was cut off can be done again, and ends with the relay as it was."""
    accounts = await _inhabited(stage)
    identity = _identity(stage)
    expect(await stage.operate("backup", str(stage.folder / "made"), dies=False) == 0, "no backup")
    lost = stage.folder / "lost"
    shutil.move(stage.data, lost)
    if await stage.operate("restore", str(stage.folder / "made")) != 0:
        again = await stage.operate("restore", str(stage.folder / "made"), dies=False)
        whole = (stage.data / _DATABASE).exists() and (stage.data / "identity.json").exists()
        expect(again == 0 or whole, "the restore cannot be done again, and is not whole")
    expect(_accounts(stage.data) == accounts, "the restore lost an account")
    expect(_identity(stage) == identity, "the restore brought another identity")
    await stage.start()
    await stage.stop()
    # Nothing written since may reach what was moved away: two names could be one file.
    expect(not list(stage.data.glob("*.part")), "a piece of the restore lies beside the database")


# -- people come and go --------------------------------------------------------------------------


async def come_and_go(stage: Stage) -> None:
    """Make, invite, block and delete while the relay dies: nothing is left of the guest."""
    await stage.start()
    host = await _client(stage, "host")
    steady = Steady(host, None)
    receiving = asyncio.create_task(steady.receive())
    async with host:
        guest = await _client(stage, "guest")
        await _again(guest.create_invitation)
        contact = await _again(lambda: guest.add_contact(host.address))
        await guest.send(contact, "a guest asks")
        await until(
            lambda: [one.stage for one in guest.contacts()] == [ContactStage.OPEN],
            SCENE_SECONDS_MAX,
        )
        await guest.block(contact)
        expect(await guest.settled(timeout=SCENE_SECONDS_MAX), "the guest's drops are not revoked")
        while (stage.folder / "guest").exists():
            try:
                await guest.delete_account()
            except HushpostError:
                await asyncio.sleep(0.1)
                guest = await Client.open(stage.folder / "guest", key=_KEY)
        receiving.cancel()
        await asyncio.gather(receiving, return_exceptions=True)
    await stage.stop()
    expect(_accounts(stage.data) == 1, "the guest's account is not gone")
    expect(_count(stage.data, "mailbox") == 1, "the guest's mailbox is not gone")
    expect(_count(stage.data, "device") == 1, "the guest's device is not gone")


async def expire(stage: Stage) -> None:
    """Expire mail while the relay dies: it is counted once, and its owner hears how many."""
    await stage.start()
    host = await _client(stage, "host")
    receiving = asyncio.create_task(Steady(host, None).receive())
    guest = await _client(stage, "guest")
    contact = await _again(lambda: guest.add_contact(host.address))
    await guest.send(contact, "a guest asks")
    await until(
        lambda: [one.stage for one in guest.contacts()] == [ContactStage.OPEN], SCENE_SECONDS_MAX
    )
    for client in (guest, host):
        expect(await client.settled(timeout=SCENE_SECONDS_MAX), "what was said does not settle")
    await guest.close()
    (friend,) = host.contacts()
    for number in range(LETTERS):
        await host.send(friend, f"letter {number}")
    expect(await host.settled(timeout=SCENE_SECONDS_MAX), "the letters are not accepted")
    receiving.cancel()
    await asyncio.gather(receiving, return_exceptions=True)
    await host.close()
    waiting = _envelopes(stage.data)
    set_clock(stage.folder / "clock", LATER_SECONDS)
    await until(lambda: _envelopes(stage.data) == 0, SCENE_SECONDS_MAX)
    told = 0
    # A month later their device lists are issued anew, too.
    later = partial(_later, time.time)
    async with await Client.open(stage.folder / "guest", key=_KEY, clock=later) as guest:
        async with asyncio.timeout(SCENE_SECONDS_MAX):
            async for event in guest.events():
                told += event.count if isinstance(event, MessagesExpired) else 0
                if told >= waiting:
                    break
        expect(await guest.settled(timeout=SCENE_SECONDS_MAX), "the month's upkeep does not end")
    await stage.stop()
    expect(told == waiting, f"{waiting} envelopes expired, and the owner heard of {told}")


SCENES: Final[dict[str, Scene]] = {
    "first start": first_start,
    "rotation": rotate,
    "backup": back_up,
    "restore": restore,
    "coming and going": come_and_go,
    "expiry": expire,
}


# -- playing ---------------------------------------------------------------------------------------


@dataclass(slots=True)
class Operations:
    """What playing the scenes showed."""

    killed: list[str] = field(default_factory=list[str])
    missed: list[str] = field(default_factory=list[str])
    found: list[str] = field(default_factory=list[str])
    never_passed: list[str] = field(default_factory=list[str])


async def run(folder: Path, *, seed: int, kills_max: int) -> Operations:
    """Play every scene undisturbed, then again for points drawn from the seed, at most so many."""
    hurry()
    outcome = Operations()
    async with nursery() as begin:
        passes = {name: await _passes(name, folder, begin, outcome) for name in SCENES}
        wanted = operation_points()
        outcome.never_passed = [one for one in wanted if not any(one in p for p in passes.values())]
        parts = [(name, one) for one in wanted for name in SCENES if one in passes[name]]
        # One scene for each point, the first that passes it, comes before the others.
        firsts = {one: (name, one) for name, one in reversed(parts)}
        rest = [part for part in parts if part not in firsts.values()]
        chosen = [*firsts.values()]
        chance = random.Random(seed)
        chance.shuffle(chosen)
        chance.shuffle(rest)
        for number, (name, point) in enumerate([*chosen, *rest][:kills_max]):
            await _play(name, point, folder / f"{number}", begin, outcome)
    return outcome


async def _passes(name: str, folder: Path, begin: Nursery, outcome: Operations) -> set[str]:
    place = folder / f"undisturbed {name}"
    await _play(name, "", place, begin, outcome)
    passes = place / "passes"
    return set(passes.read_text().splitlines()) if passes.exists() else set()


async def _play(name: str, point: str, folder: Path, begin: Nursery, outcome: Operations) -> None:
    folder.mkdir()
    set_clock(folder / "clock", 0)
    relay = RelayProcess(
        folder,
        environment={
            "HUSHPOST_RELAY_SWEEP_INTERVAL_SECONDS": "1",
            CLOCK_VARIABLE: str(folder / "clock"),
        },
        program=RELAY_PROGRAM,
        begin=begin,
    )
    stage = Stage(folder, begin, point, relay)
    try:
        async with asyncio.timeout(SCENE_SECONDS_MAX):
            await SCENES[name](stage)
    except (Unwell, TimeoutError, HushpostError, sqlite3.Error) as error:
        outcome.found.append(f"{name}, killed at {point!r}: {type(error).__name__}: {error}")
    finally:
        await stage.stop()
    if point:
        (outcome.killed if stage.died else outcome.missed).append(point)


async def _lay_out(stage: Stage) -> None:
    """Have the data folder made by a relay that nothing disturbs."""
    await stage.relay.start()
    await stage.relay.stop()


async def _inhabited(stage: Stage) -> int:
    await stage.relay.start()
    for name in ("host", "guest"):
        await (await _client(stage, name)).close()
    await stage.relay.stop()
    return _accounts(stage.data)


async def _client(stage: Stage, name: str) -> Client:
    path = stage.folder / name
    return await _again(lambda: Client.create(path, relay=stage.relay.url, key=_KEY))


async def _again(ask: Callable[[], Awaitable[_Result]]) -> _Result:
    """Ask until the relay lives long enough to answer."""
    while True:
        try:
            return await ask()
        except HushpostError:
            await asyncio.sleep(0.1)


def _identity(stage: Stage) -> RelayIdentity:
    identity = load_identity(stage.data)
    if identity is None:
        raise Unwell("the relay has no identity")
    return identity


def _later(clock: Callable[[], float]) -> float:
    return clock() + LATER_SECONDS


def _accounts(data: Path) -> int:
    return _count(data, "account")


def _count(data: Path, table: str) -> int:
    with closing(sqlite3.connect(f"file:{data / _DATABASE}?mode=ro", uri=True)) as connection:
        (count,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(count)


def _envelopes(data: Path) -> int:
    with closing(sqlite3.connect(f"file:{data / _DATABASE}?mode=ro", uri=True)) as connection:
        names = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB 'envelope_*'"
        ).fetchall()
        return sum(
            connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for (name,) in names
        )
