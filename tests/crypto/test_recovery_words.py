"""Tests of hushpost_crypto.recovery_words."""

import pytest
from hushpost_crypto.errors import BadRecoveryWords
from hushpost_crypto.keys import RecoveryKey
from hushpost_crypto.recovery_words import read_recovery_words, recovery_words
from hypothesis import given
from hypothesis import strategies as st

ZEROS = recovery_words(RecoveryKey(bytes(32)))


def test_words_are_those_of_bip39() -> None:
    """32 zero bytes spell the phrase that BIP-39's own test vectors give for them."""
    assert ZEROS == ("abandon",) * 23 + ("art",)
    ones = recovery_words(RecoveryKey(b"\xff" * 32))
    assert ones == ("zoo",) * 23 + ("vote",)


@given(st.binary(min_size=32, max_size=32))
def test_round_trip_in_any_case_and_spacing(seed: bytes) -> None:
    """Whatever the case and the white space, the words read as the key they spell."""
    words = recovery_words(RecoveryKey(seed))
    assert len(words) == 24
    assert read_recovery_words("  " + "\n\t".join(words).upper()).seed == seed


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "has 24 words, this one has 0"),
        (ZEROS[1:], "this one has 23"),
        ((*ZEROS, "zoo"), "this one has 25"),
        (("secretword", *ZEROS[1:]), "word 1;"),
        (("zoo", *ZEROS[1:]), "check fails"),
    ],
)
def test_wrong_words_are_told_without_repeating_them(words: tuple[str, ...], told: str) -> None:
    """The message says what is wrong and never repeats a word, since it may end in a log."""
    with pytest.raises(BadRecoveryWords) as caught:
        read_recovery_words(" ".join(words))
    assert told in str(caught.value)
    assert "secretword" not in str(caught.value)
