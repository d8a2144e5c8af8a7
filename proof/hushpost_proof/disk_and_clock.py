"""People and their relay while disks fill up or refuse writing, and clocks are set a day off.

Both disks are real small file systems; both kinds of clock are turned: the one that relay and
clients are given, and the system's. Every trouble ends, and the conversation goes on.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from hushpost_wire.frames import RefusalReason

from hushpost_proof.conversation import Scene, Setting, conversation
from hushpost_proof.harness.capture import count_refusals
from hushpost_proof.harness.defects import DEFECT_VARIABLE
from hushpost_proof.harness.impatience import IMPATIENT_VARIABLE, RELAY_SETTINGS
from hushpost_proof.harness.journal import What, read_histories
from hushpost_proof.harness.mortal_person import DISK_REFUSED
from hushpost_proof.harness.person import Place
from hushpost_proof.harness.small_disk import SmallDisk, small_disk
from hushpost_proof.harness.surroundings import Surroundings, build
from hushpost_proof.harness.waiting import until
from hushpost_proof.harness.wrong_clock import CLOCK_VARIABLE, set_clock
from hushpost_proof.kill import Outcome, each

DAY: Final = 86_400.0
SPELL_SECONDS: Final = 1.2
FAIR_SECONDS: Final = 1.0
# On a busy machine fair weather lasts until what was sent is accepted: what was sealed by a clock a
# day ahead and comes to a relay a day behind waits an hour (delivery.md, section 3).
FAIR_SECONDS_MAX: Final = 30.0
# What a relay needs and some envelopes: full within moments once the ballast lies there.
DISK_BYTES: Final = 24 << 20
RELAY, PEOPLE, LEFT = "relay", "people", "one of each pair"


@dataclass(frozen=True, slots=True)
class Stand:
    """All that can be turned while the conversation goes on."""

    scene: Scene
    relay_disk: SmallDisk
    people_disk: SmallDisk
    surroundings: Surroundings
    folder: Path

    def set_given_clock(self, who: str, seconds: float) -> None:
        """Turn the clock that the relay or the people are given."""
        set_clock(self.folder / f"clock-{who}", seconds)

    def set_system_clock(self, seconds: float) -> None:
        """Turn the system's clock for all of them."""
        set_clock(self.surroundings.clock, seconds)


@dataclass(frozen=True, slots=True)
class Trouble:
    """One fault: what brings it about and what ends it."""

    name: str
    begin: Callable[[Stand], None]
    end: Callable[[Stand], None]


def _full(disk: str) -> Trouble:
    def of(stand: Stand) -> SmallDisk:
        return stand.relay_disk if disk == RELAY else stand.people_disk

    return Trouble(f"disk of {disk} full", lambda s: of(s).fill(), lambda s: of(s).empty())


def _read_only(whose: str) -> Trouble:
    def turn(stand: Stand, *, is_read_only: bool) -> None:
        stand.surroundings.set_read_only(whose, is_read_only=is_read_only)

    return Trouble(
        f"disk of {whose} read-only",
        partial(turn, is_read_only=True),
        partial(turn, is_read_only=False),
    )


def _given_clock(who: str, seconds: float) -> Trouble:
    return Trouble(
        f"given clock of {who} {seconds / DAY:+.0f} d",
        lambda stand: stand.set_given_clock(who, seconds),
        lambda stand: stand.set_given_clock(who, 0),
    )


def _system_clock(seconds: float) -> Trouble:
    return Trouble(
        f"system clock {seconds / DAY:+.0f} d",
        lambda stand: stand.set_system_clock(seconds),
        lambda stand: stand.set_system_clock(0),
    )


DISK_TROUBLES: Final = (_full(RELAY), _full(PEOPLE), _read_only(RELAY), _read_only(PEOPLE))
# Each is a jump when it begins and one the other way when it ends.
CLOCK_TROUBLES: Final = (
    *(_given_clock(who, days * DAY) for who in (RELAY, LEFT) for days in (1, -1)),
    *(_system_clock(days * DAY) for days in (1, -1)),
)


@dataclass(frozen=True, slots=True)
class Troubled:
    """What the judges found, and how the troubles were felt: a trial that nobody felt is none."""

    outcome: Outcome
    refused_by_relay: int
    was_a_vault_refused: bool


async def run(
    troubles: tuple[Trouble, ...], folder: Path, *, seed: int, rounds: int = 1, defect: str = ""
) -> Troubled:
    """Let one trouble after another come and go, and return what the judges found.

    With a defect planted in the relay, one of each pair is away during the trouble: who is there
    gets mail at once, whatever the relay does with it.
    """
    async with _stand(folder, seed, defect) as stand:
        away = stand.scene.persons[1::2] if defect else []
        for _ in range(rounds):
            for trouble in troubles:
                await each(away, lambda one: one.kill())
                trouble.begin(stand)
                await asyncio.sleep(SPELL_SECONDS)
                trouble.end(stand)
                await each(away, lambda one: one.start())
                await asyncio.sleep(FAIR_SECONDS)
                if not defect:
                    await _accepted(stand.scene.place)
        outcome = await stand.scene.settle()
        place = stand.scene.place.folder
        return Troubled(
            outcome,
            count_refusals(place / "wire", RefusalReason.RETRY),
            (place / DISK_REFUSED).exists(),
        )


async def _accepted(place: Place) -> None:
    """Wait until all that was sent until now is accepted, for so long as fair weather may last."""
    sent = _claimed(place, What.SENT)
    with suppress(TimeoutError):
        await until(lambda: sent <= _claimed(place, What.ACCEPTED), FAIR_SECONDS_MAX)


def _claimed(place: Place, what: What) -> set[str]:
    lives = read_histories(place.history)
    return {event.message_id for life in lives for event in life.events if event.what is what}


@asynccontextmanager
async def _stand(folder: Path, seed: int, defect: str) -> AsyncGenerator[Stand]:
    files = folder / "told"
    files.mkdir()
    surroundings = build(files)
    with ExitStack() as stack:
        scene_folder = folder / "scene"
        scene_folder.mkdir()
        relay_disk = stack.enter_context(small_disk(scene_folder / "relay", DISK_BYTES))
        people_disk = stack.enter_context(small_disk(scene_folder / "vaults", DISK_BYTES))
        planted = {DEFECT_VARIABLE: defect} if defect else {}
        setting = Setting(
            seed,
            relay=RELAY_SETTINGS
            | surroundings.environment(RELAY, relay_disk.folder)
            | {"HUSHPOST_RELAY_SWEEP_INTERVAL_SECONDS": "1"}
            | {CLOCK_VARIABLE: str(folder / f"clock-{RELAY}")}
            | planted,
            people=surroundings.environment(PEOPLE, people_disk.folder) | {IMPATIENT_VARIABLE: "1"},
            left={CLOCK_VARIABLE: str(folder / f"clock-{LEFT}")},
            settle_seconds=15.0 if defect else 120.0,
            preload=surroundings.preload,
        )
        async with conversation(setting, scene_folder) as scene:
            yield Stand(scene, relay_disk, people_disk, surroundings, folder)
