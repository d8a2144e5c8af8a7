"""The lock beside a vault."""

import subprocess
import sys
from pathlib import Path

import pytest
from hushpost.errors import VaultInUse
from hushpost.vault_lock import FileLock

_CHILD = """
import sys
from hushpost.vault_lock import FileLock
from pathlib import Path
lock = FileLock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_opener_in_this_process_is_refused(tmp_path: Path) -> None:
    """Within one process the second lock is refused, and the message says what to do."""
    lock = FileLock(tmp_path / "v")
    with pytest.raises(VaultInUse, match="close that one first"):
        FileLock(tmp_path / "v")
    lock.release()
    FileLock(tmp_path / "v").release()


def test_a_link_to_the_vault_is_the_same_vault(tmp_path: Path) -> None:
    """Reaching the same file by a symbolic link does not get around the lock."""
    (tmp_path / "v").touch()
    (tmp_path / "link").symlink_to(tmp_path / "v")
    lock = FileLock(tmp_path / "v")
    with pytest.raises(VaultInUse):
        FileLock(tmp_path / "link")
    lock.release()


def test_another_process_is_refused_until_it_is_killed(tmp_path: Path) -> None:
    """A lock held by another process refuses this one, and ends when that process is killed."""
    command = [sys.executable, "-c", _CHILD, str(tmp_path / "v")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        with pytest.raises(VaultInUse):
            FileLock(tmp_path / "v")
        child.kill()
        child.wait()
    FileLock(tmp_path / "v").release()


def test_release_twice_is_no_error(tmp_path: Path) -> None:
    """Releasing again does nothing, and does not free a lock that somebody else holds by now."""
    lock = FileLock(tmp_path / "v")
    lock.release()
    other = FileLock(tmp_path / "v")
    lock.release()
    with pytest.raises(VaultInUse):
        FileLock(tmp_path / "v")
    other.release()
