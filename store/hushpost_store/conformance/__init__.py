"""What any store must do, as cases that need no test framework (docs/spec/store.md, "Conformance").

`run_conformance(factory)` runs every case on a fresh store and returns what came of each; a third
party calls it from wherever it tests. The factory makes an opened, empty store with the given
quotas; every case closes its own. A case that fails says which sentence of the contract it found
broken.
"""

from hushpost_store.conformance.stage import (
    DAY,
    NOT_AFTER,
    NOW,
    QUOTAS,
    Recorder,
    account,
    backlog,
    check,
    device_list,
    digest,
    envelope,
    post,
    raises,
    route,
    with_drops,
)
from hushpost_store.conformance.suite import (
    CASE_SECONDS_MAX,
    CASES,
    Case,
    CaseResult,
    Factory,
    run_case,
    run_conformance,
)

__all__ = [
    "CASES",
    "CASE_SECONDS_MAX",
    "DAY",
    "NOT_AFTER",
    "NOW",
    "QUOTAS",
    "Case",
    "CaseResult",
    "Factory",
    "Recorder",
    "account",
    "backlog",
    "check",
    "device_list",
    "digest",
    "envelope",
    "post",
    "raises",
    "route",
    "run_case",
    "run_conformance",
    "with_drops",
]
