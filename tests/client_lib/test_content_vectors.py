"""The published vectors of the inner message are fresh, true for the code, and able to fail."""

import json

import pytest

from tests.client_lib.content_vectors import PATH, Case, run, vectors

CASES: list[Case] = json.loads(PATH.read_text())["cases"]


def _passes(case: Case) -> bool:
    outcome, output = run(bytes.fromhex(case["input"]["bytes"]))
    return outcome == case["expect"] and output == case.get("output")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_each_vector_passes(case: Case) -> None:
    """The code reads what is good and refuses what is not, for the reason named."""
    assert _passes(case)


def test_the_file_is_what_the_generator_makes() -> None:
    """A change of format without new vectors is caught here."""
    assert PATH.read_text() == vectors(), "stale: run python -m tests.client_lib.content_vectors"
    assert len({case["name"] for case in CASES}) == len(CASES)


def test_a_wrong_expectation_and_a_flipped_bit_fail() -> None:
    """The runner can fail: swap what is expected, or flip any byte of a good case."""
    for case in CASES:
        swapped = "ContentMalformed" if case["expect"] == "ok" else "ok"
        assert not _passes(case | {"expect": swapped})
        data = bytes.fromhex(case["input"]["bytes"])
        for offset in range(len(data)) if case["expect"] == "ok" else ():
            broken = bytearray(data)
            broken[offset] ^= 1
            assert not _passes(case | {"input": {"bytes": broken.hex()}}) or not _is_read(case)


def _is_read(case: Case) -> bool:
    # Of a kind that no version knows yet, nothing behind the header is looked at.
    return "Unknown" not in case["output"]
