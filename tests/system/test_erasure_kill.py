"""A moved database is erased by a command that is killed at each of its steps."""

import os
from pathlib import Path

from hushpost_proof.harness.lives import Beginner, nursery
from hushpost_proof.harness.mortal_migration import KILL_VARIABLE
from hushpost_proof.moving.rounds import PROGRAM
from hushpost_store.conformance.stage import envelope
from hushpost_store.sqlite.migration_mark import MoveState, read_mark

from tests.store.redis.moving import filled
from tests.store.sqlite.test_migration_mark import mark

_KILLED = -9
# The stub is linked and renamed, and the old file overwritten: before and after each.
STEPS_MIN = 6
# Before one, after the next, and so on; the long way is every step.
_STRIDE = 3


async def _erase(begin: Beginner, folder: Path, kill_at: int) -> int:
    with (folder / "erase.log").open("ab") as log:
        life = await begin(
            PROGRAM,
            ["migrate", "--from", f"sqlite:{folder}", "--erase"],
            folder=folder,
            environment={**os.environ, KILL_VARIABLE: str(kill_at)},
            errors=log,
        )
        return await life.wait()


async def test_a_killed_erasure_is_finished_by_the_next(tmp_path: Path) -> None:
    """Whatever a kill leaves, the next one ends with nothing of the mail and the mark in place."""
    piece = envelope("alice contact", 4096, to="alice").envelope[64:128]
    kills = 0
    async with nursery() as begin:
        while True:
            folder = tmp_path / str(kills)
            folder.mkdir()
            database = await filled(folder)
            mark(database, MoveState.DONE)
            assert piece in database.read_bytes()
            if await _erase(begin, folder, 1 + kills * _STRIDE) != _KILLED:
                break
            kills += 1
            found = read_mark(database)
            assert found is not None, "a relay could have been started"
            assert await _erase(begin, folder, 0) == 0
            found = read_mark(database)
            assert found is not None
            assert found.state is MoveState.ERASED
            files = [file for file in folder.iterdir() if file.is_file()]
            assert not any(piece in file.read_bytes() for file in files)
            assert not (folder / "relay.db.old").exists()
    assert kills >= STEPS_MIN
