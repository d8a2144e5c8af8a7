"""The SQLite store against crashes, full disks, other processes, newer files and thieves."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from hushpost_store import DropKind, Quotas, Refusal, SqliteOptions, SqliteStore, Store, errors
from hushpost_store.conformance import (
    NOW,
    Recorder,
    backlog,
    digest,
    envelope,
    post,
    route,
    run_conformance,
    with_drops,
)
from hushpost_store.rows import Submission

from tests.waiting import until

MARKER_BYTES = 24


def _marked(number: int, size: int, drop: str = "alice") -> tuple[bytes, Submission]:
    """Return an envelope filled with its own marker, so that any piece of it can be found."""
    marker = b"<mark:%08d:%s>" % (number, os.urandom(4).hex().encode())
    body = (marker * (size // len(marker) + 1))[:size]
    return marker, envelope(drop, number)._replace(envelope=body, envelope_id=os.urandom(16))


def _found(folder: Path, markers: list[bytes]) -> list[bytes]:
    raw = b"".join(path.read_bytes() for path in sorted(folder.iterdir()))
    return [marker for marker in markers if marker in raw]


async def _leave_mixed_traces(store: SqliteStore, numbers: range) -> list[bytes]:
    """Post envelopes of both buckets, acknowledge every other one; returns those markers."""
    opened = await store.open_mailbox(route("bob"), NOW)
    deleted: list[bytes] = []
    for number in numbers:
        marker, submission = _marked(number, 4096 if number % 3 else 16384)
        told = await post(store, submission)
        assert told.place is not None
        if number % 2:
            deleted.append(marker)
            store.acknowledge(route("bob"), opened.epoch, [told.place.sequence], time.time())
    return deleted


async def _until_deleted(store: SqliteStore) -> None:
    await until(lambda: store.deletion_lag(time.time()) == 0)


@pytest.mark.parametrize("page_bytes", [4096, 8192])
async def test_deleted_bodies_are_gone_from_every_file(tmp_path: Path, page_bytes: int) -> None:
    """No piece of an acknowledged envelope is readable once the lag is 0, and a leak is found."""
    folder = tmp_path / "data"
    options = SqliteOptions(checkpoint_seconds=0.2, page_bytes=page_bytes)
    store = SqliteStore(folder / "relay.db", options=options)
    await store.open()
    await with_drops(store, "alice")
    deleted = await _leave_mixed_traces(store, range(200))
    assert store.deletion_lag(time.time() + 5) > 0
    await _until_deleted(store)
    assert _found(folder, deleted) == []
    (folder / "forgotten.log").write_bytes(b"x" + deleted[7])
    assert _found(folder, deleted) == [deleted[7]]
    await store.close()


async def test_a_reader_that_blocks_truncation_shows_in_the_lag(tmp_path: Path) -> None:
    """While another connection holds the log, the lag grows; once it lets go, it falls to 0."""
    path = tmp_path / "relay.db"
    options = SqliteOptions(checkpoint_seconds=0.1, checkpoint_retry_seconds=0.1)
    store = SqliteStore(path, options=options)
    await store.open()
    await with_drops(store, "alice")
    with closing(sqlite3.connect(path)) as reader:
        await _leave_mixed_traces(store, range(4))
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM envelope_4096").fetchone()
        await _leave_mixed_traces(store, range(4, 8))
        await until(lambda: store.stats().checkpoints_busy > 0)
        await until(lambda: store.deletion_lag(time.time()) > 0.3)
    await _until_deleted(store)
    await store.close()


async def test_the_contract_holds_with_a_cache_too_small_for_anything(tmp_path: Path) -> None:
    """Every case passes when each mailbox is loaded from disk again and again."""
    numbers = itertools.count()

    async def make(quotas: Quotas) -> Store:
        options = SqliteOptions(cache_entries_max=1, unknown_routes_max=1, group_bytes_max=4096)
        store = SqliteStore(tmp_path / f"{next(numbers)}.db", quotas, options)
        await store.open()
        return store

    results = await run_conformance(make)
    assert [result for result in results if not result.passed] == []


async def test_a_store_that_is_not_open_takes_and_answers_nothing(tmp_path: Path) -> None:
    """Before opening and after closing, mail is to come again and everything else says closed."""
    store = SqliteStore(tmp_path / "relay.db")
    for _ in range(2):
        told = await post(store, envelope("alice", 1))
        assert (told.told, told.reason) == (["refused"], Refusal.RETRY)
        with pytest.raises(errors.StoreClosed):
            await store.load_account(digest("bob"))
        await store.open()
        await store.close()
        await store.close()


async def test_a_login_that_fails_leaves_no_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the answer to a login cannot be made, nobody is logged in and the next login works."""
    store = SqliteStore(tmp_path / "relay.db")
    await store.open()
    await with_drops(store, "alice")

    def fails(*_: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as patched:
        patched.setattr("hushpost_store.sqlite.mailboxes.close_notice", fails)
        with pytest.raises(errors.StoreFault):
            await store.open_mailbox(route("bob"), NOW)
    assert (await store.open_mailbox(route("bob"), NOW)).queued == 0
    await store.close()


async def test_everything_survives_reopening(tmp_path: Path) -> None:
    """Accounts, drops, used one-use drops and queued envelopes are there after a restart."""
    store = SqliteStore(tmp_path / "relay.db")
    await store.open()
    await with_drops(store, "alice")
    await store.register_drop(route("bob"), digest("once"), DropKind.ONCE, NOW)
    await post(store, envelope("once", 1))
    await post(store, envelope("alice", 1))
    await store.close()
    assert not (tmp_path / "relay.db-wal").exists()
    await store.open()
    assert store.stats().queued_envelopes == 2
    assert (await post(store, envelope("once", 2))).told == ["refused"]
    assert (await post(store, envelope("once", 1))).told == ["admitted", "committed"]
    assert len(await backlog(store)) == 2
    await store.close()


_VICTIM = """
import asyncio, sys
from pathlib import Path
from hushpost_store import Quotas, SqliteStore
from hushpost_store.conformance import NOW, envelope, with_drops

async def main():
    store = SqliteStore(Path(sys.argv[1]), Quotas(10**6, 1 << 40, 10**6, 1 << 40))
    await store.open()
    await with_drops(store, "alice")
    number = 0
    while True:
        for _ in range(5):
            store.submit(envelope("alice", number), Teller(number), NOW)
            number += 1
        await asyncio.sleep(0)

class Teller:
    def __init__(self, number): self.number = number
    def refused(self, reason, retry_after): pass
    def admitted(self, admitted): pass
    def failed(self): pass
    def committed(self): print(self.number, flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize("round_number", range(4))
async def test_killed_at_any_moment_nothing_committed_is_lost(
    tmp_path: Path, round_number: int
) -> None:
    """What was told committed before signal 9 is in the store that opens afterwards."""
    path = tmp_path / "relay.db"
    with subprocess.Popen(  # noqa: ASYNC220 - nothing else runs on this loop
        [sys.executable, "-c", _VICTIM, str(path)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as victim:
        assert victim.stdout is not None
        told = [int(victim.stdout.readline())]
        await asyncio.sleep(0.03 + 0.04 * round_number)
        victim.send_signal(signal.SIGKILL)
        told += [int(line) for line in victim.stdout.read().splitlines()]
    store = SqliteStore(path, Quotas(mailbox_envelopes_max=10**6))
    await store.open()
    opened = await store.open_mailbox(route("bob"), NOW)
    rows = await store.read_backlog(
        route("bob"), opened.epoch, after_sequence=0, limit=10**6, now=NOW
    )
    kept = {row.envelope_id for row in rows}
    assert all(envelope("alice", number).envelope_id in kept for number in told)
    await store.close()


async def test_a_full_disk_fails_what_does_not_fit_and_nothing_else(tmp_path: Path) -> None:
    """Without space a submission fails, reading goes on, and room made is used again."""
    options = SqliteOptions(pages_max=120)
    store = SqliteStore(tmp_path / "relay.db", options=options)
    await store.open()
    await with_drops(store, "alice", "carol")
    told: list[Recorder] = []
    while not told or told[-1].told == ["admitted", "committed"]:
        told.append(await post(store, envelope("alice", len(told))))
    assert told[-1].told == ["admitted", "failed"]
    assert store.stats().faulty
    kept = await backlog(store)
    assert len(kept) == len(told) - 1
    opened = await store.open_mailbox(route("bob"), NOW)
    sequences = [r.place.sequence for r in told[:-1] if r.place is not None]
    store.acknowledge(route("bob"), opened.epoch, sequences[:20], NOW)
    again = await post(store, envelope("alice", len(told) - 1))
    assert again.told == ["admitted", "committed"]
    assert again.place is not None
    assert not again.place.duplicate
    await store.close()


async def test_a_second_process_is_refused(tmp_path: Path) -> None:
    """Opening what is open raises StoreInUse with what to do, and disturbs nothing."""
    first = SqliteStore(tmp_path / "relay.db")
    await first.open()
    with pytest.raises(errors.StoreInUse, match="stop that relay"):
        await SqliteStore(tmp_path / "relay.db").open()
    await with_drops(first, "alice")
    assert (await post(first, envelope("alice", 1))).told == ["admitted", "committed"]
    await first.close()


async def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    """A database of a later version is refused by name and left as it is."""
    path = tmp_path / "relay.db"
    store = SqliteStore(path)
    await store.open()
    await store.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(errors.StoreNewer, match="version 99"):
        await store.open()


async def test_a_foreign_file_is_refused(tmp_path: Path) -> None:
    """Neither another program's database nor a file that is none is taken over."""
    path = tmp_path / "relay.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    with pytest.raises(errors.StoreDamaged):
        await SqliteStore(path).open()
    text = tmp_path / "text.db"
    text.write_bytes(b"no database at all, but long enough to look at" * 100)
    with pytest.raises(errors.StoreDamaged):
        await SqliteStore(text).open()


async def test_the_intake_is_bounded(tmp_path: Path) -> None:
    """Above its bound in bytes the store refuses with RETRY, says so before, and recovers."""
    options = SqliteOptions(intake_bytes_max=10 * 4096)
    store = SqliteStore(tmp_path / "relay.db", options=options)
    await store.open()
    await with_drops(store, "alice")
    await post(store, envelope("alice", 0))
    recorders = [Recorder() for _ in range(12)]
    for number, recorder in enumerate(recorders, 1):
        store.submit(envelope("alice", number), recorder, NOW)
    assert store.under_pressure()
    assert [r.told[0] for r in recorders] == ["admitted"] * 10 + ["refused"] * 2
    assert {r.reason for r in recorders[10:]} == {3}
    await store.pressure_relieved()
    assert (await post(store, envelope("alice", 12))).told == ["admitted", "committed"]
    await store.close()


def test_a_program_that_forgets_to_close_still_ends(tmp_path: Path) -> None:
    """An event loop that ends under an open store leaves no thread that keeps the process."""
    program = (
        "import asyncio, sys; from pathlib import Path; from hushpost_store import SqliteStore\n"
        "async def main():\n"
        "    await SqliteStore(Path(sys.argv[1])).open()\n"
        "    raise LookupError('forgot to close')\n"
        "asyncio.run(main())\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "relay.db")],
        capture_output=True,
        timeout=10,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert ended.returncode == 1
    assert b"forgot to close" in ended.stderr
