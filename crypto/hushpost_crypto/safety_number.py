"""The safety number: 60 digits that two people compare (docs/spec/identity.md, section 9)."""

from dataclasses import dataclass
from typing import Final

from hushpost_wire.encoding import labelled
from hushpost_wire.labels import SAFETY_NUMBER
from hushpost_wire.records import AccountId

from hushpost_crypto import primitives
from hushpost_crypto.errors import Misuse

GROUPS: Final = 12
_GROUP_BYTES: Final = 5
_GROUP_MODULUS: Final = 100_000


@dataclass(frozen=True, slots=True)
class SafetyNumber:
    """Twelve groups of five digits; `str` gives them divided by spaces."""

    groups: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join(self.groups)


def safety_number(one: AccountId, other: AccountId) -> SafetyNumber:
    """Give the number of two accounts, the same in either order.

    What it proves: both see the same two account ids. The person says whether they compared it.
    """
    if one == other:
        raise Misuse("an account has no safety number with itself")
    digest = primitives.sha512(labelled(SAFETY_NUMBER, *sorted((one, other))))
    return SafetyNumber(tuple(_group(digest, index) for index in range(GROUPS)))


def _group(digest: bytes, index: int) -> str:
    part = digest[index * _GROUP_BYTES : (index + 1) * _GROUP_BYTES]
    return f"{int.from_bytes(part, 'big') % _GROUP_MODULUS:05d}"
