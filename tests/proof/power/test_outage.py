"""Cutting the power: a program that syncs too little is found, one that syncs enough is not."""

import random
from pathlib import Path

import pytest
from hushpost_proof.power.disk import Disk
from hushpost_proof.power.outage import Plan, cut_power
from hushpost_proof.power.recording import Kind, Operation, Tape

ROOT = Path("/watched")


def tape(*, syncs: bool) -> Tape:
    """Write ten blocks, and promise them with a note."""
    made = [
        Operation(Kind.FOLDER_MADE, 1, 0, str(ROOT), b""),
        Operation(Kind.CREATED, 2, 0, f"{ROOT}/a", b""),
        *(Operation(Kind.WRITTEN, 2, 512 * n, "", bytes([n + 1]) * 512) for n in range(10)),
    ]
    if syncs:
        for file in (2, 1):
            made += [Operation(kind, file, 7, "", b"") for kind in (Kind.SYNC_BEGAN, Kind.SYNCED)]
    made.append(Operation(Kind.NOTED, 0, 0, "written", b""))
    return Tape(ROOT, tuple(made))


@pytest.mark.parametrize("syncs", [True, False])
async def test_a_promise_without_a_sync_is_broken(*, syncs: bool) -> None:
    """With the syncs no disk lacks a block behind the promise; without them most do."""
    played = tape(syncs=syncs)
    disk = Disk(played)
    whole = b"".join(bytes([n + 1]) * 512 for n in range(10))

    async def judge(image: Path, position: int, is_least: bool) -> list[str]:
        path = image / "a"
        kept = path.exists() and path.read_bytes() == whole
        return [] if kept or position < disk.end else ["a block is lost"]

    moments = [*disk.sync_ends, disk.end]
    plan = Plan(20.0, exhaustive_max=4, sample=20)
    outage = await cut_power(disk, moments, judge, random.Random(1), plan)
    assert (outage.complaints["a block is lost"] == 0) == syncs
    assert bool(outage.first) != syncs
    assert outage.moments == outage.moments_planned == len(moments)
    assert outage.images > 20


async def test_the_time_is_kept() -> None:
    """When the time is up no further moment is tried, and what was planned is still told."""

    async def judge(image: Path, position: int, is_least: bool) -> list[str]:
        return []

    disk = Disk(tape(syncs=False))
    outage = await cut_power(disk, [5, 6, 7], judge, random.Random(1), Plan(0.0))
    assert (outage.moments, outage.moments_planned) == (0, 3)
