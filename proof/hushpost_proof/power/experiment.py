"""The three recordings of power loss, their controls, and what each row of the table says."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hushpost_proof.claim import Effort, Row
from hushpost_proof.power.disk import Disk
from hushpost_proof.power.folder_scene import FolderScene, judge_folders, play_commands
from hushpost_proof.power.outage import Outage, Plan, cut_power
from hushpost_proof.power.recording import build_recorder
from hushpost_proof.power.relay_images import Inspector
from hushpost_proof.power.relay_promises import read_promises
from hushpost_proof.power.relay_scene import RelayScene, Scene
from hushpost_proof.power.vault_images import VaultInspector, read_client_promises
from hushpost_proof.power.vault_scene import VaultScene, play_client


@dataclass(frozen=True, slots=True)
class Measure:
    """How much is done: the length of the scenes, the time for each kind of image, in seconds."""

    runs: int
    steps: int
    texts: int
    seconds: float
    control_seconds: float
    plan: Plan


SHORT = Measure(1, 20, 3, 6.0, 40.0, Plan(6.0))
LONG = Measure(4, 60, 10, 120.0, 60.0, Plan(120.0, exhaustive_max=11, sample=60))


_RELAY_DEFECTS = ("store-synchronous-normal", "store-synchronous-off", "accepted-before-commit")


class PowerLoss:
    """One effort: scenes are played once, and serve claims and controls alike."""

    def __init__(self, effort: Effort) -> None:
        self._folder = effort.folder
        self._seed = effort.seed
        self._measure = LONG if effort.is_long else SHORT
        self._library = build_recorder(effort.folder)
        self._scenes = 0

    async def rows(self) -> Sequence[Row]:
        """Play, cut the power, and plant what must be found."""
        relay, folder, vault = Total(), Total(), Total()
        measure = self._measure
        scenes: list[tuple[Scene, VaultScene]] = []
        for run in range(measure.runs):
            scene = await self._relay_scene(run, "none", measure.steps)
            relay.add(await self._cut_relay(scene, run, measure.seconds))
            commands = await self._folder_scene(run, "none")
            folder.add(await self._cut_folders(commands, run, measure.seconds / 2))
            client = await self._vault_scene(run, "none")
            vault.add(await self._cut_vault(client, run, measure.seconds))
            scenes.append((scene, client))
        return (
            relay.row("power lost under the relay"),
            folder.row("power lost under rotation, backup, restore"),
            vault.row("power lost under a client's vault"),
            await self._controls(*scenes[0]),
        )

    async def _controls(self, relay: Scene, client: VaultScene) -> Row:
        """Plant each defect; one that is not found breaks the claim."""
        seconds = self._measure.control_seconds
        found: dict[str, Outage] = {}
        for defect in _RELAY_DEFECTS:
            scene = await self._relay_scene(0, defect, 10)
            found[defect] = await self._cut_relay(scene, 0, seconds)
        for ignored in ("files", "folders"):
            found[f"images ignore syncs of {ignored}"] = await self._cut_relay(
                relay, 0, seconds, ignored_syncs=ignored
            )
        commands = await self._folder_scene(0, "identity-folder-not-synced")
        found["identity-folder-not-synced"] = await self._cut_folders(commands, 0, seconds)
        weak = await self._vault_scene(0, "vault-synchronous-off")
        found["vault-synchronous-off"] = await self._cut_vault(weak, 0, seconds)
        found["vault images ignore all syncs"] = await self._cut_vault(
            client, 0, seconds, ignored_syncs="all"
        )
        missed = [name for name, outage in found.items() if not outage.complaints]
        figures = ", ".join(f"{name} at disk {outage.images}" for name, outage in found.items())
        return Row(
            "planted defects of durability",
            len(found),
            f"missed: {', '.join(missed)}" if missed else f"all found: {figures}",
            holds=not missed,
        )

    # -- scenes ----------------------------------------------------------------------------------

    async def _relay_scene(self, run: int, defect: str, steps: int) -> Scene:
        scene = RelayScene(self._place(), self._library, defect=defect)
        return await scene.play(self._chance("relay", run), steps)

    async def _vault_scene(self, run: int, defect: str) -> VaultScene:
        chance = self._chance("vault", run)
        texts = self._measure.texts
        return await play_client(self._place(), self._library, chance, texts, defect=defect)

    async def _folder_scene(self, run: int, defect: str) -> FolderScene:
        place = self._place()
        await RelayScene(place / "before", self._library).play(self._chance("folder", run), 4)
        data_folder = place / "before" / "disk" / "relay"
        return await play_commands(place, self._library, data_folder, defect=defect)

    def _place(self) -> Path:
        self._scenes += 1
        place = self._folder / f"scene-{self._scenes}"
        place.mkdir()
        return place

    def _chance(self, what: str, run: int) -> random.Random:
        return random.Random(f"{self._seed} {what} {run}")

    # -- cutting ---------------------------------------------------------------------------------

    async def _cut_relay(
        self, scene: Scene, run: int, seconds: float, *, ignored_syncs: str = ""
    ) -> Outage:
        promises = read_promises(scene.tape)
        inspector = Inspector(promises, scene.drop_secrets)
        disk = Disk(scene.tape, ignored_syncs=ignored_syncs)

        async def judge(image: Path, position: int, is_least: bool) -> list[str]:
            return await inspector.inspect(image / "relay", position, is_least=is_least)

        moments = _moments(disk, promises.positions)
        return await cut_power(disk, moments, judge, self._chance("cut", run), self._plan(seconds))

    async def _cut_folders(self, scene: FolderScene, run: int, seconds: float) -> Outage:
        disk = Disk(scene.tape)

        async def judge(image: Path, position: int, _: bool) -> list[str]:
            return await judge_folders(scene, image, position)

        moments = [at for at in _moments(disk, scene.ended.values()) if at > scene.begins]
        return await cut_power(disk, moments, judge, self._chance("cut", run), self._plan(seconds))

    async def _cut_vault(
        self, scene: VaultScene, run: int, seconds: float, *, ignored_syncs: str = ""
    ) -> Outage:
        promises = read_client_promises(scene)
        inspector = VaultInspector(promises, scene.vault)
        disk = Disk(scene.tape, ignored_syncs=ignored_syncs)

        async def judge(image: Path, position: int, is_least: bool) -> list[str]:
            return await inspector.inspect(image, position, is_least=is_least)

        moments = _moments(disk, promises.positions)
        return await cut_power(disk, moments, judge, self._chance("cut", run), self._plan(seconds))

    def _plan(self, seconds: float) -> Plan:
        plan = self._measure.plan
        is_control = seconds == self._measure.control_seconds
        return replace(plan, seconds=seconds, ends_when_broken=is_control)


@dataclass(slots=True)
class Total:
    """The outages of one kind over all runs."""

    moments: int = 0
    planned: int = 0
    images: int = 0
    complaints: int = 0
    first: str = ""

    def add(self, outage: Outage) -> None:
        """Count an outage in."""
        self.moments += outage.moments
        self.planned += outage.moments_planned
        self.images += outage.images
        self.complaints += sum(outage.complaints.values())
        self.first = self.first or outage.first

    def row(self, tried: str) -> Row:
        """Say what came of it. It holds when nothing was broken and something was tried."""
        found = (
            f"{self.images} disks at {self.moments} of {self.planned} moments reopened; "
            f"{self.complaints} broken promises"
        )
        if self.first:
            found += f"; first: {self.first}"
        return Row(tried, self.images, found, holds=not self.complaints and self.images > 0)


def _moments(disk: Disk, promised: Iterable[int]) -> list[int]:
    """Return where the power is cut: before each sync has ended, and behind each promise."""
    return sorted({*disk.sync_ends, *(position + 1 for position in promised), disk.end})
