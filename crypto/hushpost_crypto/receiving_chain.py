r"""A peer's sending chain as its receiver holds it, and the keys of messages not yet seen.

    header key --opens--> header (constant part, n)
    chain key --HMAC 0x02--> next chain key          n counts the steps
        \----HMAC 0x01--> message key n              used once, or kept as skipped

Implements docs/spec/pairwise.md, sections 5 and 10. Frozen; the map of skipped keys is replaced
when a message is skipped or a skipped one arrives, and shared between states otherwise.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from hushpost_crypto.concealed import Concealed
from hushpost_crypto.errors import Undecryptable
from hushpost_crypto.kem_ratchet import KemShape
from hushpost_crypto.limits import CHAIN_MESSAGES_MAX, JUMP_MAX, SKIPPED_KEY_DAYS_MAX
from hushpost_crypto.primitives import hmac_sha256

_MESSAGE_KEY: Final = b"\x01"
_CHAIN_KEY: Final = b"\x02"


class SkippedKey(NamedTuple):
    """The key of a message that has not arrived, and the day since which it is kept."""

    message_key: bytes
    day: int

    def __repr__(self) -> str:
        return "<SkippedKey: secret>"


NO_KEYS: Final[Mapping[int, SkippedKey]] = {}


def chain_step(chain_key: bytes) -> tuple[bytes, bytes]:
    """Give (next chain key, message key)."""
    return hmac_sha256(chain_key, _CHAIN_KEY), hmac_sha256(chain_key, _MESSAGE_KEY)


@dataclass(frozen=True, slots=True, repr=False)
class ReceivingChain(Concealed):
    """``chain_key`` is empty once the peer has moved on; ``number`` is the next in order."""

    header_key: bytes
    shape: KemShape
    header_hash: bytes
    chain_key: bytes
    number: int
    skipped: Mapping[int, SkippedKey]

    def take(self, number: int, day: int) -> tuple["ReceivingChain", bytes]:
        """Give the chain after message ``number`` and that message's key.

        Raises `Undecryptable` for a key that was used or dropped, and for a jump beyond the limit.
        """
        if number < self.number:
            return self._take_skipped(number)
        if not self.chain_key or number >= CHAIN_MESSAGES_MAX:
            raise Undecryptable
        ahead = self.skip_to(number, day)
        chain_key, message_key = chain_step(ahead.chain_key)
        return ahead._moved(chain_key, number + 1, ahead.skipped), message_key

    def skip_to(self, number: int, day: int) -> "ReceivingChain":
        """Keep the keys of all messages before ``number`` that have not arrived."""
        if number <= self.number:
            return self
        if number - self.number > JUMP_MAX:
            raise Undecryptable
        skipped = dict(self.skipped)
        chain_key = self.chain_key
        for missing in range(self.number, number):
            chain_key, message_key = chain_step(chain_key)
            skipped[missing] = SkippedKey(message_key, day)
        return self._moved(chain_key, number, skipped)

    def closed(self) -> "ReceivingChain":
        """Give the chain without its chain key: no message beyond the skipped ones will come."""
        return self._moved(b"", self.number, self.skipped)

    def without_expired(self, day: int) -> "ReceivingChain":
        """Give the chain without keys that were kept for their time."""
        kept = {
            number: key
            for number, key in self.skipped.items()
            if day - key.day <= SKIPPED_KEY_DAYS_MAX
        }
        if len(kept) == len(self.skipped):
            return self
        return self._moved(self.chain_key, self.number, kept)

    def without_oldest(self, count: int) -> "ReceivingChain":
        """Give the chain without its ``count`` lowest skipped keys."""
        kept = dict(sorted(self.skipped.items())[count:])
        return self._moved(self.chain_key, self.number, kept)

    def _take_skipped(self, number: int) -> tuple["ReceivingChain", bytes]:
        found = self.skipped.get(number)
        if found is None:
            raise Undecryptable
        skipped = dict(self.skipped)
        del skipped[number]
        return self._moved(self.chain_key, self.number, skipped), found.message_key

    def _moved(
        self, chain_key: bytes, number: int, skipped: Mapping[int, SkippedKey]
    ) -> "ReceivingChain":
        return ReceivingChain(
            self.header_key, self.shape, self.header_hash, chain_key, number, skipped
        )
