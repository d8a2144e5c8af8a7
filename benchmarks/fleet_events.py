"""What happens to a fleet now and then: nodes are lost, logs are written anew. Pure arithmetic."""

from dataclasses import dataclass

from benchmarks.fleet_assumptions import Assumptions
from benchmarks.fleet_model import (
    DAY_SECONDS,
    GIB,
    MIB,
    PAGE_BYTES,
    Fleet,
    Need,
    lost_with_a_region,
    rewrite_speed,
)


@dataclass(frozen=True, slots=True)
class Storm:
    """Devices that come back at once after relays were lost."""

    lost: str
    devices: float
    relays_left: int
    logins_per_second: float
    bound: str
    proxy_cores: float
    redial_seconds: float
    full_after: float

    @property
    def seconds(self) -> float:
        """How long until the last is back, if none fails at its first try."""
        return max(self.redial_seconds, self.devices / self.logins_per_second)


@dataclass(frozen=True, slots=True)
class Rewrite:
    """What it takes to have all logs written anew once, and what one server needs for it."""

    servers: int
    seconds_each: float
    seconds_in_turn: float
    due_after_seconds: float
    fork_seconds: float
    at_once: int
    memory_gib: float
    disk_gib: float
    written_gib_a_day: float
    copy_seconds: float


@dataclass(frozen=True, slots=True)
class Talk:
    """What relays and Redis say to each other besides mail."""

    looks_per_second: float
    relay_cores: float
    redis_cores: float
    relay_times_mail: float
    redis_times_mail: float
    hints_per_second: float
    channels: int
    server_looks_per_second: float
    relay_mesh: float
    redis_mesh: float
    descriptors: float
    ports_share: float
    sweep_seconds: float
    crossing_share: float
    clients_of_a_primary: float
    relays_max: float


def storms(fleet: Fleet, given: Assumptions) -> tuple[Storm, ...]:
    """Reckon the loss of one relay, of a machine, of a region, and a start of everything."""
    relays = fleet.relays
    machine = min(round(given.relays_per_machine), relays - 1)
    region = lost_with_a_region(relays, given)
    return (
        _storm("one relay", 1, fleet, given),
        _storm("one machine", machine, fleet, given),
        _storm(f"{given.lost_share:.0%} of all relays", region, fleet, given),
        _storm("all, and all are back", 0, fleet, given, devices=fleet.load.connections),
    )


def _storm(
    name: str, lost: int, fleet: Fleet, given: Assumptions, *, devices: float | None = None
) -> Storm:
    left = fleet.relays - lost
    load = fleet.load
    back = load.connections * lost / fleet.relays if devices is None else devices
    busy = _use(fleet.relay_use, "processor") * (fleet.relays / left if devices is None else 0)
    free_redis = 1 - _use(fleet.redis_use, "processor")
    rates = {
        "`connects_per_second`": left * given.connects_per_second,
        "the relays' processors": left * max(0.05, 1 - busy) * 1e6 / given.relay_us_per_login,
        "Redis's processors": fleet.primaries * free_redis * 1e6 / given.redis_us_per_login,
    }
    bound = min(rates, key=lambda name: rates[name])
    cores = min(rates[bound], back / given.redial_seconds) * given.proxy_us_per_handshake / 1e6
    full = (load.connections + load.posting) / (left * given.relay_connections_max)
    return Storm(name, back, left, rates[bound], bound, cores, given.redial_seconds, full)


def rewrite(fleet: Fleet, given: Assumptions) -> Rewrite:
    """Reckon a round over all servers, and the worst that a single one needs meanwhile."""
    data = _use(fleet.redis_use, "memory") * given.primary_gib
    seconds = data * GIB / rewrite_speed(given)
    servers = fleet.primaries + fleet.replicas
    each = fleet.load.envelopes_per_second / fleet.primaries
    # Forked memory is shared until it is written to; what is written meanwhile exists twice.
    copied = min(data, each * given.pages_per_envelope * PAGE_BYTES * seconds / GIB)
    # A log grows until it is due, and until its turn has come; then old and new lie side by side.
    in_turn = (1 + given.replicas) * seconds
    growing = each * given.log_bytes_per_envelope
    largest = given.rewrite_after_mib * MIB
    due = min(given.rewrite_after_seconds, largest / growing)
    usually = min(given.rewrite_after_seconds, largest / (growing / given.peak_factor))
    return Rewrite(
        servers=servers,
        seconds_each=seconds,
        seconds_in_turn=in_turn,
        due_after_seconds=due,
        fork_seconds=data * given.fork_ms_per_gib / 1e3,
        at_once=fleet.primaries,
        memory_gib=data + copied,
        disk_gib=2 * data + growing * (due + in_turn) / GIB,
        written_gib_a_day=data * DAY_SECONDS / (usually + in_turn),
        copy_seconds=data * GIB * 8 / (given.network_mbit * 1e6),
    )


def talk(fleet: Fleet, given: Assumptions) -> Talk:
    """Reckon looks and hints, beside the mail itself."""
    load = fleet.load
    looks_relay = load.connections * given.relay_us_per_connection_second / 1e6
    looks_redis = load.connections * given.redis_us_per_connection_second / 1e6
    mail_relay = load.envelopes_per_second * given.relay_us_per_envelope / 1e6
    mail_redis = load.envelopes_per_second * given.redis_us_per_envelope / 1e6
    crossing = 1 - 1 / fleet.relays
    online = load.connections / load.devices
    return Talk(
        looks_per_second=load.connections,
        relay_cores=looks_relay,
        redis_cores=looks_redis,
        relay_times_mail=looks_relay / mail_relay,
        redis_times_mail=looks_redis / mail_redis,
        hints_per_second=load.envelopes_per_second * crossing * online,
        channels=fleet.relays,
        server_looks_per_second=fleet.relays / given.server_look_seconds,
        relay_mesh=fleet.relay_mesh,
        redis_mesh=fleet.redis_mesh,
        descriptors=given.relay_connections_max + fleet.primaries * given.connections_per_server,
        ports_share=given.relay_connections_max / given.ports_per_relay,
        sweep_seconds=load.devices * given.sweep_us_per_device / 1e6,
        crossing_share=crossing,
        clients_of_a_primary=fleet.relays * given.connections_per_server,
        relays_max=given.clients_max / given.connections_per_server,
    )


def _use(needs: tuple[Need, ...], resource: str) -> float:
    return next(need.units for need in needs if need.resource == resource)
