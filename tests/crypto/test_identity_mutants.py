"""Every check and every binding of identity, changed one at a time, is missed by the tests.

Each mutant must fail the published vectors or the duties; none is excused.
"""

import importlib

import pytest

from tests.crypto.mutation import (
    VECTORS,
    Change,
    Mutant,
    first_of,
    harmless,
    imported_with,
    mutants_of,
)

MODULES = (
    *(
        f"hushpost_crypto.{name}"
        for name in (
            "keys", "genesis", "device_list", "prekeys", "envelope", "drops", "address", "login",
            "safety_number", "recovery_words",
        )
    ),
    *(
        f"hushpost_wire.{name}"
        for name in (
            "encoding", "host", "identifiers", "account_records", "prekey_records",
            "relay_records", "transcripts",
        )
    ),
)  # fmt: skip
CHANGES = frozenset(
    {
        Change.CHECK_LEFT_OUT,
        Change.OPERAND_DROPPED,
        Change.COMPARISON_MOVED,
        Change.FIELD_LEFT_OUT,
        Change.PART_LEFT_OUT,
        Change.CALL_LEFT_OUT,
    }
)


def finding(mutant: Mutant | None, likely: list[str]) -> str | None:
    """Return the first thing that vectors, duties or a broken import have to say of a mutant."""
    with imported_with(mutant):
        try:
            runner = importlib.import_module("tests.crypto.identity_vector_runner")
            duties = importlib.import_module("tests.crypto.identity_duties")
            return first_of([*runner.cases(VECTORS), *duties.cases()], likely)
        except Exception as error:  # noqa: BLE001 - whatever a mutant raises outside a case shows it
            return f"{type(error).__name__}: {error}"


def test_the_library_itself_has_no_findings() -> None:
    """Without a mutant, vectors and duties are content: what follows is the mutants' doing."""
    assert finding(None, []) is None


@pytest.mark.parametrize("module", MODULES)
def test_a_harmless_change_is_no_finding(module: str) -> None:
    """What kills a mutant is its change, and not that a module was imported anew."""
    assert finding(harmless(module), []) is None


@pytest.mark.parametrize("module", MODULES)
def test_no_mutant_survives(module: str) -> None:
    """Whatever check or binding is changed, a vector or a duty fails."""
    mutants = list(mutants_of(module, CHANGES))
    assert mutants
    likely: list[str] = []
    survivors = [str(mutant) for mutant in mutants if finding(mutant, likely) is None]
    assert survivors == []
