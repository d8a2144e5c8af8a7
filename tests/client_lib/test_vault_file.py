"""Making and opening the file."""

import os
from contextlib import closing
from pathlib import Path

import pytest
from hushpost.errors import (
    VaultDamaged,
    VaultExists,
    VaultFull,
    VaultLocked,
    VaultMissing,
    VaultNewer,
)
from hushpost.vault_file import lay_out, take_lock, unlock
from hushpost.vault_header import Argon2Cost, KeychainKey
from hushpost.vault_schema import connect
from hushpost_crypto.primitives import random_bytes

KEY = KeychainKey(bytes(32))


def make(path: Path) -> None:
    """Lay a vault out."""
    lay_out(path, KEY, Argon2Cost(), random_bytes)


def test_a_draft_left_by_a_crash_is_replaced(tmp_path: Path) -> None:
    """What a crash left under the draft's name does not stop the next creation."""
    (tmp_path / "v.new").write_bytes(b"half a vault")
    (tmp_path / "v.new-journal").write_bytes(b"half a journal")
    make(tmp_path / "v")
    assert [file.name for file in tmp_path.iterdir()] == ["v"]


def test_an_existing_path_is_refused(tmp_path: Path) -> None:
    """A vault is never laid over a file."""
    make(tmp_path / "v")
    with pytest.raises(VaultExists):
        make(tmp_path / "v")


@pytest.mark.parametrize(
    "content", [b"", b"a letter", bytes(8192), b"SQLite format 3\0" + bytes(99)]
)
def test_a_file_that_is_no_vault_is_refused_unchanged(tmp_path: Path, content: bytes) -> None:
    """Any other file is refused with a clear word and keeps every byte."""
    path = tmp_path / "v"
    path.write_bytes(content)
    with pytest.raises(VaultDamaged):
        unlock(path, KEY)
    assert path.read_bytes() == content


def test_a_truncated_vault_is_damaged(tmp_path: Path) -> None:
    """A vault cut in the middle is reported and not served."""
    make(tmp_path / "v")
    content = (tmp_path / "v").read_bytes()
    (tmp_path / "v").write_bytes(content[: len(content) // 2])
    with pytest.raises(VaultDamaged):
        unlock(tmp_path / "v", KEY)


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    """A vault of a later release asks for an update of the app."""
    make(tmp_path / "v")
    with closing(connect(tmp_path / "v")) as connection:
        connection.execute("PRAGMA user_version=99")
    with pytest.raises(VaultNewer, match="update"):
        unlock(tmp_path / "v", KEY)


def test_a_wrong_key_is_refused(tmp_path: Path) -> None:
    """Without the right secret no connection stays open."""
    make(tmp_path / "v")
    with pytest.raises(VaultLocked):
        unlock(tmp_path / "v", KeychainKey(b"x" * 32))


def test_a_missing_path_leaves_no_lock(tmp_path: Path) -> None:
    """Opening what is not there creates nothing."""
    with pytest.raises(VaultMissing):
        take_lock(tmp_path / "v", existing=True)
    with pytest.raises(VaultMissing):
        take_lock(tmp_path / "none" / "v", existing=False)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_or_refuses_is_named(tmp_path: Path) -> None:
    """A missing folder and one where nothing can be written are told apart; nothing is made."""
    with pytest.raises(VaultMissing, match="make it first"):
        take_lock(tmp_path / "none" / "v", existing=False)
    with pytest.raises(VaultFull, match="free space"):
        make(tmp_path / "none" / "v")
    (tmp_path / "v.lock").mkdir()
    with pytest.raises(VaultFull, match="mend the permission"):
        take_lock(tmp_path / "v", existing=False)
    assert [file.name for file in tmp_path.iterdir()] == ["v.lock"]


def test_a_wrong_secret_leaves_the_file_closed(tmp_path: Path) -> None:
    """After a refused unlocking nothing holds the file, and the right secret opens it."""
    make(tmp_path / "v")
    with pytest.raises(VaultLocked):
        unlock(tmp_path / "v", KeychainKey(b"x" * 32))
    (writer, reader), _ = unlock(tmp_path / "v", KEY)
    assert reader.execute("PRAGMA query_only").fetchone() == (1,)
    reader.close()
    writer.close()


def test_a_vault_in_a_folder_just_made_keeps_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The names of the folders above are synced as well, as far as they may be read."""
    synced: list[str] = []
    real = os.fsync

    def noted(descriptor: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        real(descriptor)

    if not Path("/proc/self/fd").is_dir():
        pytest.skip("names of open files are read from /proc")
    monkeypatch.setattr(os, "fsync", noted)
    (tmp_path / "home" / "person").mkdir(parents=True)
    make(tmp_path / "home" / "person" / "v")
    above = [tmp_path / "home" / "person", tmp_path / "home", tmp_path]
    assert synced[: len(above)] == [str(folder) for folder in above]
