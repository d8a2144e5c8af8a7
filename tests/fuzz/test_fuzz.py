"""The fuzzer finds what is planted, the corpus is what its seeds say, and its inputs pass."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tracemalloc
from contextlib import suppress

import pytest

from tests.fuzz import corpus, plain_driver
from tests.fuzz.all_targets import TARGETS
from tests.fuzz.bugs import BUGS
from tests.fuzz.edits import EDIT_BYTES, EDITS_MAX, edited
from tests.fuzz.mutation import INPUT_BYTES_MAX, mutated
from tests.fuzz.plain_driver import fuzz, try_input
from tests.fuzz.target import Target

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


def test_lists_within_lists_do_not_fill_the_memory() -> None:
    """Repeating an inner list and then the outer ones would ask for gigabytes."""
    chance = random.Random(2)
    data = json.dumps([[[["0123456789"] * 4] * 4] * 4] * 4).encode()
    tracemalloc.start()
    try:
        for _ in range(200):
            mutated(data, [data], chance, text=True)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 100_000_000


def test_an_input_that_never_ends_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also in a target that catches every exception; the input is reported, not waited for."""
    monkeypatch.setattr(plain_driver, "SECONDS_MAX", 0.05)

    def run(data: bytes) -> None:
        while data:
            with suppress(Exception):
                len(data)

    target = Target("endless", run, tuple)
    assert try_input(target, b"") is None
    finding = try_input(target, b"x")
    assert finding is not None
    assert "took more than 0.05 s" in finding.what


def test_an_input_that_eats_memory_is_found() -> None:
    """A process that fuzzes has its own bound, far below the machine's memory."""
    program = (
        "from tests.fuzz.plain_driver import bound_memory, try_input\n"
        "from tests.fuzz.target import Target\n"
        "bound_memory()\n"
        "target = Target('hungry', lambda data: bytearray(len(data) << 31) and None, tuple)\n"
        "assert try_input(target, b'') is None\n"
        "print(try_input(target, b'x').what)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "MemoryError" in done.stdout


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
