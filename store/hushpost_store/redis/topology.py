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

    @classmethod
    def single(cls, address: Address) -> Topology:
        """Return the topology of a server without a cluster: it owns every slot."""
        return cls((address,) * SLOTS, (address,))

    @classmethod
    def read(cls, answer: Answer, asked: Address) -> Topology:
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
        return cls(tuple(owners), tuple(servers))

    @property
    def primaries(self) -> tuple[Address, ...]:
        """Return each owner of a slot once, in the order of the slots."""
        return tuple(dict.fromkeys(owner for owner in self.owners if owner is not None))

    def moved(self, slot: int, owner: Address) -> Topology:
        """Return the topology in which `owner` has this slot."""
        owners = (*self.owners[:slot], owner, *self.owners[slot + 1 :])
        servers = tuple(dict.fromkeys((*self.servers, owner)))
        return Topology(owners, servers)


def _address(node: Answer, asked: Address) -> Address:
    host, port, *_ = items(node)
    named = host.decode() if isinstance(host, bytes) else ""
    return Address(named or asked.host, number(port))
