"""The arithmetic of `fleet`: what so many accounts ask for, what it takes, and what is full first.

Pure. All that grows with the accounts grows in proportion, so one account is enough to tell at how
many a resource is full.
"""

import math
from dataclasses import dataclass
from typing import Final

from benchmarks.fleet_assumptions import Assumptions, AssumptionUnusable

DAY_SECONDS: Final = 86_400
MICRO: Final = 1e-6
KIB: Final = 1 << 10
MIB: Final = 1 << 20
GIB: Final = 1 << 30
PAGE_BYTES: Final = 4096
# Two nodes or more are a service; one that is lost leaves one.
RELAYS_MIN: Final = 2
# As many as a cluster must have to agree on who takes over.
PRIMARIES_MIN: Final = 3
CLIENTS: Final = "clients of a primary"
ACCOUNTS_MAX: Final = 1e11


@dataclass(frozen=True, slots=True)
class Load:
    """What people do in the busiest minute, and what lies in Redis meanwhile."""

    accounts: float
    devices: float
    connections: float
    posting: float
    messages_per_second: float
    envelopes_per_second: float
    logins_per_second: float
    handshakes_per_second: float
    waiting_for_awake: float
    waiting_for_away: float

    @property
    def waiting(self) -> float:
        """Envelopes that wait."""
        return self.waiting_for_awake + self.waiting_for_away


@dataclass(frozen=True, slots=True)
class Need:
    """How many units of their kind one resource takes at full use."""

    resource: str
    units: float


@dataclass(frozen=True, slots=True)
class Fleet:
    """A fleet for a load: counts, and how full each resource is in the busiest minute."""

    load: Load
    relays: int
    primaries: int
    replicas: int
    relay_use: tuple[Need, ...]
    redis_use: tuple[Need, ...]

    @property
    def clients(self) -> Need:
        """How full a primary's table of clients is: more primaries do not help."""
        return next(need for need in self.redis_use if need.resource == CLIENTS)

    @property
    def fullest_relay(self) -> Need:
        """What is full first on relays as people get more."""
        return max(self.relay_use, key=lambda need: need.units)

    @property
    def fullest_redis(self) -> Need:
        """What is full first in Redis."""
        return max(self.redis_use, key=lambda need: need.units)


def load_of(accounts: float, given: Assumptions) -> Load:
    """Reckon what so many accounts ask for. Raises AssumptionUnusable."""
    if not (math.isfinite(accounts) and 1 <= accounts <= ACCOUNTS_MAX):
        raise AssumptionUnusable(f"accounts is {accounts:g}; it must be 1 to {ACCOUNTS_MAX:g}")
    devices = accounts * given.devices_per_account
    awake = devices * (1 - given.away_share)
    connections = min(devices * given.online_share, awake)
    # To each device of the reader, receipts back to each of the writer's, copies to one's own.
    copies = given.devices_per_account * (1 + given.receipts_per_message)
    copies += max(0.0, given.devices_per_account - 1)
    messages = accounts * given.messages_per_account_day / DAY_SECONDS * given.peak_factor
    envelopes_a_day = accounts * given.messages_per_account_day * copies
    each_a_day = envelopes_a_day / devices
    away_days = min(given.away_days, given.ttl_days)
    away = min(each_a_day * given.away_mail_share * away_days, given.mailbox_envelopes_max)
    logins = awake * given.reconnects_per_device_day / DAY_SECONDS * given.peak_factor
    posting = connections * given.posting_share
    offline = (awake - connections) * each_a_day * given.waiting_hours / 24
    return Load(
        accounts=accounts,
        devices=devices,
        connections=connections,
        posting=posting,
        messages_per_second=messages,
        envelopes_per_second=messages * copies,
        logins_per_second=logins,
        handshakes_per_second=logins + posting / given.posting_seconds,
        waiting_for_awake=offline,
        waiting_for_away=devices * given.away_share * away,
    )


