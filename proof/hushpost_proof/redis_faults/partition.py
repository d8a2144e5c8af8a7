"""A primary cut off from the majority, together with relays and their clients.

    unshare --net python -m hushpost_proof.redis_faults.partition FOLDER SEED [--long] \
        [--setting cluster-node-timeout=8000 --setting min-replicas-to-write=1 ...]

The cable between two networks (`islands`) is pulled while people write, for longer than the cluster
needs to replace the primary, and plugged in again. Three kinds of pairs, all with mailboxes of the
primary that is cut off: both at the island, both on the mainland, one at each. Relays of both
durabilities stand on both sides and meet the same cut. `--setting` adds a line of redis.conf, which
shows what the window owes to it. Prints its rows as JSON.
"""

import argparse
import asyncio
import json
import random
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Final

from hushpost_demo.redis_servers import (
    KEEPS,
    RedisServer,
    form_cluster,
    free_ports,
    in_cluster,
)

from hushpost_proof.claim import Effort, Row
from hushpost_proof.harness.lives import nursery
from hushpost_proof.redis_faults.cluster_faults import ClusterFaults
from hushpost_proof.redis_faults.crowd import (
    STILL_SECONDS,
    STILL_SECONDS_MAX,
    Crowd,
    Figures,
    Side,
    crowd,
)
from hushpost_proof.redis_faults.cut_account import (
    MAY_LOSE,
    Account,
    account_of,
    control,
    row_of,
)
from hushpost_proof.redis_faults.islands import HERE, THERE, THERE_FOR_US, Island, island
from hushpost_proof.redis_faults.service import Node, service

PRIMARIES: Final = 3
NODE_TIMEOUT_SECONDS: Final = 2.0
# The cluster replaces a primary in about twice that; then the majority serves its mailboxes alone.
# The cut lasts until it has, and so long at least.
CUT_SECONDS: Final = 6.0
# A cluster that replaces others by itself, on a machine too busy to answer, shows nothing of cuts.
TRIES_MAX: Final = 3
FAIR_SECONDS: Final = 1.5
LONG_TIMES: Final = 8
# Longer than the cut, so that who is logged in on the island stays so; all come anew after it.
STAY_SECONDS: Final = (8.0, 10.0)
# The first primary's share of three; `redis-cli --cluster create` gives them out in this order.
SLOTS_OF_THE_FIRST: Final = (0, 5460)
RELAYS: Final = {"synced": ("s-there", "s-here"), "replicated": ("r-there", "r-here")}


class Disturbed(Exception):
    """Another primary than the one that was cut off was replaced: the machine is too busy."""


async def prove(effort: Effort, more: Mapping[str, str] | None = None) -> list[Row]:
    """Cut and join; one row for each durability, over all cuts. `more` lines of redis.conf."""
    times = LONG_TIMES if effort.is_long else 1
    accounts: list[Account] = []
    for number in range(times):
        accounts += await _cut(effort.folder / f"{number}", effort.seed + number, more or {})
    rows = [
        row_of(durability, [one for one in accounts if one.durability == durability], CUT_SECONDS)
        for durability in RELAYS
    ]
    return [*rows, control(accounts)]


async def _cut(place: Path, seed: int, more: Mapping[str, str]) -> list[Account]:
    """Cut once, undisturbed. Raises Disturbed where that cannot be had."""
    for again in range(TRIES_MAX):
        folder = place / f"{again}"
        folder.mkdir(parents=True)
        try:
            return await _cut_once(folder, seed, more)
        except Disturbed as disturbed:
            print(disturbed, file=sys.stderr, flush=True)
    raise Disturbed("the cluster never stood still; try again on an idle machine")


