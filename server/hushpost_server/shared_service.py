"""All relays of one Redis are one service: one identity key, one public_host.

Clients alarm at a relay whose key changes, and sign the host name at each login: were two relays of
one name different, half of all connections would fail. The first relay writes into the store as
whom they are known; the next ones start only as the same (docs/spec/store.md, "Many relays").
"""

from __future__ import annotations

from hushpost_store.errors import StoreFault
from hushpost_store.interface import Shared, Store
from hushpost_store.rows import ServiceMark

from hushpost_server.data_folder import DataFolder
from hushpost_server.errors import IdentityUnusable, StoreUnfit
from hushpost_server.identity import RelayIdentity

_COPY = "copy identity.json (mode 600) from a relay that serves there"
_ON_PURPOSE = "to change it for all of them on purpose, see 'One identity' in docs/operating.md"


async def identity_for(
    folder: DataFolder, store: Store, found: RelayIdentity | None
) -> RelayIdentity:
    """Return the identity that was found, or the first one; raises `IdentityUnusable`."""
    if found is not None:
        return found
    if isinstance(store, Shared) and await _service(store) is not None:
        raise IdentityUnusable(
            f"there is no identity.json in {folder.path}, and other relays on this Redis have one:"
            f" {_COPY}"
        )
    return folder.make_identity(store)


async def join(store: Shared, identity: RelayIdentity, host: str) -> ServiceMark:
    """Become one of the relays of `store`; raises `IdentityUnusable`, which says what to do.

    An identity that was handed over from the one that stands takes its place.
    """
    mine = ServiceMark(identity.public_key, host)
    stands = await claim(store, mine, None)
    if stands != mine and stands.host == host and identity.follows(stands.relay_key):
        stands = await claim(store, mine, stands)
    if stands.relay_key != mine.relay_key:
        raise IdentityUnusable(
            f"the relays on this Redis have the identity key {stands.relay_key.hex()}, and this one"
            f" has {mine.relay_key.hex()}: {_COPY}; {_ON_PURPOSE}"
        )
    if stands.host != host:
        raise IdentityUnusable(
            f'the relays on this Redis are known as "{stands.host}", and this one as "{host}": set'
            f' public_host = "{stands.host}", or HUSHPOST_RELAY_PUBLIC_HOST; {_ON_PURPOSE}'
        )
    return mine


async def replace(store: Shared, mine: ServiceMark) -> ServiceMark | None:
    """Put `mine` in place of whatever stands, and return that."""
    stands = await _service(store)
    while (now := await claim(store, mine, stands)) != mine:
        stands = now
    return stands


async def claim(store: Shared, mine: ServiceMark, instead_of: ServiceMark | None) -> ServiceMark:
    """See `Shared.claim_service`; what fails is told to the operator."""
    try:
        return await store.claim_service(mine, instead_of=instead_of)
    except StoreFault as error:
        raise StoreUnfit(f"the Redis store cannot be used: {error}") from None


async def _service(store: Shared) -> ServiceMark | None:
    try:
        return await store.service()
    except StoreFault as error:
        raise StoreUnfit(f"the Redis store cannot be used: {error}") from None
