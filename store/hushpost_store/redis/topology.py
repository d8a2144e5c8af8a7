"""Which server owns which slot."""

from __future__ import annotations

from dataclasses import dataclass

from hushpost_store.redis.address import Address
from hushpost_store.redis.answers import items, number
from hushpost_store.redis.command import SLOTS, Answer, ServerError


@dataclass(frozen=True, slots=True)
class Topology:
    """The primaries by slot, and every server that was named, to ask again from."""

    owners: tuple[Address | None, ...]
    servers: tuple[Address, ...]
    is_whole: bool = True
    """Whether who told it was in touch with the others."""

    @classmethod
    def single(cls, address: Address) -> Topology:
        """Return the topology of a server without a cluster: it owns every slot."""
        return cls((address,) * SLOTS, (address,))

    @classmethod
    def read(cls, answer: Answer, asked: Address, *, is_whole: bool = True) -> Topology:
        """Read what `CLUSTER SLOTS` answered. Raises ServerError."""
        owners: list[Address | None] = [None] * SLOTS
        servers: dict[Address, None] = {asked: None}
        try:
            for row in items(answer):
                first, last, *nodes = items(row)
                addresses = [_address(node, asked) for node in nodes]
                servers.update(dict.fromkeys(addresses))
                for slot in range(number(first), number(last) + 1):
                    owners[slot] = addresses[0]
        except (ValueError, IndexError) as error:
            raise ServerError("the answer to CLUSTER SLOTS cannot be read") from error
        return cls(tuple(owners), tuple(servers), is_whole)

    @property
    def primaries(self) -> tuple[Address, ...]:
        """Return each owner of a slot once, in the order of the slots."""
        return tuple(dict.fromkeys(owner for owner in self.owners if owner is not None))

    @property
    def reliability(self) -> tuple[bool, int]:
        """Return what is compared where servers tell different things."""
        return self.is_whole, sum(owner is not None for owner in self.owners)

    def moved(self, slot: int, owner: Address) -> Topology:
        """Return the topology in which `owner` has this slot."""
        if self.owners[slot] == owner:
            return self  # the first of many commands that were sent there has told it
        owners = (*self.owners[:slot], owner, *self.owners[slot + 1 :])
        servers = tuple(dict.fromkeys((*self.servers, owner)))
        return Topology(owners, servers, self.is_whole)


def _address(node: Answer, asked: Address) -> Address:
    host, port, *_ = items(node)
    named = host.decode() if isinstance(host, bytes) else ""
    return Address(named or asked.host, number(port))
