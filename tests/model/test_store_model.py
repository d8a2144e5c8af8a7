"""Both stores do what the model of the specification does, and what does not is found."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hushpost_store.interface import Store

from tests.model import store_bugs
from tests.model.budget import must_find, must_hold
from tests.model.durable_machine import DurableMachine
from tests.model.store_bugs import IN_FILES, IN_MEMORY
from tests.model.store_machine import StoreMachine

# Files cost four times as much; the rules are the same.
EXAMPLES_IN_FILES = 30


def in_files(make: Callable[[Path], Store], folder: Path) -> Callable[[], DurableMachine]:
    """Give a machine with a folder of its own."""
    return lambda: DurableMachine(make, Path(tempfile.mkdtemp(dir=folder)))


def test_the_memory_store_does_what_the_model_does() -> None:
    """No order of calls tells the memory store from the dictionaries."""
    must_hold(lambda: StoreMachine(store_bugs.REAL_IN_MEMORY))


def test_the_sqlite_store_does_what_the_model_does(tmp_path: Path) -> None:
    """Nor the SQLite store, closed and killed in between."""
    must_hold(in_files(store_bugs.REAL_IN_FILES, tmp_path), EXAMPLES_IN_FILES)


@pytest.mark.parametrize("bug", IN_MEMORY)
def test_a_bug_of_a_store_is_found(bug: str) -> None:
    """Each bug is found within what CI spends."""
    make, slip = IN_MEMORY[bug]
    with slip():
        must_find(lambda: StoreMachine(make))


@pytest.mark.parametrize("bug", IN_FILES)
def test_a_bug_of_a_store_in_files_is_found(bug: str, tmp_path: Path) -> None:
    """Each bug that only a restart or a crash shows is found as well."""
    make, slip = IN_FILES[bug]
    with slip():
        must_find(in_files(make, tmp_path), 2 * EXAMPLES_IN_FILES)
