"""The tables of docs/scale.md, written by the arithmetic that they show (`fleet`)."""

from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from typing import Final

from benchmarks.fleet_assumptions import Assumptions
from benchmarks.fleet_events import rewrite, storms, talk
from benchmarks.fleet_model import (
    CLIENTS,
    GIB,
    NODES,
    Fleet,
    fleet_for,
    full_at,
    hot_factor,
    joined,
    redis_needs,
    relay_needs,
)

# What to do when this is full. Each names what helps, not what merely delays.
ADVICE: Final = {
    "relay: connections": "start another relay, or raise `connections_max` where memory allows",
    "relay: processor": "start another relay",
    "relay: handshakes": "raise `connects_per_second`, or start another relay",
    "relay: memory": "give the process more, or start another relay",
    "relay: network": "put relays on more machines",
    "Redis: memory": "add primaries with their replicas and move slots to them",
    "Redis: processor": "add primaries with their replicas and move slots to them",
    "Redis: time to rewrite": "add primaries, each has less to write; or faster disks",
    "Redis: disk": "add primaries on disks of their own",
    "Redis: network": "add primaries on machines of their own",
}
# Times the connections of a relay that the setting allows by default.
LARGER: Final = (1, 2, 4)


def tables(given: Assumptions, sizes: Sequence[float]) -> dict[str, str]:
    """Give every table as Markdown, by the name under which the page has it."""
    fleets = [fleet_for(size, given) for size in sizes]
    return {
        "first": _first(given),
        "load": _load(fleets),
        "fleet": _fleet(fleets, given),
        "use": _use(fleets, given),
        "storm": _storm(fleets, given),
        "talk": _talk(fleets, given),
        "rewrite": _rewrite(fleets, given),
        "larger": _larger(fleets[-1].load.accounts, given),
        "assumptions": _assumptions(given),
    }


def _first(given: Assumptions) -> str:
    rows = [
        (str(place), resource, figure(accounts), ADVICE[resource])
        for place, (resource, accounts) in enumerate(full_at(given), start=1)
    ]
    return table(("", "full", "at accounts", "then"), rows)


def _load(fleets: Sequence[Fleet]) -> str:
    loads = [fleet.load for fleet in fleets]
    rows = [
        ("devices", *(figure(load.devices) for load in loads)),
        ("connected, logged in", *(figure(load.connections) for load in loads)),
        ("messages a second", *(figure(load.messages_per_second) for load in loads)),
        ("envelopes a second", *(figure(load.envelopes_per_second) for load in loads)),
        ("logins a second", *(figure(load.logins_per_second) for load in loads)),
        ("handshakes a second", *(figure(load.handshakes_per_second) for load in loads)),
        ("takes of prekeys a second", *(figure(load.takes_per_second) for load in loads)),
        ("envelopes that wait for devices in use", *(figure(x.waiting_for_awake) for x in loads)),
        ("envelopes that wait for silent devices", *(figure(x.waiting_for_away) for x in loads)),
    ]
    return table(("in the busiest minute", *_sizes(fleets)), rows)


