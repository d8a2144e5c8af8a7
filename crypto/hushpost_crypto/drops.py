"""Drops: who may post into which mailbox (docs/spec/addresses.md, section 5).

The contact makes the secret and hands the owner only its hash, so that neither the owner nor a
thief of the owner's vault can post in the contact's name. One-use drops of invitations and replies
are the exception: there the owner makes the secret and gives it away.
"""

from dataclasses import dataclass, field

from hushpost_wire.records import (
    DROP_SECRET_BYTES,
    ROUTE_BYTES,
    DropHash,
    DropReference,
    DropSecret,
    Route,
    drop_hash,
    drop_reference,
)

from hushpost_crypto import primitives
from hushpost_crypto.errors import BadLength
from hushpost_crypto.keys import Random


@dataclass(frozen=True, slots=True)
class Drop:
    """Permission to post into the mailbox at `route`; whoever has the secret has it."""

    route: Route
    secret: DropSecret = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.route) != ROUTE_BYTES or len(self.secret) != DROP_SECRET_BYTES:
            raise BadLength(f"a drop is {ROUTE_BYTES} and {DROP_SECRET_BYTES} bytes")

    def hash(self) -> DropHash:
        """Give what the mailbox's owner registers at the relay."""
        return drop_hash(self.route, self.secret)

    def reference(self) -> DropReference:
        """Give the name under which the relay speaks of this drop to its owner."""
        return drop_reference(self.hash())


def make_drop(route: Route, random: Random = primitives.random_bytes) -> Drop:
    """Make a drop for that mailbox. It is good once its owner has registered the hash."""
    return Drop(route, DropSecret(random(DROP_SECRET_BYTES)))


def make_route(random: Random = primitives.random_bytes) -> Route:
    """Make the random name of a new mailbox."""
    return Route(random(ROUTE_BYTES))
