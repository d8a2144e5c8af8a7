"""The conformance suite: both stores pass it, and it finds planted bugs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest
from hushpost_store import MemoryStore, Quotas, SqliteStore, Store, Submission, SubmissionListener
from hushpost_store.conformance import CASES, run_case, run_conformance
from hushpost_store.rows import Admitted, QueuedEnvelope, SweepReport, TakenPrekeys

Factory = Callable[[Quotas], Awaitable[Store]]


async def _memory(quotas: Quotas) -> Store:
    store = MemoryStore(quotas)
    await store.open()
    return store


def _sqlite(folder: Path) -> Factory:
    async def make(quotas: Quotas) -> Store:
        store = SqliteStore(folder / "relay.db", quotas)
        await store.open()
        return store

    return make


@pytest.mark.parametrize("name", CASES)
async def test_memory(name: str) -> None:
    """The memory store keeps every sentence of the contract."""
    assert (await run_case(name, CASES[name], _memory)).problem is None


@pytest.mark.parametrize("name", CASES)
async def test_sqlite(name: str, tmp_path: Path) -> None:
    """The SQLite store keeps every sentence of the contract."""
    assert (await run_case(name, CASES[name], _sqlite(tmp_path))).problem is None


class _NeverDuplicate(MemoryStore):
    def submit(self, submission: Submission, listener: SubmissionListener, now: float) -> None:
        super().submit(submission, _Blind(listener), now)


class _Blind:
    def __init__(self, listener: SubmissionListener) -> None:
        self.refused = listener.refused
        self.committed = listener.committed
        self.failed = listener.failed
        self._listener = listener

    def admitted(self, admitted: Admitted) -> None:
        self._listener.admitted(admitted._replace(duplicate=False))


class _AcknowledgesStale(MemoryStore):
    def acknowledge(self, route: bytes, epoch: int, sequences: Sequence[int], now: float) -> None:
        super().acknowledge(route, self._mailbox(route).epoch, sequences, now)


class _NeverDeletes(MemoryStore):
    def acknowledge(self, route: bytes, epoch: int, sequences: Sequence[int], now: float) -> None:
        return


class _Reverses(MemoryStore):
    async def read_backlog(
        self, route: bytes, epoch: int, *, after_sequence: int, limit: int, now: float
    ) -> list[QueuedEnvelope]:
        rows = await super().read_backlog(
            route, epoch, after_sequence=after_sequence, limit=limit, now=now
        )
        return rows[::-1]


class _ReadsExpired(MemoryStore):
    async def read_backlog(
        self, route: bytes, epoch: int, *, after_sequence: int, limit: int, now: float
    ) -> list[QueuedEnvelope]:
        return await super().read_backlog(
            route, epoch, after_sequence=after_sequence, limit=limit, now=0.0
        )


class _NeverRevokes(MemoryStore):
    async def revoke_drop(self, route: bytes, drop_hash: bytes) -> None:
        self._mailbox(route)


class _TakesTwice(MemoryStore):
    async def take_prekeys(
        self, account_id: bytes, day: int, *, one_time: bool = True
    ) -> TakenPrekeys | None:
        taken = await super().take_prekeys(account_id, day, one_time=one_time)
        account = await self.load_account(account_id)
        for device in account.devices if account is not None else ():
            self._accounts.shelf(account_id, device.device_id).taken.clear()
        return taken


class _ForgetsNotices(MemoryStore):
    async def sweep(self, now: float) -> SweepReport:
        report = await super().sweep(now)
        for route in report.routes:
            self._mailbox(route).gathering.clear()
        return report


class _KeepsDeleted(MemoryStore):
    async def delete_account(self, account_id: bytes) -> bool:
        return await self.load_account(account_id) is not None


class _Unbounded(MemoryStore):
    def __init__(self, quotas: Quotas) -> None:
        super().__init__(Quotas())


class _ForgetsToCommit(MemoryStore):
    def submit(self, submission: Submission, listener: SubmissionListener, now: float) -> None:
        super().submit(submission, _Twice(listener), now)


class _Twice:
    def __init__(self, listener: SubmissionListener) -> None:
        self.refused = listener.refused
        self.admitted = listener.admitted
        self.failed = listener.failed
        self._listener = listener

    def committed(self) -> None:
        self._listener.committed()
        self._listener.committed()


@pytest.mark.parametrize(
    ("broken", "found_by"),
    [
        (_NeverDuplicate, "duplicates"),
        (_AcknowledgesStale, "acknowledgements"),
        (_NeverDeletes, "withdrawal"),
        (_Reverses, "order_and_bytes"),
        (_ReadsExpired, "expiry"),
        (_NeverRevokes, "unknown_drops"),
        (_TakesTwice, "prekeys"),
        (_ForgetsNotices, "expiry"),
        (_KeepsDeleted, "deletion"),
        (_Unbounded, "full_mailboxes"),
        (_Unbounded, "knocks"),
        (_Unbounded, "drops_bounded"),
        (_ForgetsToCommit, "order_and_bytes"),
    ],
)
async def test_planted_bugs_are_found(broken: type[MemoryStore], found_by: str) -> None:
    """A store with a planted bug fails the case that is there to find it."""

    async def make(quotas: Quotas) -> Store:
        store = broken(quotas)
        await store.open()
        return store

    results = {result.name: result for result in await run_conformance(make)}
    assert set(results) == set(CASES)
    assert not results[found_by].passed
