"""Flipped bytes: a relay that was killed, a vault that lay open, and both without their checks."""

import random
import signal
from collections.abc import Sequence
from pathlib import Path

from hushpost_proof.claim import Effort, Row
from hushpost_proof.power.flipped_relay import FlippedRelay
from hushpost_proof.power.flipped_vault import FlippedVault, lay_out
from hushpost_proof.power.flips import Tally
from hushpost_proof.power.recording import build_recorder
from hushpost_proof.power.relay_scene import RelayScene
from hushpost_proof.power.unchecked import unchecked_store, unchecked_vault

# A control that has betrayed itself so often is found.
_BAD_ENOUGH = 3
# Seconds for each kind, seconds at most for each control, flips a page.
_SHORT = (6.0, 30.0, 3)
_LONG = (600.0, 60.0, 200)


class FlippedBytes:
    """One effort, on one relay and one vault."""

    def __init__(self, effort: Effort) -> None:
        self._folder = effort.folder
        self._seed = effort.seed
        self._seconds, self._control_seconds, self._per_page = _LONG if effort.is_long else _SHORT

    async def rows(self) -> Sequence[Row]:
        """Flip, and plant stores that believe what they read."""
        relay = await self._relay()
        vault = await self._vault()
        return (
            _row("bytes of database, log and identity", await self._flip(relay, "relay")),
            _row("bytes of a vault and its log", await self._flip(vault, "vault")),
            await self._controls(relay, vault),
        )

    async def _relay(self) -> FlippedRelay:
        library = build_recorder(self._folder)
        place = self._folder / "relay"
        place.mkdir()
        scene = RelayScene(place, library, ending=signal.SIGKILL)
        played = await scene.play(self._chance("scene"), 14)
        return FlippedRelay(place / "disk" / "relay", played.routes, self._work("relay"))

    async def _vault(self) -> FlippedVault:
        place = self._folder / "vault"
        await lay_out(place, self._chance("vault"))
        return FlippedVault(place, self._work("vault"))

    def _work(self, name: str) -> Path:
        work = self._folder / f"work-{name}"
        work.mkdir()
        return work

    async def _flip(self, victim: FlippedRelay | FlippedVault, what: str) -> Tally:
        return await victim.try_flips(self._chance(what), self._per_page, self._seconds)

    async def _controls(self, relay: FlippedRelay, vault: FlippedVault) -> Row:
        chance, per_page, seconds = self._chance("control"), self._per_page, self._control_seconds
        with unchecked_store():
            believing = await relay.try_flips(chance, per_page, seconds, bad_max=_BAD_ENOUGH)
        with unchecked_vault():
            careless = await vault.try_flips(chance, per_page, seconds, bad_max=_BAD_ENOUGH)
        tallies = {"store without digests": believing, "vault without examination": careless}
        missed = [name for name, tally in tallies.items() if not tally.bad]
        found = ", ".join(f"{name}: {tally.bad} served or lost" for name, tally in tallies.items())
        return Row("planted: checks taken out", len(tallies), found, holds=not missed)

    def _chance(self, what: str) -> random.Random:
        return random.Random(f"{self._seed} {what}")


def _row(tried: str, tally: Tally) -> Row:
    figures = ", ".join(f"{count} {outcome}" for outcome, count in tally.outcomes.most_common())
    found = f"{figures}; {tally.bad} served or lost"
    if tally.first:
        found += f"; first: {tally.first}"
    times = tally.outcomes.total()
    return Row(tried, times, found, holds=tally.bad == 0 and times > 0)
