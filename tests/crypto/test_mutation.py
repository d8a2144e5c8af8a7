"""Mutants are imported in the place of a module, with what depends on it, and leave no trace."""

import ast
import importlib
import sys
from collections.abc import Callable

from tests.crypto.mutation import Change, first_of, imported_with, mutants_of, source_of

MODULE = "hushpost_crypto.receiving_chain"


def test_a_mutant_stands_in_for_its_module_and_for_a_time_only() -> None:
    """The mutated module and its importers are new within, the others are not; then all is back."""
    session = importlib.import_module("hushpost_crypto.session")
    keys = importlib.import_module("hushpost_crypto.keys")
    chain = importlib.import_module(MODULE)
    (mutant,) = [
        mutant
        for mutant in mutants_of(MODULE, frozenset(Change))
        if "always: if number < self.number" in str(mutant)
    ]
    with imported_with(mutant):
        within = importlib.import_module(MODULE)
        assert within is not chain
        assert within.ReceivingChain.take is not chain.ReceivingChain.take
        assert importlib.import_module("hushpost_crypto.session") is not session
        assert importlib.import_module("hushpost_crypto.keys") is keys
    assert sys.modules[MODULE] is chain
    assert importlib.import_module("hushpost_crypto.session") is session
    assert importlib.import_module("hushpost_crypto").session is session


def test_every_place_has_its_mutants() -> None:
    """A joined field, a check and a comparison each give mutants that differ from the source."""
    whats = [mutant.what.partition(":")[0] for mutant in mutants_of(MODULE, frozenset(Change))]
    assert {"never", "always", "comparison 0 moved"} <= set(whats)
    original = ast.dump(ast.parse(source_of(MODULE)))
    trees = [ast.dump(mutant.tree()) for mutant in mutants_of(MODULE, frozenset(Change))]
    assert original not in trees


def test_what_noticed_lately_is_asked_first() -> None:
    """The order of the next round begins with the case that found something."""
    asked: list[str] = []

    def case(name: str, found: str | None) -> tuple[str, Callable[[], str | None]]:
        def run() -> str | None:
            asked.append(name)
            return found

        return name, run

    likely: list[str] = []
    cases = [case("a", None), case("b", "broken"), case("c", None)]
    assert first_of(cases, likely) == "b: broken"
    assert first_of(cases, likely) == "b: broken"
    assert (asked, likely) == (["a", "b", "b"], ["b"])
