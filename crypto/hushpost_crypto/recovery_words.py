"""The recovery key as 24 words on paper (docs/spec/identity.md, section 2).

The word list and its check bits are BIP-39's (English), from the `mnemonic` package; its stretching
is not used, since 256 random bits need none.
"""

from functools import cache
from typing import Final

from mnemonic import Mnemonic

from hushpost_crypto.errors import BadRecoveryWords
from hushpost_crypto.keys import RecoveryKey

WORDS: Final = 24


def recovery_words(key: RecoveryKey) -> tuple[str, ...]:
    """Spell the key; show the words once and store them nowhere."""
    return tuple(_list().to_mnemonic(key.seed).split(" "))


def read_recovery_words(text: str) -> RecoveryKey:
    """Read words as typed; raises `BadRecoveryWords`, which names places and never a word."""
    words = text.lower().split()
    if len(words) != WORDS:
        raise BadRecoveryWords(f"a recovery phrase has {WORDS} words, this one has {len(words)}")
    known = frozenset(_list().wordlist)
    unknown = [str(place) for place, word in enumerate(words, 1) if word not in known]
    if unknown:
        raise BadRecoveryWords(f"not in the word list: word {', '.join(unknown)}; look for a typo")
    try:
        return RecoveryKey(bytes(_list().to_entropy(words)))
    except ValueError:
        raise BadRecoveryWords(
            "the words are known but their check fails: a word is wrong or two changed places"
        ) from None


@cache
def _list() -> Mnemonic:
    return Mnemonic("english")
