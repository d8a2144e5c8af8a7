"""What a server says of its replication: its life as a primary, and who follows it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from hushpost_store.redis import answers
from hushpost_store.redis.address import Address
from hushpost_store.redis.command import LIFE_BYTES, Answer, ServerError

if TYPE_CHECKING:
    from hushpost_store.redis.shards import Shards


async def replicas_of(
    shards: Shards, primary: Address, *, silent_seconds_max: float = math.inf
) -> list[Address]:
    """Return the replicas that have all that the primary had. Raises StoreFault.

    `silent_seconds_max`: without those of which the primary has heard nothing for longer. A replica
    says each second what it has; one that hangs is `online` to Redis for a minute all the same.
    """
    answer = await shards.ask_server(primary, b"INFO", b"replication")
    found: list[Address] = []
    for name, value in _lines(answer):
        if name.startswith("slave") and "=" in value:
            found += _online(value, silent_seconds_max)
    return found


def _online(replica: str, silent_seconds_max: float) -> list[Address]:
    """Return where a replica is, if it has all; nothing where that cannot be read."""
    parts = (part.partition("=") for part in replica.split(","))
    said = {name: value for name, _, value in parts}
    if said.get("state") != "online" or not said.get("port", "").isdecimal():
        return []
    lag = said.get("lag", "")
    if lag.isdecimal() and int(lag) > silent_seconds_max:
        return []
    return [Address(said.get("ip", ""), int(said["port"]))]


def life_of(answer: Answer) -> bytes | None:
    """Return what `INFO replication` calls a primary's life; None where it is none.

    Redis draws a replication id whenever a server starts, and when a replica takes over: two
    servers, or one before and after, that may not hold the same have different ones.
    """
    said = dict(_lines(answer))
    if said.get("role") != "master":
        return None
    try:
        return bytes.fromhex(said["master_replid"])[:LIFE_BYTES]
    except (KeyError, ValueError):
        raise ServerError("a server does not say what its replication is called") from None


def _lines(answer: Answer) -> list[tuple[str, str]]:
    lines = answers.blob(answer).decode(errors="replace").splitlines()
    return [(name, value) for name, colon, value in (x.partition(":") for x in lines) if colon]
