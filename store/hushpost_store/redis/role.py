"""Whether what the URL names is what a relay can work with: a primary, or a cluster's member.

Connecting succeeds to a replica and to a Sentinel as well, to a server that is too old, and as a
user who may do too little; the first write would fail, and later.
"""

from __future__ import annotations

from typing import Final

from hushpost_store import errors
from hushpost_store.redis import answers
from hushpost_store.redis.address import Address
from hushpost_store.redis.command import CommandRefused
from hushpost_store.redis.scripts import all_scripts
from hushpost_store.redis.shards import Shards
from hushpost_store.redis.url import RedisUrl


class WrongServer(errors.StoreFault):
    """The URL names a server of the wrong kind; the message says which one to name."""


async def refuse_wrong_server(shards: Shards, url: RedisUrl) -> None:
    """Look at the first server that answered. Raises WrongServer, StoreFault."""
    address = shards.primaries[0] if shards.primaries else url.seeds[0]
    place = f"{address.host}:{address.port}"
    if "sentinel_masters" in await _info(shards, address, b"sentinel"):
        raise WrongServer(
            f"{place} is a Sentinel: write the address of the Redis that it watches, and change"
            " redis_url when it has moved"
        )
    if shards.is_cluster:
        return
    if len(url.seeds) > 1:
        raise WrongServer(
            f"redis_url names {len(url.seeds)} servers, and Redis at {place} is not part of a"
            " cluster: name the one that all relays use"
        )
    replication = await _info(shards, address, b"replication")
    if replication.get("role") == "slave":
        primary = f"{replication.get('master_host')}:{replication.get('master_port')}"
        raise WrongServer(
            f"Redis at {place} is a replica of {primary} and takes no mail: name that one"
        )


async def refuse_unable(shards: Shards) -> None:
    """Try at every primary what relays need and others do not. Raises WrongServer, StoreFault."""
    for address in shards.primaries:
        place = f"{address.host}:{address.port}"
        version = (await _info(shards, address, b"server")).get("redis_version", "")
        if not version.partition(".")[0].isdecimal() or int(version.partition(".")[0]) < _OLDEST:
            raise WrongServer(
                f"Redis at {place} has version {version[:20] or 'unknown'}, and relays need"
                f" {_OLDEST}.0 or newer, or Valkey"
            )
        try:
            await shards.ask_server(address, b"SCRIPT", b"LOAD", all_scripts()["look"].text)
        except CommandRefused:
            raise WrongServer(f"Redis at {place} {_TOO_LITTLE.format('load scripts')}") from None
    try:
        await shards.ask(_CHANNEL, b"SPUBLISH", _CHANNEL, b"")
    except CommandRefused:
        raise WrongServer(f"Redis {_TOO_LITTLE.format('use the channels {*}:wake')}") from None


# Sharded channels, flags of scripts, and functions of theirs came with it.
_OLDEST: Final = 7
_CHANNEL: Final = b"{hushpost}:wake"
_TOO_LITTLE: Final = "does not let the relay's user {}: docs/operating.md says what it needs"


async def _info(shards: Shards, address: Address, section: bytes) -> dict[str, str]:
    text = answers.blob(await shards.ask_server(address, b"INFO", section)).decode(
        "utf-8", "replace"
    )
    pairs = (line.partition(":") for line in text.splitlines() if not line.startswith("#"))
    return {name: value.strip() for name, _, value in pairs}
