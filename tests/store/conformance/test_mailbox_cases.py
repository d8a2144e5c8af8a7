"""The cases about mail: good stores pass them, one that takes no mail fails every one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from hushpost_store import (
    MemoryStore,
    Quotas,
    Refusal,
    SqliteStore,
    Store,
    Submission,
    SubmissionListener,
)
from hushpost_store.conformance import CASES, mailbox_cases, run_case

NAMES = [name for name, case in CASES.items() if case.__module__ == mailbox_cases.__name__]


class _RefusesAll(MemoryStore):
    def submit(self, submission: Submission, listener: SubmissionListener, now: float) -> None:
        listener.refused(Refusal.RETRY, 1)


def _maker(kind: type[MemoryStore]) -> Callable[[Quotas], Awaitable[Store]]:
    async def make(quotas: Quotas) -> Store:
        return kind(quotas)

    return make


@pytest.mark.parametrize("name", NAMES)
async def test_good_stores_pass(name: str, tmp_path: Path) -> None:
    """Memory and SQLite keep this sentence of the contract."""

    async def sqlite(quotas: Quotas) -> Store:
        store = SqliteStore(tmp_path / "relay.db", quotas)
        await store.open()
        return store

    for make in (_maker(MemoryStore), sqlite):
        assert (await run_case(name, CASES[name], make)).problem is None


@pytest.mark.parametrize("name", NAMES)
async def test_a_store_that_takes_nothing_fails(name: str) -> None:
    """No case about mail can be passed by refusing all mail."""
    assert not (await run_case(name, CASES[name], _maker(_RefusesAll))).passed


def test_there_are_cases() -> None:
    """The parametrised tests above are not empty."""
    assert len(NAMES) >= 12
