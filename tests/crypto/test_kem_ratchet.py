"""Tests of hushpost_crypto.kem_ratchet: its duties, one test each."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hushpost_crypto.kem_ratchet import NO_STEP, ORDINARY, KemFields, KemRatchet, begin_receiving

from tests.crypto.pairwise_duties import DUTIES, Pair


@pytest.mark.parametrize("duty", DUTIES["kem_ratchet"], ids=lambda duty: duty.__name__)
def test_duty(duty: Callable[[], None]) -> None:
    """Each demand of pairwise_duties, whose docstring says it, is met."""
    duty()


def test_key_and_secret_stand_or_fall_together() -> None:
    """After an answer neither is left, and while one is outstanding both are there."""
    assert KemRatchet.begin(5.5) == KemRatchet(None, b"", b"", True, 5, 0)
    pair = Pair()
    seen: set[bool] = set()
    for _ in range(6):
        pair.turn()
        for kem in (pair.alice.root.kem, pair.bob.root.kem):
            assert bool(kem.own_key) == (kem.own_secret is not None)
            seen.add(bool(kem.own_key))
    assert seen == {False, True}


def test_a_chain_without_fields_changes_nothing() -> None:
    """A key of the peer's that was not answered yet stays to be answered."""
    waiting = replace(KemRatchet.begin(0.0), peer_key=b"a key of the peer's")
    fields = KemFields.from_bytes(ORDINARY, b"")
    assert begin_receiving(waiting, fields, 7, 8.0) == (waiting, NO_STEP)