def _fleet(fleets: Sequence[Fleet], given: Assumptions) -> str:
    each = given.relays_per_machine
    cores = [
        load.handshakes_per_second * given.proxy_us_per_handshake / 1e6
        for load in (fleet.load for fleet in fleets)
    ]
    memory = [
        (fleet.load.connections + fleet.load.posting) * given.proxy_kib_per_connection * 1024
        for fleet in fleets
    ]
    held = [
        fleet.load.devices * given.redis_bytes_per_device
        + fleet.load.waiting * given.redis_bytes_per_envelope
        for fleet in fleets
    ]
    hottest = [hot_factor(fleet.load, fleet.primaries, given) for fleet in fleets]
    rows = [
        ("relay processes", *(figure(fleet.relays) for fleet in fleets)),
        ("machines for them", *(figure(-(-fleet.relays // each)) for fleet in fleets)),
        ("Redis primaries", *(figure(fleet.primaries) for fleet in fleets)),
        ("fullest of them beside the mean", *(f"{hot:.2f} times" for hot in hottest)),
        ("replicas", *(figure(fleet.replicas) for fleet in fleets)),
        ("data in Redis, once", *(f"{figure(size / GIB)} GiB" for size in held)),
        ("with replicas", *(f"{figure(s * (1 + given.replicas) / GIB)} GiB" for s in held)),
        ("TLS at proxies, cores, in ordinary times", *(figure(core) for core in cores)),
        ("TLS at proxies, memory", *(f"{figure(size / GIB)} GiB" for size in memory)),
    ]
    return table(("", *_sizes(fleets)), rows)


def _use(fleets: Sequence[Fleet], given: Assumptions) -> str:
    rows: list[tuple[str, ...]] = []
    for part, needs_of, used in (
        ("relay", relay_needs, [fleet.relay_use for fleet in fleets]),
        ("Redis", redis_needs, [fleet.redis_use for fleet in fleets]),
    ):
        parts = [needs_of(fleet.load, given) for fleet in fleets]
        counts = [fleet.relays if part == "relay" else fleet.primaries for fleet in fleets]
        for need in joined(parts[0]):
            shares = [
                next(one.units for one in use if one.resource == need.resource) for use in used
            ]
            rows.append((f"**{part}: {need.resource}**", *(share(x) for x in shares)))
            of = [one.resource for one in parts[0] if one.resource.startswith(need.resource + ":")]
            for name in of:
                within = [
                    next(one.units for one in each if one.resource == name) / count
                    for each, count in zip(parts, counts, strict=True)
                ]
                rows.append((f"of it {name.partition(': ')[2]}", *(share(x) for x in within)))
            if need.resource == "processor":
                mesh = [
                    fleet.relay_mesh if part == "relay" else fleet.redis_mesh for fleet in fleets
                ]
                rows.append(("of it each relay with each server", *(share(x) for x in mesh)))
    for name in (CLIENTS, NODES):
        of_all = [next(n.units for n in fleet.redis_use if n.resource == name) for fleet in fleets]
        rows.append((f"**Redis: {name}**", *(share(x) for x in of_all)))
    relay = [fleet.fullest_relay.resource for fleet in fleets]
    redis = [fleet.fullest_redis.resource for fleet in fleets]
    rows.append(("breaks first at relays", *relay))
    rows.append(("breaks first in Redis", *redis))
    return table(("how full, in the busiest minute", *_sizes(fleets)), rows)


def _storm(fleets: Sequence[Fleet], given: Assumptions) -> str:
    rows = [
        (
            size,
            storm.lost,
            figure(storm.devices),
            figure(storm.logins_per_second),
            storm.bound,
            f"{figure(storm.seconds)} s",
            figure(storm.proxy_cores),
            share(storm.full_after),
        )
        for size, fleet in zip(_sizes(fleets), fleets, strict=True)
        for storm in storms(fleet, given)
    ]
    heads = (
        "",
        "lost",
        "devices come back",
        "logins/s that they take",
        "bound by",
        "all are back after",
        "cores for TLS",
        "connections then",
    )
    return table(heads, rows)


def _talk(fleets: Sequence[Fleet], given: Assumptions) -> str:
    talks = [talk(fleet, given) for fleet in fleets]
    rows = [
        ("looks a second", *(figure(one.looks_per_second) for one in talks)),
        ("cores of all relays for them", *(figure(one.relay_cores) for one in talks)),
        ("beside their mail", *(f"{one.relay_times_mail:.1f} times" for one in talks)),
        ("cores of all primaries for them", *(figure(one.redis_cores) for one in talks)),
        ("beside their mail", *(f"{one.redis_times_mail:.1f} times" for one in talks)),
        (
            "mail posted at another relay than the reader's",
            *(share(x.crossing_share) for x in talks),
        ),
        ("hints a second", *(figure(one.hints_per_second) for one in talks)),
        ("channels", *(figure(one.channels) for one in talks)),
        (
            "looks a second at each server's log",
            *(figure(x.server_looks_per_second) for x in talks),
        ),
        ("one core of each relay, for all servers", *(share(one.relay_mesh) for one in talks)),
        ("one core of each primary, for all relays", *(share(one.redis_mesh) for one in talks)),
        ("file descriptors of a relay, at most", *(figure(one.descriptors) for one in talks)),
        ("ports of one proxy to one relay", *(share(one.ports_share) for one in talks)),
        ("a sweep of all mailboxes takes", *(f"{figure(one.sweep_seconds)} s" for one in talks)),
        ("connections to each primary", *(figure(one.clients_of_a_primary) for one in talks)),
        ("relays at which a primary has no more", *(figure(one.relays_max) for one in talks)),
    ]
    return table(("", *_sizes(fleets)), rows)


def _rewrite(fleets: Sequence[Fleet], given: Assumptions) -> str:
    rounds = [rewrite(fleet, given) for fleet in fleets]
    promised = given.deletion_seconds_max - given.rewrite_after_seconds
    rows = [
        ("servers", *(figure(one.servers) for one in rounds)),
        ("due after, in the busiest minute", *(f"{figure(r.due_after_seconds)} s" for r in rounds)),
        ("one server's rewrite", *(f"{figure(one.seconds_each)} s" for one in rounds)),
        (
            "a round: primaries side by side, then replicas",
            *(f"{figure(one.seconds_in_turn)} s" for one in rounds),
        ),
        ("that is within the promise", *(_yes(one.seconds_in_turn <= promised) for one in rounds)),
        ("servers that rewrite at once", *(figure(one.at_once) for one in rounds)),
        ("memory of a server meanwhile, at most", *(f"{figure(r.memory_gib)} GiB" for r in rounds)),
        ("disk of a server, at most", *(f"{figure(one.disk_gib)} GiB" for one in rounds)),
        ("a server stands still for the fork", *(f"{figure(r.fork_seconds)} s" for r in rounds)),
        ("a server writes a day", *(f"{figure(one.written_gib_a_day)} GiB" for one in rounds)),
        ("a new replica's copy takes", *(f"{figure(one.copy_seconds)} s" for one in rounds)),
    ]
    return table(("", *_sizes(fleets)), rows)


def _larger(accounts: float, given: Assumptions) -> str:
    """Show the largest fleet with fewer, larger relays: nothing else is changed."""
    rows: list[tuple[str, ...]] = []
    for times in LARGER:
        connections = given.relay_connections_max * times
        fleet = fleet_for(accounts, replace(given, relay_connections_max=connections))
        lost = storms(fleet, given)[0]
        rows.append(
            (
                figure(connections),
                figure(fleet.relays),
                fleet.fullest_relay.resource,
                share(next(n.units for n in fleet.relay_use if n.resource == "processor")),
                share(fleet.clients.units),
                share(connections / given.ports_per_relay),
                figure(lost.devices),
            )
        )
    heads = ("connections a relay", "relays", "breaks first", "processor", "clients of a primary")
    return table((*heads, "ports of one proxy", "devices that come back when one is lost"), rows)


def _assumptions(given: Assumptions) -> str:
    rows = [
        (
            f"`{item.name}`",
            f"{getattr(given, item.name):g}",
            item.metadata["unit"],
            item.metadata["source"],
            item.metadata["reason"],
        )
        for item in fields(given)
    ]
    return table(("assumption", "value", "unit", "is", "from, or because"), rows)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table of Markdown."""
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def figure(value: float) -> str:
    """Write a figure with two digits that mean something, or whole where it is small."""
    if value >= 1e9:
        return f"{value / 1e9:.2g} billion"
    if value >= 1e6:
        return f"{value / 1e6:.3g} million"
    if value >= 100:
        digits = len(str(int(value))) - 3
        return f"{round(value / 10**digits) * 10**digits:,}" if digits > 0 else f"{value:.0f}"
    if value >= 10 or value == int(value):
        return f"{value:.0f}"
    return f"{value:.2g}"


def share(value: float) -> str:
    """Write a share as a percentage."""
    return "under 1 %" if value < 0.005 else f"{value * 100:.0f} %"


def _yes(holds: bool) -> str:
    return "yes" if holds else "**no**"


def _sizes(fleets: Sequence[Fleet]) -> list[str]:
    return [f"{figure(fleet.load.accounts)} accounts" for fleet in fleets]
