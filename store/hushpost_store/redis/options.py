"""How the Redis store behaves; every number has its reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from secrets import token_hex


class Durability(StrEnum):
    """What `committed` promises (docs/spec/store.md, "Redis")."""

    # Gone when Redis ends.
    MEMORY = "memory"
    # On the disk of the server that owns the mailbox.
    SYNCED = "synced"
    # On that disk, and on the disk of a replica beside it.
    REPLICATED = "replicated"


@dataclass(frozen=True, slots=True)
class RedisOptions:
    """What an operator may set. `node` names this relay among those that share the store."""

    # It may hold a password.
    url: str = field(repr=False)
    durability: Durability = Durability.SYNCED
    node: str = field(default_factory=lambda: token_hex(8))
    # A server that does not answer for so long is taken for dead, and the connection is closed:
    # a command in flight is never given up alone.
    answer_seconds_max: float = 5.0
    connect_seconds_max: float = 3.0
    # How many connections a relay has to each server (see `lanes`): sixteen let one sync serve some
    # sixty large envelopes, so that a disk which takes 2 ms for it still keeps 10,000 a second.
    connections_per_server: int = 16
    # How often a relay looks again at what it looked at when it started.
    probe_seconds: float = 10.0
    # How far the clocks of relay and servers may be apart: an envelope's end is told in hours, and
    # machines that keep time by NTP agree within a second.
    clocks_apart_seconds_max: float = 60.0
    # With `replicated`: how many replicas must have it, and how long a sender waits for them
    # before it is told to retry.
    replicas_min: int = 1
    replica_seconds_max: float = 2.0
    # Deleted envelopes leave the servers' logs within `deletion_seconds_max`: a rewrite is asked
    # for this long after a deletion, or after so much was deleted (a rewrite copies what is kept).
    deletion_seconds_max: float = 900.0
    rewrite_after_seconds: float = 600.0
    rewrite_after_bytes: int = 256 << 20
    # What waits for answers, of all servers together; above the mark senders are not read.
    waiting_bytes_max: int = 64 << 20
    waiting_bytes_high: int = 16 << 20
