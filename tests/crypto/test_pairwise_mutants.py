"""Every check and every binding of pairwise sessions, changed one at a time, is noticed.

Each mutant must fail the published vectors or the duties. The few that may live are named in
`EQUIVALENT` with the reason why nobody can tell them from the original.
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

MODULES = tuple(
    f"hushpost_crypto.{name}"
    for name in (
        "pqxdh",
        "kem_ratchet",
        "receiving_chain",
        "ratchet_state",
        "double_ratchet",
        "first_message",
        "session",
    )
)
CHANGES = frozenset(Change) - {Change.CHECK_LEFT_OUT, Change.PART_LEFT_OUT}

# Mutants that change nothing anyone can see; each with the reason.
EQUIVALENT: dict[str, str] = {
    "hushpost_crypto.kem_ratchet: never: if not shape: return NO_FIELDS": (
        "an empty cut is equal to NO_FIELDS, and takes the longer way to the same state"
    ),
    "hushpost_crypto.kem_ratchet: never: if fields is NO_FIELDS: return kem, NO_STEP": (
        "the longer way replaces an empty peer key by an empty one"
    ),
    "hushpost_crypto.double_ratchet: comparison 0 moved: len(message) < end": (
        "a message that ends with its header has no body, which does not open either"
    ),
    "hushpost_crypto.double_ratchet: comparison 0 moved: excess > 0": (
        "with nothing in excess, nothing is dropped"
    ),
}


def finding(mutant: Mutant | None, likely: list[str]) -> str | None:
    """Return the first thing that vectors, duties or a broken import have to say of a mutant.

    What noticed the mutants before it comes first, then the duties of its own module.
    """
    with imported_with(mutant):
        try:
            duties = importlib.import_module("tests.crypto.pairwise_duties")
            runner = importlib.import_module("tests.crypto.pairwise_vector_runner")
            own = () if mutant is None else (mutant.module.rpartition(".")[2],)
            cases = [*duties.cases(own), *runner.cases(VECTORS), *duties.cases()]
            return first_of(cases, likely)
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
    assert [name for name in survivors if name not in EQUIVALENT] == []


def test_no_excuse_is_stale() -> None:
    """Every mutant that may live still exists, and does live."""
    made = {str(mutant): mutant for module in MODULES for mutant in mutants_of(module, CHANGES)}
    assert [name for name in EQUIVALENT if finding(made[name], []) is not None] == []
