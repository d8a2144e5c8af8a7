"""The published vectors of identity: fresh, true for the library, and able to fail."""

import copy
import json
from typing import Any

import pytest

from tests.crypto import identity_vectors
from tests.crypto.identity_vector_runner import NAMES, OPERATIONS, run_file

VECTORS = identity_vectors.VECTORS


def _document(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((VECTORS / name).read_bytes())
    return document


def _fails(document: dict[str, Any], case: dict[str, Any]) -> bool:
    return bool(run_file(json.dumps({**document, "cases": [case]}).encode()))


def _bent(text: str) -> str:
    if not text:
        return "00"
    place = next(n for n, letter in enumerate(text) if letter.isalnum())
    return text[:place] + ("1" if text[place] == "0" else "0") + text[place + 1 :]


def test_generator_gives_the_published_files() -> None:
    """The files are what the generator makes today: none is stale, none was edited by hand."""
    made = identity_vectors.files()
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
        if case["expect"] != "ok":
            assert _fails(document, {**case, "expect": "Corrupted"}), case["name"]
            assert _fails(document, {**case, "expect": "ok", "output": {}}), case["name"]
        else:
            assert _fails(document, {**case, "expect": "BadRecord"}), case["name"]


@pytest.mark.parametrize("name", NAMES)
def test_changed_output_fails(name: str) -> None:
    """A good case with one character of one output changed fails the run."""
    document = _document(name)
    for case in document["cases"]:
        for key, value in case.get("output", {}).items():
            changed = copy.deepcopy(case)
            changed["output"][key] = _bent(value) if isinstance(value, str) else [value]
            assert _fails(document, changed), f"{case['name']}: {key}"


@pytest.mark.parametrize("name", NAMES)
def test_changed_record_fails(name: str) -> None:
    """A good case with one character of a signed record changed fails the run."""
    document = _document(name)
    tried = 0
    for case in document["cases"]:
        if case["expect"] != "ok":
            continue
        for key in {"record", "signature", "plaintext", "commitment", "opening_key"} & set(
            case["input"]
        ):
            changed = copy.deepcopy(case)
            changed["input"][key] = _bent(case["input"][key])
            tried += 1
            assert _fails(document, changed) or case["operation"] == "envelope", case["name"]
    assert tried or name in {"device_list.json", "address.json", "safety_number.json"}


def test_empty_file_fails() -> None:
    """A file without cases, or of another format, does not pass for a good one."""
    assert run_file(b'{"format": "hushpost vectors 1", "cases": []}')
    assert run_file(b'{"format": "other", "cases": [{}]}')
