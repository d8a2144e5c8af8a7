"""Whether a server is configured to keep what the relay promises (docs/spec/store.md, "Redis").

A relay that starts says what it found; a setting that would break the chosen durability, or keep
what must be forgotten, is refused by naming the line of `redis.conf` to change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hushpost_store import errors
from hushpost_store.redis import answers
from hushpost_store.redis.address import Address
from hushpost_store.redis.barrier import Barrier
from hushpost_store.redis.command import ServerError
from hushpost_store.redis.options import Durability, RedisOptions
from hushpost_store.redis.replication import replicas_of
from hushpost_store.redis.shards import Shards

_ASKED = ("appendonly", "appendfsync", "maxmemory-policy", "save", "no-appendfsync-on-rewrite")


class ServerUnfit(errors.StoreFault):
    """A server's configuration breaks a promise; the message names the line to change."""


@dataclass(frozen=True, slots=True)
class _Rule:
    setting: str
    wanted: str
    reason: str


_FORGETS = (
    _Rule("maxmemory-policy", "noeviction", "another policy throws accepted mail away"),
    _Rule("save", '""', "snapshots keep deleted mail on the disk"),
)
_SYNCED = (
    _Rule("appendonly", "yes", "without it a restart loses accepted mail"),
    _Rule("appendfsync", "always", "otherwise ACCEPTED is said before the disk has it"),
    _Rule("no-appendfsync-on-rewrite", "no", "otherwise nothing is synced during a rewrite"),
)


def unfit(settings: Mapping[str, str], durability: Durability) -> list[str]:
    """Return a sentence for each setting that breaks a promise, naming the line to write."""
    rules = _FORGETS if durability is Durability.MEMORY else (*_FORGETS, *_SYNCED)
    return [
        f"write `{rule.setting} {rule.wanted}`: {rule.reason}"
        for rule in rules
        if settings.get(rule.setting, "") != rule.wanted.strip('"')
    ]


async def probe(shards: Shards, options: RedisOptions) -> Barrier | None:
    """Look at every primary, and at its replicas where they are counted on.

    Returns what is to be written behind each group of envelopes. Raises ServerUnfit.
    """
    durability = options.durability
    has_waitaof = True
    for address in shards.primaries:
        _refuse(address, unfit(await _settings(shards, address), durability), durability)
        if durability is Durability.REPLICATED:
            await _probe_replicas(shards, address, options)
            has_waitaof = has_waitaof and await _has_waitaof(shards, address)
    if durability is not Durability.REPLICATED:
        return None
    return Barrier(options.replicas_min, int(options.replica_seconds_max * 1000), has_waitaof)


async def _probe_replicas(shards: Shards, address: Address, options: RedisOptions) -> None:
    replicas = await replicas_of(shards, address)
    if len(replicas) < options.replicas_min:
        raise ServerUnfit(
            f"Redis at {address.host}:{address.port} has {len(replicas)} replicas that follow it,"
            f" and durability 'replicated' needs {options.replicas_min}: start one with"
            f" `replicaof {address.host} {address.port}`, or choose durability 'synced'"
        )
    for replica in replicas:
        settings = await _settings(shards, replica)
        _refuse(replica, unfit(settings, options.durability), options.durability)


def _refuse(address: Address, problems: Sequence[str], durability: Durability) -> None:
    if problems:
        lines = "\n  ".join(problems)
        raise ServerUnfit(
            f"Redis at {address.host}:{address.port} cannot keep durability"
            f" {durability.value!r}. In its redis.conf\n  {lines}"
        )


async def _has_waitaof(shards: Shards, address: Address) -> bool:
    (known,) = answers.items(await shards.ask_server(address, b"COMMAND", b"INFO", b"WAITAOF"))
    return known is not None


async def _settings(shards: Shards, address: Address) -> dict[str, str]:
    names = [name.encode() for name in _ASKED]
    try:
        answer = await shards.ask_server(address, b"CONFIG", b"GET", *names)
    except ServerError as fault:
        raise ServerUnfit(
            "the relay may not ask Redis for its configuration: allow its user CONFIG GET"
        ) from fault
    return {key.decode(): value.decode() for key, value in answers.fields(answer).items()}
