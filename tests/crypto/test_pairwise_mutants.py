"""Every check and every binding of pairwise sessions, changed one at a time, is noticed.

Each mutant must fail the published vectors or the duties. The few that may live are named in
`EQUIVALENT` with the reason why nobody can tell them from the original.
"""

import importlib
from pathlib import Path

import pytest

from tests.crypto.pairwise_mutation import Mutant, imported_with, mutants_of

ROOT = Path(__file__).resolve().parents[2]
VECTORS = ROOT / "docs" / "spec" / "vectors"
MODULES = (
    "pqxdh",
    "kem_ratchet",
    "receiving_chain",
    "ratchet_state",
    "double_ratchet",
    "first_message",
    "session",
)

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


def finding(mutant: Mutant | None) -> str | None:
    """Return the first thing that vectors, duties or a broken import have to say of a mutant.

    The duties of the mutant's own module come before the others: they are likelier to notice.
    """
    with imported_with(mutant):
        try:
            duties = importlib.import_module("tests.crypto.pairwise_duties")
            runner = importlib.import_module("tests.crypto.pairwise_vector_runner")
            own = [] if mutant is None else [mutant.module.rpartition(".")[2]]
            found: str | None = runner.first_failure(VECTORS)
            found = found or duties.first_unmet(own) or duties.first_unmet()
        except Exception as error:  # noqa: BLE001 - whatever a mutant raises outside a case shows it
            return f"{type(error).__name__}: {error}"
        return found


def test_the_library_itself_has_no_findings() -> None:
    """Without a mutant, vectors and duties are content: what follows is the mutants' doing."""
    assert finding(None) is None


@pytest.mark.parametrize("module", MODULES)
def test_no_mutant_survives(module: str) -> None:
    """Whatever check or binding is changed, a vector or a duty fails."""
    path = ROOT / "crypto" / "hushpost_crypto" / f"{module}.py"
    mutants = list(mutants_of(f"hushpost_crypto.{module}", path))
    assert mutants
    survivors = [str(mutant) for mutant in mutants if finding(mutant) is None]
    assert [name for name in survivors if name not in EQUIVALENT] == []


def test_no_excuse_is_stale() -> None:
    """Every mutant that may live still exists."""
    made = {
        str(mutant)
        for module in MODULES
        for mutant in mutants_of(
            f"hushpost_crypto.{module}", ROOT / "crypto" / "hushpost_crypto" / f"{module}.py"
        )
    }
    assert set(EQUIVALENT) <= made
