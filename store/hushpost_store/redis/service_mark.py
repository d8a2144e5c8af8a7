"""As whom the relays of one Redis are known: one field of `{hushpost}:store`.

    key (32 bytes) || host in UTF-8

One field, so that it is compared and put in its place as one.
"""

from __future__ import annotations

from typing import Final

from hushpost_store import errors
from hushpost_store.redis import answers
from hushpost_store.redis.durable_run import run_durably
from hushpost_store.redis.keys import STORE_KEY
from hushpost_store.redis.shards import Shards
from hushpost_store.rows import ServiceMark

FIELD: Final = b"service"
_KEY_BYTES: Final = 32


async def read(shards: Shards) -> ServiceMark | None:
    """Return what stands. Raises StoreFault."""
    stands = await shards.ask(STORE_KEY, b"HGET", STORE_KEY, FIELD)
    return None if stands is None else _decoded(answers.blob(stands))


async def claim(shards: Shards, mine: ServiceMark, instead_of: ServiceMark | None) -> ServiceMark:
    """Compare and swap; return what stands afterwards. Raises StoreFault."""
    expected = b"" if instead_of is None else _encoded(instead_of)
    stands = await run_durably(shards, "claim_service", (STORE_KEY,), expected, _encoded(mine))
    return _decoded(answers.blob(stands))


def _encoded(mark: ServiceMark) -> bytes:
    return mark.relay_key + mark.host.encode()


def _decoded(text: bytes) -> ServiceMark:
    try:
        return ServiceMark(text[:_KEY_BYTES], text[_KEY_BYTES:].decode())
    except UnicodeDecodeError:
        raise errors.StoreDamaged("the mark of this Redis's relays cannot be read") from None
