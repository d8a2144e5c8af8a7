"""Disks that are full for real: a small file system, and a limit of the operating system.

What does not fit fails and is to come again, reading and deleting go on, and with room the store
works as before.
"""

# ruff: noqa: ASYNC221, ASYNC240 - nothing else runs on these loops

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hushpost_store import SqliteStore, errors
from hushpost_store.conformance import (
    NOW,
    backlog,
    digest,
    envelope,
    post,
    route,
    with_drops,
)

from tests.waiting import until

MOUNT_BYTES = 6 << 20


@pytest.fixture
def small_disk(tmp_path: Path, require: Callable[[bool, str], None]) -> Iterator[Path]:
    """Give a folder on a file system of its own, of a few megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={MOUNT_BYTES}", "tmpfs", str(folder)]
    mounted = (
        sys.platform == "linux"
        and os.geteuid() == 0
        and subprocess.run(command, capture_output=True, check=False).returncode == 0
    )
    require(mounted, "mounting a small tmpfs needs Linux and root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def _fill(folder: Path) -> Path:
    """Take every byte that is left, as another program on the machine would."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 10):
            while True:
                try:
                    file.write(bytes(size))
                except OSError:
                    break
    return ballast


async def test_a_file_system_without_space(small_disk: Path) -> None:
    """Mail fails and stays with its sender, people read on, and room made is used again."""
    store = SqliteStore(small_disk / "relay.db")
    await store.open()
    await with_drops(store, "alice", "carol")
    kept = [await post(store, envelope("alice", number)) for number in range(20)]
    ballast = _fill(small_disk)
    # The log may have room within its file: it grows until the disk says no.
    refused = [await post(store, envelope("carol", number)) for number in range(40)]
    failed = [r for r in refused if r.told == ["admitted", "failed"]]
    assert len(failed) >= 20
    assert all(r.told[-1] in {"failed", "committed"} for r in refused)
    assert store.stats().faulty
    committed = len(kept) + len(refused) - len(failed)
    assert len(await backlog(store)) == committed == store.stats().queued_envelopes
    assert (await store.load_account(digest("bob"))) is not None
    ballast.unlink()
    again = await post(store, envelope("carol", 39))
    assert again.told == ["admitted", "committed"]
    assert not store.stats().faulty
    await store.close()
    await store.open()
    assert store.stats().queued_envelopes == committed + 1
    await store.close()


async def test_what_was_acknowledged_on_a_full_disk_goes_once_there_is_room(
    small_disk: Path,
) -> None:
    """Deletions wait, the lag shows it, and with room they leave the files by themselves."""
    store = SqliteStore(small_disk / "relay.db")
    await store.open()
    await with_drops(store, "alice")
    told = [await post(store, envelope("alice", number)) for number in range(30)]
    sequences = [r.place.sequence for r in told if r.place is not None]
    opened = await store.open_mailbox(route("bob"), NOW)
    ballast = _fill(small_disk)
    number = 1000
    while (await post(store, envelope("alice", number))).told[-1] == "committed":
        number += 1
    store.acknowledge(route("bob"), opened.epoch, sequences, NOW)
    await asyncio.sleep(0.2)
    assert store.deletion_lag(NOW + 31) == 31
    ballast.unlink()
    await until(lambda: not store.stats().faulty)
    await store.close()
    raw = b"".join(path.read_bytes() for path in small_disk.iterdir())
    assert not [n for n in range(30) if envelope("alice", n).envelope[100:132] in raw]


async def test_a_full_disk_when_opening_is_a_clear_error(small_disk: Path) -> None:
    """Opening says that the disk is full, leaves no lock behind, and works once there is room."""
    store = SqliteStore(small_disk / "data" / "relay.db")
    (small_disk / "data").mkdir()
    ballast = _fill(small_disk)
    with pytest.raises(errors.StoreFault, match=r"full|cannot write"):
        await store.open()
    ballast.unlink()
    await store.open()
    await with_drops(store, "alice")
    assert (await post(store, envelope("alice", 1))).told == ["admitted", "committed"]
    await store.close()


_LIMITED = """
import asyncio, resource, signal, sys
from pathlib import Path
from hushpost_store import SqliteStore
from hushpost_store.conformance import NOW, backlog, envelope, post, with_drops

def limit(size):
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))

async def main():
    # A write beyond the limit is then an error (EFBIG) and not the end of the process.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    store = SqliteStore(Path(sys.argv[1]))
    await store.open()
    await with_drops(store, "alice")
    for number in range(5):
        await post(store, envelope("alice", number))
    limit(100_000)
    limited = [(await post(store, envelope("alice", n))).told[-1] for n in range(5, 45)]
    assert "failed" in limited, limited
    assert store.stats().faulty
    committed = 5 + limited.count("committed")
    assert len(await backlog(store)) == committed
    limit(resource.RLIM_INFINITY)
    assert (await post(store, envelope("alice", 44))).told[-1] == "committed"
    assert not store.stats().faulty
    await store.close()
    await store.open()
    assert store.stats().queued_envelopes == committed + 1, store.stats()
    await store.close()
    print("held", limited.count("failed"))

asyncio.run(main())
"""


def test_a_write_that_the_system_refuses(tmp_path: Path) -> None:
    """An input/output error fails what it meets, loses nothing that was committed, and ends."""
    ended = subprocess.run(
        [sys.executable, "-c", _LIMITED, str(tmp_path / "relay.db")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("held ")


_FAILED_SYNC = """
import asyncio, os, sys
from pathlib import Path
from hushpost_store import SqliteStore
from hushpost_store.conformance import backlog, envelope, post, with_drops

async def main(path, fails):
    store = SqliteStore(path)
    await store.open()
    await with_drops(store, "alice")
    assert (await post(store, envelope("alice", 0))).told == ["admitted", "committed"]
    fails.touch()
    for number in (1, 2):
        assert (await post(store, envelope("alice", number))).told == ["admitted", "failed"]
    assert store.stats().faulty
    assert len(await backlog(store)) == 1
    if sys.argv[2] == "crash":
        os._exit(0)
    fails.unlink()
    again = await post(store, envelope("alice", 1))
    assert again.told == ["admitted", "committed"]
    assert not again.place.duplicate
    os._exit(0)

asyncio.run(main(Path(sys.argv[1]), Path(os.environ["HUSHPOST_SYNC_FAILS"])))
"""


@pytest.mark.parametrize("ending", ["crash", "recovers"])
async def test_a_sync_that_fails_is_never_told_committed(
    tmp_path: Path, failing_sync: Path, ending: str
) -> None:
    """The sender is told to retry; whether or not the bytes are there, they arrive once."""
    path = tmp_path / "relay.db"
    ended = subprocess.run(
        [sys.executable, "-c", _FAILED_SYNC, str(path), ending],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "LD_PRELOAD": str(failing_sync),
            "HUSHPOST_SYNC_FAILS": str(tmp_path / "fails"),
        },
    )
    assert ended.returncode == 0, ended.stderr
    store = SqliteStore(path)
    await store.open()
    for number in (1, 2):
        assert (await post(store, envelope("alice", number))).told == ["admitted", "committed"]
    ids = [row.envelope_id for row in await backlog(store)]
    assert sorted(ids) == sorted(envelope("alice", number).envelope_id for number in range(3))
    await store.close()
