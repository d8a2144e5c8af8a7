"""The fuzzer finds what is planted, the corpus is what its seeds say, and its inputs pass."""

from __future__ import annotations

import random

import pytest

from tests.fuzz import corpus
from tests.fuzz.all_targets import TARGETS
from tests.fuzz.bugs import BUGS
from tests.fuzz.edits import EDIT_BYTES, EDITS_MAX, edited
from tests.fuzz.mutation import INPUT_BYTES_MAX, mutated
from tests.fuzz.plain_driver import fuzz, try_input

# What a minute in CI tries of the slowest target, and a bug in any of them must be among it.
EXECUTIONS = 3_000
GENUINE = [b"first message", b"second"]


def test_every_target_has_a_corpus_and_a_bug() -> None:
    """A target without either would be a promise only."""
    assert set(TARGETS) == set(BUGS)
    assert all(corpus.stored(corpus.CORPUS, target) for target in TARGETS.values())


@pytest.mark.parametrize("name", TARGETS)
def test_the_corpus_is_what_its_seeds_say(name: str) -> None:
    """`python -m tests.fuzz --write-corpus` would change nothing."""
    target = TARGETS[name]
    assert sorted(corpus.stored(corpus.CORPUS, target)) == sorted(set(target.seeds()))


@pytest.mark.parametrize("name", TARGETS)
def test_the_corpus_and_every_former_finding_pass(name: str) -> None:
    """What once found a defect finds none any more, and real messages find none."""
    target = TARGETS[name]
    assert [try_input(target, data) for data in corpus.inputs_of(target)] == [None] * len(
        corpus.inputs_of(target)
    )


@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_is_found(name: str) -> None:
    """The plain driver finds the bug of each target within what CI spends."""
    target = TARGETS[name]
    inputs = corpus.stored(corpus.CORPUS, target)
    try_input(target, inputs[0])  # what is made once is made before the bug is there
    with BUGS[name]():
        outcome = fuzz(target, inputs, seed=1, executions=EXECUTIONS)
    assert outcome.finding is not None


def test_a_run_is_repeatable() -> None:
    """The same seed tries the same inputs."""
    first, second = (random.Random(5) for _ in range(2))
    for _ in range(200):
        assert mutated(b'{"a": [1]}', GENUINE, first, text=True) == mutated(
            b'{"a": [1]}', GENUINE, second, text=True
        )


@pytest.mark.parametrize("digits", [400, 5_000])
def test_a_number_of_many_digits_is_altered_too(digits: int) -> None:
    """Neither a number that no float holds nor one that Python refuses to print ends a run."""
    chance = random.Random(4)
    number = b'{"id": ' + b"9" * digits + b"}"
    assert all(mutated(number, GENUINE, chance, text=True) is not None for _ in range(500))


def test_mutations_stay_within_their_bound() -> None:
    """However often an input is altered, it does not grow without end."""
    chance = random.Random(3)
    data = b"0123456789"
    for _ in range(3_000):
        data = mutated(data, [data], chance)
        assert len(data) <= INPUT_BYTES_MAX


def test_an_input_without_edits_is_the_genuine_message() -> None:
    """Else no run would ever see a message open."""
    assert edited(GENUINE, b"") == GENUINE[0]
    assert edited(GENUINE, b"\x01") == GENUINE[1]
    assert edited(GENUINE, b"\x01\x00\x00") == GENUINE[1]


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (b"\x00\x00\x00\x20", b"First message"),
        (b"\x01\x00\x01\x49", b"fIrst message"),
        (b"\x02\x00\x00\x21", b"!first message"),
        (b"\x03\x00\x00\x05", b" message"[1:]),
        (b"\x04\x00\x05\x00", b"first"),
        (b"\x05\x00\x00\x02", b"fifirst message"),
    ],
)
def test_an_edit_does_what_it_says(edit: bytes, message: bytes) -> None:
    """Flip, set, insert, remove, cut and repeat, each at its place."""
    assert edited(GENUINE, b"\x00" + edit) == message


def test_edits_are_bounded() -> None:
    """A long input costs no more than the longest list of edits."""
    insert = b"\x02\x00\x00\x21"
    assert len(edited(GENUINE, b"\x00" + insert * 500)) == len(GENUINE[0]) + EDITS_MAX
    assert len(insert) == EDIT_BYTES
