"""Running the cases (docs/spec/store.md, "Conformance")."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from hushpost_store.conformance import account_cases, mailbox_cases
from hushpost_store.conformance.stage import QUOTAS
from hushpost_store.interface import Store
from hushpost_store.quotas import Quotas

Factory = Callable[[Quotas], Awaitable[Store]]
Case = Callable[[Store], Awaitable[None]]

# A case takes milliseconds; a store that hangs must fail it and not the suite.
CASE_SECONDS_MAX: Final = 30.0

CASES: Final[dict[str, Case]] = {
    case.__name__: case
    for case in (
        mailbox_cases.order_and_bytes,
        mailbox_cases.unknown_drops,
        mailbox_cases.lifetimes,
        mailbox_cases.duplicates,
        mailbox_cases.full_mailboxes,
        mailbox_cases.knocks,
        mailbox_cases.once_drops,
        mailbox_cases.ephemeral,
        mailbox_cases.acknowledgements,
        mailbox_cases.withdrawal,
        mailbox_cases.expiry,
        mailbox_cases.notices_bounded,
        mailbox_cases.drops_bounded,
        account_cases.accounts,
        account_cases.two_errors,
        account_cases.device_lists,
        account_cases.deletion,
        account_cases.prekeys,
        account_cases.prekey_expiry,
    )
}


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One case and, if it failed, why."""

    name: str
    problem: str | None

    @property
    def passed(self) -> bool:
        """Whether the store kept this part of the contract."""
        return self.problem is None


async def run_conformance(factory: Factory) -> list[CaseResult]:
    """Run every case on a store of its own and return the results, failures included."""
    return [await run_case(name, case, factory) for name, case in CASES.items()]


async def run_case(name: str, case: Case, factory: Factory) -> CaseResult:
    """Run one case; whatever the store raises is a failure, never an exception here."""
    store = await factory(QUOTAS)
    try:
        await asyncio.wait_for(case(store), CASE_SECONDS_MAX)
    except Exception as error:  # noqa: BLE001 - a foreign store may raise anything: it is the result
        return CaseResult(name, f"{type(error).__name__}: {error}")
    finally:
        await store.close()
    return CaseResult(name, None)