def relay_needs(load: Load, given: Assumptions) -> tuple[Need, ...]:
    """Reckon how many relay processes each resource takes."""
    wire = load.envelopes_per_second * given.envelope_bytes * given.wire_overhead
    each_mbit = given.network_mbit / given.relays_per_machine
    return (
        Need("connections", (load.connections + load.posting) / given.relay_connections_max),
        Need("processor: mail", load.envelopes_per_second * given.relay_us_per_envelope * MICRO),
        Need(
            "processor: looking each second",
            load.connections * given.relay_us_per_connection_second * MICRO,
        ),
        Need("processor: logins", load.logins_per_second * given.relay_us_per_login * MICRO),
        Need("handshakes", load.handshakes_per_second / given.connects_per_second),
        Need(
            "memory",
            (load.connections + load.posting)
            * given.relay_kib_per_connection
            * KIB
            / (given.relay_memory_mib * MIB),
        ),
        # In from people and from Redis, out to Redis and to people: twice each way.
        Need("network", 2 * wire * 8 / (each_mbit * 1e6)),
    )


def redis_needs(load: Load, given: Assumptions) -> tuple[Need, ...]:
    """Reckon how many primaries each resource takes."""
    data = load.devices * given.redis_bytes_per_device
    mail = load.waiting * given.redis_bytes_per_envelope
    wire = load.envelopes_per_second * given.envelope_bytes * given.wire_overhead
    return (
        Need("memory: accounts and prekeys", data / (given.primary_gib * GIB)),
        Need("memory: mail that waits", mail / (given.primary_gib * GIB)),
        Need("processor: mail", load.envelopes_per_second * given.redis_us_per_envelope * MICRO),
        Need(
            "processor: looking each second",
            load.connections * given.redis_us_per_connection_second * MICRO,
        ),
        Need("processor: logins", load.logins_per_second * given.redis_us_per_login * MICRO),
        # Written as it comes, and synced; what is deleted is a line of a few bytes.
        Need(
            "disk",
            load.envelopes_per_second * given.envelope_bytes / (given.rewrite_mib_per_second * MIB),
        ),
        # Out: to relays for delivery, and to each replica.
        Need("network", wire * (1 + given.replicas) * 8 / (given.network_mbit * 1e6)),
    )


def fleet_for(accounts: float, given: Assumptions) -> Fleet:
    """Reckon the smallest fleet in which nothing is fuller than planned."""
    load = load_of(accounts, given)
    relay, redis = joined(relay_needs(load, given)), joined(redis_needs(load, given))
    relays = max(RELAYS_MIN, math.ceil(_most(relay) / given.utilisation_max))
    primaries = math.ceil(_most(redis) / given.utilisation_max)
    # The primary with the busiest mailboxes is fuller than the mean one.
    primaries = max(PRIMARIES_MIN, math.ceil(primaries * hot_factor(load, primaries, given)))
    clients = Need(CLIENTS, relays * given.connections_per_server / given.clients_max)
    return Fleet(
        load,
        relays,
        primaries,
        math.ceil(primaries * given.replicas),
        tuple(Need(need.resource, need.units / relays) for need in relay),
        (*(Need(need.resource, need.units / primaries) for need in redis), clients),
    )


def hot_factor(load: Load, primaries: int, given: Assumptions) -> float:
    """Reckon how much fuller than the mean the fullest primary is: three standard deviations.

    Mailboxes fall on slots by chance, some are busier than others, and no primary has few.
    """
    each = load.devices / max(primaries, PRIMARIES_MIN)
    return 1 + 3 * math.sqrt(given.mailbox_skew / each)


def joined(needs: tuple[Need, ...]) -> tuple[Need, ...]:
    """Put together what shares one resource: parts are named after a colon."""
    together: dict[str, float] = {}
    for need in needs:
        resource = need.resource.partition(":")[0]
        together[resource] = together.get(resource, 0.0) + need.units
    return tuple(Need(resource, units) for resource, units in together.items())


def _most(needs: tuple[Need, ...]) -> float:
    return max(need.units for need in needs)


def full_at(given: Assumptions) -> tuple[tuple[str, float], ...]:
    """Reckon at how many accounts one relay and one primary are full, by resource; least first."""
    one = load_of(1, given)
    needs = [
        *(("relay", need) for need in joined(relay_needs(one, given))),
        *(("Redis", need) for need in joined(redis_needs(one, given))),
    ]
    places = [(f"{part}: {need.resource}", 1 / need.units) for part, need in needs]
    return tuple(sorted(places, key=lambda place: place[1]))
