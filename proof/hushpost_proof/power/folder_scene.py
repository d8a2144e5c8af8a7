"""An operator's recorded commands: rotate the identity, back up, restore; and the disks they leave.

Each command is the real one in a process of its own. What it promises is made when it has ended:
until then the old state is as good as the new one, and nothing may be half.
"""

import asyncio
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from hushpost_server.backup import restore_backup
from hushpost_server.configuration import Configuration
from hushpost_server.data_folder import DATABASE_FILE
from hushpost_server.errors import OperatorError
from hushpost_server.identity import FILE_NAME, load_identity
from hushpost_store.errors import StoreError
from hushpost_store.sqlite import SqliteStore

from hushpost_proof.power.recording import Kind, Tape, note, note_folder, read_tape, recorded

_BEGAN, _ROTATED, _BACKED_UP, _RESTORED = "began", "rotated", "backed up", "restored"


@dataclass(frozen=True, slots=True)
class FolderScene:
    """What happened: the tape, when each command had ended, and what each folder must hold."""

    tape: Tape
    begins: int
    ended: dict[str, int]
    old_key: bytes
    new_key: bytes
    accounts: int


async def play_commands(
    folder: Path, library: Path, data_folder: Path, *, defect: str = "none"
) -> FolderScene:
    """Rotate the identity of a copy of `data_folder`, back it up, and restore it elsewhere."""
    watched, log = folder / "disk", folder / "tape"
    watched.mkdir()
    relay = watched / "relay"
    shutil.copytree(data_folder, relay)
    old = load_identity(relay)
    accounts = await count_accounts(relay)
    note_folder(log, watched)
    note(log, _BEGAN)
    environment = {**os.environ, **recorded(library, watched, log)}
    copy = str(watched / "copies" / "monday")

    async def run(word: str, at: Path, *command: str) -> None:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "hushpost_proof.power.defects", defect),
            *("hushpost_server.command", *command, "--data-folder", str(at)),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env=environment,
            cwd=folder,
        )
        _, errors = await process.communicate()
        assert process.returncode == 0, errors.decode()
        note(log, word)

    await run(_ROTATED, relay, "identity", "rotate")
    await run(_BACKED_UP, relay, "backup", copy)
    await run(_RESTORED, watched / "again" / "relay", "restore", copy)
    new = load_identity(relay)
    assert old is not None
    assert new is not None
    tape = read_tape(watched, log)
    ended = {
        operation.first: position
        for position, operation in enumerate(tape.operations)
        if operation.kind is Kind.NOTED
    }
    begins = ended.pop(_BEGAN)
    return FolderScene(tape, begins, ended, old.public_key, new.public_key, accounts)


async def judge_folders(scene: FolderScene, folder: Path, position: int) -> list[str]:
    """Return a complaint for each promise that an image breaks."""
    done = {word for word, at in scene.ended.items() if at < position}
    complaints = _identity(scene, folder / "relay", is_rotated=_ROTATED in done)
    complaints += await _holds(scene, folder / "relay", "the relay's folder", is_promised=True)
    copy = folder / "copies" / "monday"
    again = folder / "again" / "relay"
    complaints += await _holds(scene, again, "the restored folder", is_promised=_RESTORED in done)
    complaints += await _restore(scene, copy, folder / "tried", is_promised=_BACKED_UP in done)
    if not (again / DATABASE_FILE).exists() and _BACKED_UP in done:
        # What was broken off must be possible again, on what it left.
        complaints += await _restore(scene, copy, again, is_promised=True)
    return complaints


def _identity(scene: FolderScene, folder: Path, *, is_rotated: bool) -> list[str]:
    try:
        identity = load_identity(folder)
    except OperatorError as error:
        return [f"the identity does not load: {error}"]
    if identity is None:
        return ["the identity is lost"]
    if not identity.follows(scene.old_key):
        return ["the identity is a stranger's"]
    if is_rotated and identity.public_key != scene.new_key:
        return ["a rotation that had ended is undone"]
    return []


async def _holds(scene: FolderScene, folder: Path, what: str, *, is_promised: bool) -> list[str]:
    """Say what is wrong with a data folder; where nothing is promised, it may have no database."""
    if not (folder / DATABASE_FILE).exists():
        return [f"{what} has no database"] if is_promised else []
    if not (folder / FILE_NAME).exists():
        return [f"{what} has a database and no identity: neither a start nor a restore goes on"]
    try:
        found = await count_accounts(folder)
    except StoreError as error:
        return [f"{what} does not open: {error}"]
    return [] if found == scene.accounts else [f"{what} has {found} accounts"]


async def _restore(scene: FolderScene, copy: Path, target: Path, *, is_promised: bool) -> list[str]:
    try:
        restore_backup(Configuration(data_folder=target), copy)
    except OperatorError as error:
        return [f"a backup cannot be restored: {error}"] if is_promised else []
    return await _holds(scene, target, "what a backup brought back", is_promised=True)


async def count_accounts(folder: Path) -> int:
    """Open the real store of a data folder, and return how many accounts it has."""
    store = SqliteStore(folder / DATABASE_FILE)
    await store.open()
    try:
        return store.stats().accounts
    finally:
        await store.close()
