"""Tests of hushpost_store.policy_clauses; tests/server/test_inventory.py holds them to the page."""

from __future__ import annotations

import re

from hushpost_store.policy_clauses import Clause


def test_each_clause_has_its_section_and_subject() -> None:
    """A number of the policy, then words; none twice."""
    for clause in Clause:
        assert re.fullmatch(r"\d(\.\d)? [A-Z].+", clause.value)
    assert len({clause.value for clause in Clause}) == len(Clause)
