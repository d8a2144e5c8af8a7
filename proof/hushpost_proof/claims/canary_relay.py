"""Nothing of the people who use a relay is found in anything that it has, does or says."""

import asyncio
from collections.abc import Sequence

from hushpost_proof.canary import surfaces
from hushpost_proof.canary.relay_controls import (
    LEAKING,
    Controls,
    scan_faulty,
    scan_leaking,
)
from hushpost_proof.canary.relay_scan import GONE_SECONDS_MAX, SURFACES, Outcome, scan_relay
from hushpost_proof.canary.scan import Sighting
from hushpost_proof.claim import Claim, Effort, Half, Row

_SHOWN_MAX = 5


async def _prove(effort: Effort) -> Sequence[Row]:
    folders = [effort.folder / name for name in ("honest", "leaking", "faulty")]
    for folder in folders:
        folder.mkdir()
    outcome, controls = await asyncio.gather(
        scan_relay(folders[0], effort.seed), scan_leaking(folders[1], effort.seed + 1)
    )
    faults, told = await scan_faulty(folders[2], effort.seed + 2)
    rows = [_surface(outcome, controls, surface) for surface in SURFACES]
    rows.append(_temporary(outcome, controls))
    rows.append(_addresses(outcome))
    rows.append(_secrets(outcome))
    rows.append(
        Row(
            "log of a relay whose errors quote a canary: in a session, a thread, a task",
            len(told),
            f"{len(told)} kinds of errors told, {len(faults.sightings)} sightings",
            not faults.sightings and len(told) > 0 and bool(faults.bytes_read[surfaces.LOG]),
        )
    )
    return rows


def _surface(outcome: Outcome, controls: Controls, surface: str) -> Row:
    leaks = [one for one in outcome.leaks if one.surface == surface]
    size = outcome.scan.bytes_read[surface]
    # Memory at rest is read as memory is: one leak stands for both.
    leak = surfaces.MEMORY if surface == surfaces.REST else surface
    planted = leak in LEAKING
    blind = planted and leak not in controls.seen
    found = f"{len(leaks)} sightings in {_size(size)}"
    found += "; planted leak NOT found" if blind else "; planted leak found"
    if leak == surfaces.MEMORY:
        found += f" ({', '.join(sorted(controls.memory_kinds))})"
        blind = blind or len(controls.memory_kinds) < 3
    tried = f"{surface}: {len(outcome.canaries)} canaries, {outcome.scan.guises} guises"
    return Row(
        tried,
        outcome.scan.looks[surface],
        found + _list(leaks),
        not leaks and size > 0 and not blind,
    )


def _temporary(outcome: Outcome, controls: Controls) -> Row:
    leaks = [one for one in outcome.leaks if one.surface == surfaces.TEMPORARY]
    seen = surfaces.TEMPORARY in controls.seen and controls.file_seen_in_passing
    found = (
        f"{len(outcome.new_files)} files made in TMPDIR, {len(leaks)} sightings; planted files"
        f" (nameless; gone at once) {'found' if seen else 'NOT found'}"
    )
    holds = not outcome.new_files and not leaks and seen
    return Row(
        "temporary files: folder watched, open files read", outcome.restarts + 1, found, holds
    )


def _addresses(outcome: Outcome) -> Row:
    """Say how it is with what the relay must know while a connection is open."""
    at_rest = {one.what for one in outcome.leaks if one.surface == surfaces.REST}
    found = (
        f"just after they were closed {len(outcome.while_connected)} of these were in memory;"
        f" {outcome.gone_after:.0f} s after the last connection {len(at_rest)} (bound"
        f" {GONE_SECONDS_MAX:.0f} s)"
    )
    tried = f"addresses and what {outcome.bad_connections} bad connections said in clear"
    return Row(tried, outcome.bad_connections, found, not at_rest and outcome.bad_connections > 0)


def _secrets(outcome: Outcome) -> Row:
    scan = outcome.secrets
    found = f"{len(scan.sightings)} sightings in {_size(sum(scan.bytes_read.values()))}"
    tried = "secrets of the drops that were used, in files and log"
    return Row(tried, scan.guises, found, not scan.sightings and scan.guises > 0)


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count > 100_000 else f"{count} bytes"


def _list(leaks: Sequence[Sighting]) -> str:
    return "".join(f"\n{one}" for one in leaks[:_SHOWN_MAX])


CLAIM = Claim(
    name="canary-relay",
    half=Half.KEPT,
    sentence="No name, word, number or address of anybody is found in what a relay keeps or says",
    seconds=55,
    prove=_prove,
)
