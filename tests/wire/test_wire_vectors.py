"""The published vectors of the wire are fresh, pass, and would fail were they corrupted."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.wire.control_examples import Example
from tests.wire.wire_vectors import FOLDER, Case, files, run_control, run_frame

Runner = Callable[[Case], tuple[str, Example | None]]


def load(name: str) -> list[Case]:
    """Read the cases of a vector file."""
    cases: list[Case] = json.loads((FOLDER / name).read_text())["cases"]
    return cases


def passes(case: Case, run: Runner) -> bool:
    """Say whether a case has the outcome, and the fields, that it names."""
    outcome, fields = run(case)
    return outcome == case["expect"] and ("fields" not in case or case["fields"] == fields)


FRAMES = [(case, run_frame) for case in load("frames.json")]
CONTROL = [(case, run_control) for case in load("control.json")]


@pytest.mark.parametrize(("case", "run"), FRAMES + CONTROL)
def test_each_vector_passes(case: Case, run: Runner) -> None:
    """The code agrees with the file, case by case."""
    assert passes(case, run), case["name"]


def test_the_files_are_what_the_generator_makes() -> None:
    """A change of format without new vectors is caught here."""
    for path, text in files().items():
        assert path.read_text() == text, f"stale: run python -m tests.wire.wire_vectors ({path})"


def test_every_case_has_its_own_name() -> None:
    """A failure can be looked up by receiver and name."""
    for name in ("frames.json", "control.json"):
        names = [(case["receiver"], case["name"]) for case in load(name)]
        assert len(names) == len(set(names))


@pytest.mark.parametrize(("case", "run"), FRAMES + CONTROL)
def test_a_case_with_another_expectation_fails(case: Case, run: Runner) -> None:
    """The runner can fail: swap what is expected and each case does."""
    swapped = "malformed" if case["expect"] == "ok" else "ok"
    assert not passes({**case, "expect": swapped}, run)


def test_corrupted_data_fails() -> None:
    """One flipped bit in any byte of a good frame, or of its fields, no longer passes."""
    for case, run in FRAMES:
        if case["expect"] != "ok" or len(case["hex"]) > 400:
            continue
        data = bytes.fromhex(case["hex"])
        for offset in range(len(data)):
            broken = bytearray(data)
            broken[offset] ^= 1
            assert not passes({**case, "hex": broken.hex()}, run), (case["name"], offset)


def test_corrupted_messages_fail() -> None:
    """A good control message cut anywhere near its end no longer passes."""
    good: list[tuple[Case, Any]] = [pair for pair in CONTROL if pair[0]["expect"] == "ok"]
    assert len(good) == 21
    for case, run in good:
        for cut in (1, 2, 3):
            assert not passes({**case, "text": case["text"][:-cut]}, run)
