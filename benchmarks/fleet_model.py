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
NODES: Final = "nodes of a cluster"
SLOTS: Final = 16_384
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
    takes_per_second: float
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
    # What grows with relays and servers multiplied, as shares of one of their processors; it is in
    # the uses already.
    relay_mesh: float
    redis_mesh: float

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
    takes = accounts * given.new_contacts_per_account_day * given.devices_per_account
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
        takes_per_second=takes / DAY_SECONDS * given.peak_factor,
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
        Need("processor: prekeys", load.takes_per_second * given.relay_us_per_take * MICRO),
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
        Need("processor: prekeys", load.takes_per_second * given.redis_us_per_take * MICRO),
        # Primaries side by side, then their replicas, all within what the promise leaves.
        Need("time to rewrite", (data + mail) * (1 + given.replicas) / rewritten_bytes(given)),
        Need(
            "disk: mail",
            load.envelopes_per_second
            * given.log_bytes_per_envelope
            / (given.disk_mib_per_second * MIB),
        ),
        # A server writes all that it has, once in the time after which a rewrite is due.
        Need(
            "disk: rewrites",
            (data + mail) / (given.disk_mib_per_second * MIB * given.rewrite_after_seconds),
        ),
        # Out: to relays for delivery, and to each replica.
        Need("network", wire * (1 + given.replicas) * 8 / (given.network_mbit * 1e6)),
    )


def rewrite_speed(given: Assumptions) -> float:
    """Reckon at how many bytes a second a server writes its log anew."""
    return min(given.rewrite_mib_per_second, given.disk_mib_per_second) * MIB


def rewritten_bytes(given: Assumptions) -> float:
    """Reckon how much a server can write anew in the time that the promise leaves for it."""
    left = given.deletion_seconds_max - given.rewrite_after_seconds
    if left <= 0:
        raise AssumptionUnusable("deletion_seconds_max must be more than rewrite_after_seconds")
    return rewrite_speed(given) * left


def fleet_for(accounts: float, given: Assumptions) -> Fleet:
    """Reckon the smallest fleet in which nothing is fuller than planned."""
    load = load_of(accounts, given)
    relay, redis = joined(relay_needs(load, given)), joined(redis_needs(load, given))
    relays = _enough_relays(_most(relay), given)
    primaries = math.ceil(_most(redis) / given.utilisation_max)
    # The primary with the busiest mailboxes is fuller than the mean one.
    primaries = max(PRIMARIES_MIN, math.ceil(primaries * hot_factor(load, primaries, given)))
    replicas = math.ceil(primaries * given.replicas)
    relay_mesh, redis_mesh = _mesh(relays, primaries, replicas, given)
    return Fleet(
        load,
        relays,
        primaries,
        replicas,
        _shares(relay, relays, relay_mesh),
        (
            *_shares(redis, primaries, redis_mesh),
            Need(CLIENTS, relays * given.connections_per_server / given.clients_max),
            Need(NODES, (primaries + replicas) / given.cluster_nodes_max),
        ),
        relay_mesh,
        redis_mesh,
    )


def lost_with_a_region(relays: int, given: Assumptions) -> int:
    """Reckon how many relays are lost with a region, the larger part where it does not halve."""
    return min(max(1, math.ceil(relays * given.lost_share)), relays - 1)


def _enough_relays(most: float, given: Assumptions) -> int:
    """Reckon how many are no fuller than planned, and carry all when a region is lost."""
    left = min(given.utilisation_max, 1 - given.lost_share)
    relays = max(RELAYS_MIN, math.ceil(most / left))
    # What is lost is rounded up, so it may take one or two more.
    while relays - lost_with_a_region(relays, given) < most:
        relays += 1
    return relays


def _mesh(relays: int, primaries: int, replicas: int, given: Assumptions) -> tuple[float, float]:
    """Reckon what every relay does with every server, and every server with every relay."""
    looks = 1 / given.server_look_seconds
    relay = primaries * given.relay_us_per_look_script
    relay += (primaries + replicas) * looks * given.relay_us_per_server_look
    redis = relays * (given.redis_us_per_look_script + looks * given.redis_us_per_server_look)
    # One primary holds what all relays share.
    redis += relays * given.redis_us_per_tally
    return relay * MICRO, redis * MICRO


def _shares(needs: tuple[Need, ...], nodes: int, mesh: float) -> tuple[Need, ...]:
    return tuple(
        Need(need.resource, need.units / nodes + (mesh if need.resource == "processor" else 0.0))
        for need in needs
    )


def hot_factor(load: Load, primaries: int, given: Assumptions) -> float:
    """Reckon how much fuller than the mean the fullest primary is: three standard deviations.

    Mailboxes fall on slots by chance, some are busier than others, and no primary has few.
    """
    count = max(primaries, PRIMARIES_MIN)
    chance = 1 + 3 * math.sqrt(given.mailbox_skew * count / load.devices)
    # Slots are whole: some primaries have one more than others.
    return chance * math.ceil(SLOTS / count) * count / SLOTS


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
