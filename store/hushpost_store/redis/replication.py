"""Which replicas follow a primary now."""

from __future__ import annotations

from hushpost_store.redis import answers
from hushpost_store.redis.address import Address
from hushpost_store.redis.shards import Shards


async def replicas_of(shards: Shards, primary: Address) -> list[Address]:
    """Return the replicas that have all that the primary had. Raises StoreFault."""
    answer = await shards.ask_server(primary, b"INFO", b"replication")
    found: list[Address] = []
    for line in answers.blob(answer).decode().splitlines():
        name, _, value = line.partition(":")
        if name.startswith("slave") and "=" in value:
            said = dict(part.split("=", 1) for part in value.split(","))
            if said.get("state") == "online":
                found.append(Address(said["ip"], int(said["port"])))
    return found
