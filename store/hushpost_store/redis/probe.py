"""Whether a server is configured to keep what the relay promises (docs/spec/store.md, "Redis").

A relay that starts says what it found; a setting that would break the chosen durability, or keep
what must be forgotten, is refused by naming the line of `redis.conf` to change.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from hushpost_store import errors
from hushpost_store.redis import answers
from hushpost_store.redis.address import Address
from hushpost_store.redis.barrier import Barrier
from hushpost_store.redis.command import Answer, ServerError
from hushpost_store.redis.lanes import Lanes
from hushpost_store.redis.options import Durability, RedisOptions
from hushpost_store.redis.replication import replicas_of
from hushpost_store.redis.shards import Shards

# As long as Redis itself counts on a replica that says nothing (min-replicas-max-lag).
SILENT_REPLICA_SECONDS: Final = 10.0


class ServerUnfit(errors.StoreFault):
    """A server's configuration breaks a promise; the message names the line to change."""


@dataclass(frozen=True, slots=True)
class _Rule:
    setting: str
    # The first is the one that is named.
    wanted: tuple[str, ...]
    reason: str
    # Only some servers know it; where it is unknown there is nothing to forbid.
    is_new: bool = False

    @property
    def problem(self) -> str:
        """Say what to write and why."""
        line = f"{self.setting} {self.wanted[0]}" if self.wanted[0] else f'{self.setting} ""'
        return f"write `{line}`: {self.reason}"


_FORGETS = (
    _Rule("maxmemory-policy", ("noeviction",), "another policy throws accepted mail away"),
    _Rule("save", ("",), "snapshots keep deleted mail on the disk"),
    _Rule(
        "slowlog-log-slower-than",
        ("-1",),
        "the slow log keeps mailbox, drop and second of what took long",
    ),
    _Rule("crash-log-enabled", ("no",), "a report of a crash quotes what was being written"),
    # Valkey's other two logs of commands.
    _Rule(
        "commandlog-request-larger-than",
        ("-1",),
        "that log keeps mailbox, drop and second of what was large",
        is_new=True,
    ),
    _Rule(
        "commandlog-reply-larger-than",
        ("-1",),
        "that log keeps mailbox and second of what was large",
        is_new=True,
    ),
)
# A copy that goes over the disk leaves `dump.rdb` there, with all that was queued, and by
# default nothing takes it away; where `rdb-del-sync-files` does, a crash in between leaves it.
_COPIES = (
    _Rule("repl-diskless-sync", ("yes",), "otherwise copies for replicas stay on the disk"),
    _Rule(
        "repl-diskless-load",
        ("swapdb", "flush-before-load", "flushdb"),
        "otherwise a copy from the primary stays on the disk, and deleted mail with it",
    ),
)
_SYNCED = (
    _Rule("appendonly", ("yes",), "without it a restart loses accepted mail"),
    _Rule("appendfsync", ("always",), "otherwise ACCEPTED is said before the disk has it"),
    _Rule("no-appendfsync-on-rewrite", ("no",), "otherwise nothing is synced during a rewrite"),
)
_ASKED = tuple(rule.setting for rule in (*_FORGETS, *_COPIES, *_SYNCED))


def unfit(
    settings: Mapping[str, str], durability: Durability, *, is_copied: bool = True
) -> list[str]:
    """Return a sentence for each setting that breaks a promise, naming the line to write.

    `is_copied`: the server has replicas, or is or may become one.
    """
    rules = [*_FORGETS, *(_COPIES if is_copied else ())]
    rules += () if durability is Durability.MEMORY else _SYNCED
    return [rule.problem for rule in rules if not _is_kept(rule, settings.get(rule.setting))]


def _is_kept(rule: _Rule, value: str | None) -> bool:
    return value in rule.wanted or (value is None and rule.is_new)


async def probe(shards: Shards, options: RedisOptions) -> Barrier | None:
    """Look at every primary and at its replicas.

    Returns what is to be written behind each group of envelopes. Raises ServerUnfit.
    """
    durability = options.durability
    has_waitaof = True
    for address in shards.primaries:
        replicas = await replicas_of(shards, address)
        is_copied = shards.is_cluster or bool(replicas)
        problems = unfit(await _settings(shards, address), durability, is_copied=is_copied)
        _refuse(address, problems, durability)
        if durability is Durability.REPLICATED:
            heard = await replicas_of(shards, address, silent_seconds_max=SILENT_REPLICA_SECONDS)
            _refuse_alone(address, heard, options, is_cluster=shards.is_cluster)
            has_waitaof = has_waitaof and await _has_waitaof(shards, address)
        # At every durability: what must be forgotten is forgotten by the replicas too. And in a
        # cluster each of them may be the primary in a moment.
        for replica in replicas:
            if durability is Durability.REPLICATED or shards.is_cluster:
                _refuse(replica, unfit(await _settings(shards, replica), durability), durability)
            else:
                await refuse_unfit(shards, replica, durability, is_copied=True)
    if durability is not Durability.REPLICATED:
        return None
    return Barrier(options.replicas_min, int(options.replica_seconds_max * 1000), has_waitaof)


async def require_fit(
    options: RedisOptions, address: Address, lanes: Lanes, *, is_cluster: bool
) -> None:
    """Look at a primary that was just connected to. Raises ServerUnfit.

    It may have been started anew with other settings, taken over, or be new in the cluster.
    """
    settings = await _asked(lanes.ask)
    _refuse(address, unfit(settings, options.durability, is_copied=is_cluster), options.durability)


async def refuse_unfit(
    shards: Shards, address: Address, durability: Durability, *, is_copied: bool
) -> None:
    """Raise ServerUnfit where a server keeps what must be forgotten; nobody counts on its disk."""
    problems = unfit(await _settings(shards, address), Durability.MEMORY, is_copied=is_copied)
    _refuse(address, problems, durability)


def _refuse_alone(
    address: Address, replicas: Sequence[Address], options: RedisOptions, *, is_cluster: bool
) -> None:
    if len(replicas) >= options.replicas_min:
        return
    way = (
        f"add one with `redis-cli --cluster add-node HOST:PORT {address.host}:{address.port}"
        " --cluster-slave`"
        if is_cluster
        else f"start one with `replicaof {address.host} {address.port}`"
    )
    raise ServerUnfit(
        f"Redis at {address.host}:{address.port} has {len(replicas)} replicas that follow it,"
        f" and durability 'replicated' needs {options.replicas_min}: {way} (one that was started"
        " just now takes some seconds to follow), or choose durability 'synced'"
    )


def _refuse(address: Address, problems: Sequence[str], durability: Durability) -> None:
    if problems:
        lines = "\n  ".join(problems)
        raise ServerUnfit(
            f"Redis at {address.host}:{address.port} would break what is promised with durability"
            f" {durability.value!r}. In its redis.conf\n  {lines}"
        )


async def _has_waitaof(shards: Shards, address: Address) -> bool:
    (known,) = answers.items(await shards.ask_server(address, b"COMMAND", b"INFO", b"WAITAOF"))
    return known is not None


async def _settings(shards: Shards, address: Address) -> dict[str, str]:
    return await _asked(partial(shards.ask_server, address))


async def _asked(ask: Callable[..., Awaitable[Answer]]) -> dict[str, str]:
    names = [name.encode() for name in _ASKED]
    try:
        answer = await ask(b"CONFIG", b"GET", *names)
    except ServerError as fault:
        raise ServerUnfit(
            "the relay may not ask Redis for its configuration: allow its user CONFIG GET"
        ) from fault
    return {key.decode(): value.decode() for key, value in answers.fields(answer).items()}