async def _cut_once(folder: Path, seed: int, more: Mapping[str, str]) -> list[Account]:
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        away = await enter(island())
        servers = await _servers(folder, away, stack, more)
        faults = ClusterFaults(servers, random.Random(seed))
        first = await faults.name_of(servers[0])
        begin = await enter(nursery())
        seeds = "redis://" + ",".join(f"{_data_host(one)}:{one.port}" for one in servers)
        office = await enter(service(folder, _nodes(seeds, away), begin))
        crowds: dict[str, Crowd] = {}
        for durability, (there, here) in RELAYS.items():
            urls = (f"ws://{THERE_FOR_US}:{office.relays[there].port}",), office.urls(here)
            sides = _sides(*urls)
            crowds[durability] = await enter(crowd(folder / durability, sides, seed))
        await asyncio.sleep(FAIR_SECONDS)
        before = await faults.primaries()
        away.cut()
        cut = time.monotonic()
        for each in crowds.values():
            each.strike()
        await asyncio.gather(asyncio.sleep(CUT_SECONDS), faults.until_replaced(servers[0]))
        joined = time.monotonic()
        away.join()
        await faults.until_whole()
        if len(before & await faults.primaries()) != PRIMARIES - 1 or first not in before:
            raise Disturbed("another primary than the one cut off was replaced")
        await asyncio.sleep(FAIR_SECONDS)
        settled = await asyncio.gather(*(_settled(*one) for one in crowds.items()))
        return [
            account_of(durability, figures, folder / durability, cut, joined)
            for durability, figures in zip(crowds, settled, strict=True)
        ]


async def _settled(durability: str, pairs: Crowd) -> Figures:
    may_lose = durability == MAY_LOSE
    return await pairs.settle(still_seconds=STILL_SECONDS if may_lose else STILL_SECONDS_MAX)


async def _servers(
    folder: Path, away: Island, stack: AsyncExitStack, more: Mapping[str, str]
) -> list[RedisServer]:
    """Start a cluster whose first primary stands on the island."""
    servers: list[RedisServer] = []
    for number, port in enumerate(free_ports(2 * PRIMARIES)):
        is_there = number == 0
        host = THERE if is_there else HERE
        settings = {
            **KEEPS,
            "protected-mode": "no",
            "bind": f"{THERE} {THERE_FOR_US}" if is_there else HERE,
            "cluster-announce-ip": host,
            "cluster-node-timeout": str(int(NODE_TIMEOUT_SECONDS * 1000)),
            **more,
        }
        before = away.before if is_there else ()
        server = RedisServer(
            folder / f"{port}", port, in_cluster(settings, port), host=host, before=before
        )
        servers.append(server)
        stack.callback(server.kill)
    await asyncio.gather(*(server.start() for server in servers))
    await form_cluster(servers, primaries=PRIMARIES)
    # From here on we reach it past the cable; the others go on knowing what it announces.
    servers[0].host = THERE_FOR_US
    return servers


def _data_host(server: RedisServer) -> str:
    return THERE if server.host == THERE_FOR_US else server.host


def _nodes(seeds: str, away: Island) -> list[Node]:
    # Its clients' way in is not loopback, as behind a proxy that ends TLS.
    listening = {
        "HUSHPOST_RELAY_LISTEN_HOST": THERE_FOR_US,
        "HUSHPOST_RELAY_BEHIND_PROXY": "true",
    }
    nodes: list[Node] = []
    for durability, (there, here) in RELAYS.items():
        nodes.append(Node(there, seeds, durability, begin=away.begin, environment=listening))
        nodes.append(Node(here, seeds, durability))
    return nodes


def _sides(there: tuple[str, ...], here: tuple[str, ...]) -> list[Side]:
    def side(name: str, left: tuple[str, ...], right: tuple[str, ...]) -> Side:
        return Side(name, left, 2, STAY_SECONDS, right, SLOTS_OF_THE_FIRST)

    return [side("island", there, there), side("mainland", here, here), side("both", there, here)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run inside a namespace of our own."""
    parser = argparse.ArgumentParser(prog="python -m hushpost_proof.redis_faults.partition")
    parser.add_argument("folder", type=Path)
    parser.add_argument("seed", type=int)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--setting", action="append", default=[], metavar="NAME=VALUE")
    given = parser.parse_args(arguments)
    more = dict(line.split("=", 1) for line in given.setting)
    rows = asyncio.run(prove(Effort(given.folder, given.seed, given.long), more))
    print(json.dumps([asdict(row) for row in rows]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
