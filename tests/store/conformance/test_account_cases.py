"""The cases about accounts: good stores pass them, one that keeps no account fails every one."""

from __future__ import annotations

from pathlib import Path

import pytest
from hushpost_store import AccountRow, MemoryStore, Quotas, SqliteStore, Store
from hushpost_store.conformance import CASES, account_cases, run_case

NAMES = [name for name, case in CASES.items() if case.__module__ == account_cases.__name__]


class _KeepsNobody(MemoryStore):
    async def create_account(self, account: AccountRow) -> None:
        return


async def _memory(quotas: Quotas) -> Store:
    return MemoryStore(quotas)


async def _nobody(quotas: Quotas) -> Store:
    return _KeepsNobody(quotas)


@pytest.mark.parametrize("name", NAMES)
async def test_good_stores_pass(name: str, tmp_path: Path) -> None:
    """Memory and SQLite keep this sentence of the contract."""

    async def sqlite(quotas: Quotas) -> Store:
        store = SqliteStore(tmp_path / "relay.db", quotas)
        await store.open()
        return store

    for make in (_memory, sqlite):
        assert (await run_case(name, CASES[name], make)).problem is None


@pytest.mark.parametrize("name", NAMES)
async def test_a_store_that_keeps_nobody_fails(name: str) -> None:
    """No case about accounts can be passed by keeping none."""
    assert not (await run_case(name, CASES[name], _nobody)).passed


def test_there_are_cases() -> None:
    """The parametrised tests above are not empty."""
    assert len(NAMES) >= 5
