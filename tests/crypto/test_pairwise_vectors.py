"""Our own published vectors: generated, run, current, and able to fail."""

import copy
import json
from typing import Any

import pytest

from tests.crypto import pairwise_vectors
from tests.crypto.pairwise_vector_runner import NAMES, OPERATIONS, run_file

VECTORS = pairwise_vectors.VECTORS


def _document(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((VECTORS / name).read_bytes())
    return document


def _fails(document: dict[str, Any], case: dict[str, Any]) -> bool:
    return bool(run_file(json.dumps({**document, "cases": [case]}).encode()))


def _bent(value: object) -> object:
    if isinstance(value, str):
        return ("1" if value[:1] == "0" else "0") + value[1:]
    return -1 if isinstance(value, int) else ["00"]


def test_generator_gives_the_published_files() -> None:
    """The files are what the generator makes today from its recordings: none is stale."""
    store = json.loads(pairwise_vectors.RECORDED.read_bytes())
    before = len(store)
    made = pairwise_vectors.files(store)
    assert len(store) == before, "the generator needs new recordings: run it anew"
    assert tuple(made) == NAMES
    for name, content in made.items():
        assert (VECTORS / name).read_bytes() == content, f"run the generator anew: {name}"


@pytest.mark.parametrize("name", NAMES)
def test_library_passes_every_case(name: str) -> None:
    """The library gives what each case expects."""
    assert run_file((VECTORS / name).read_bytes()) == []


def test_every_operation_is_published() -> None:
    """No operation of the runner is without a case, and names are not given twice in a file."""
    documents = [_document(name) for name in NAMES]
    used = {case["operation"] for document in documents for case in document["cases"]}
    assert used == set(OPERATIONS)
    for document in documents:
        names = [(case["operation"], case["name"]) for case in document["cases"]]
        assert len(names) == len(set(names))


@pytest.mark.parametrize("name", NAMES)
def test_changed_expectation_fails(name: str) -> None:
    """A case whose failure class is another, or whose defect is called good, fails the run."""
    document = _document(name)
    for case in document["cases"]:
        other = "Undecryptable" if case["expect"] == "ok" else "Corrupted"
        assert _fails(document, {**case, "expect": other}), case["name"]
        if case["expect"] != "ok":
            assert _fails(document, {**case, "expect": "ok", "output": {}}), case["name"]


@pytest.mark.parametrize("name", NAMES)
def test_changed_output_fails(name: str) -> None:
    """A good case with any one output changed fails the run."""
    document = _document(name)
    for case in document["cases"]:
        for key, value in case.get("output", {}).items():
            changed = copy.deepcopy(case)
            changed["output"][key] = _bent(value)
            assert _fails(document, changed), f"{case['name']}: {key}"


def test_empty_file_fails() -> None:
    """A file without cases, or of another format, does not pass for a good one."""
    assert run_file(b'{"format": "hushpost vectors 1", "cases": []}')
    assert run_file(b'{"format": "other", "cases": [{}]}')


def test_undocumented_error_is_a_finding() -> None:
    """A case that makes the library raise anything undocumented fails, whatever it expects."""
    case: dict[str, Any] = {"name": "x", "operation": "pqxdh", "expect": "KeyError", "input": {}}
    document: dict[str, Any] = {"format": "hushpost vectors 1", "cases": [case]}
    (line,) = run_file(json.dumps(document).encode())
    assert "undocumented KeyError" in line
