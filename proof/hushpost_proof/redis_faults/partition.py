"""A primary cut off from the majority, together with relays and their clients.

    unshare --net python -m hushpost_proof.redis_faults.partition FOLDER SEED [--long]

The cable between two networks (`islands`) is pulled while people write, for longer than the cluster
needs to replace the primary, and plugged in again. Three kinds of pairs, all with mailboxes of the
primary that is cut off: both at the island, both on the mainland, one at each. Relays of both
durabilities stand on both sides and meet the same cut. Prints its rows as JSON.
"""

import argparse
import asyncio
import json
import random
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
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
from hushpost_proof.harness.journal import What, read_histories
from hushpost_proof.harness.lives import nursery
from hushpost_proof.redis_faults.cluster_faults import ClusterFaults
from hushpost_proof.redis_faults.crowd import Crowd, Figures, Side, crowd
from hushpost_proof.redis_faults.islands import HERE, THERE, THERE_FOR_US, Island, island
from hushpost_proof.redis_faults.service import Node, service

PRIMARIES: Final = 3
NODE_TIMEOUT_SECONDS: Final = 2.0
# The cluster replaces a primary in about twice that; then the majority serves its mailboxes alone.
CUT_SECONDS: Final = 6.0
FAIR_SECONDS: Final = 1.5
LONG_TIMES: Final = 8
# Longer than the cut, so that who is logged in on the island stays so; all come anew after it.
STAY_SECONDS: Final = (8.0, 10.0)
# The first primary's share of three; `redis-cli --cluster create` gives them out in this order.
SLOTS_OF_THE_FIRST: Final = (0, 5460)
RELAYS: Final = {"synced": ("s-there", "s-here"), "replicated": ("r-there", "r-here")}


@dataclass(frozen=True, slots=True)
class Account:
    """What one durability went through in one cut. Times are seconds after the cut.

    `there`: accepted by the relay on the island, after the cut and before it was joined again.
    """

    durability: str
    figures: Figures
    there: int
    there_lost: int
    last_there: float
    others_lost: int

    def told(self) -> str:
        """Return the account in a sentence."""
        window = f", the last {self.last_there:.1f} s after the cut" if self.there else ""
        return (
            f"{self.figures.told()}; accepted on the island during the cut {self.there}{window};"
            f" of these lost {self.there_lost}, of all others lost {self.others_lost}"
        )

    @property
    def holds(self) -> bool:
        """Whether nothing doubled, and only what may be lost was: what `synced` took cut off."""
        figures = self.figures
        kept = self.durability == "synced" or not figures.lost
        clean = not (figures.doubled or figures.other or self.others_lost)
        return clean and kept and None not in figures.recovered and figures.received > 0


async def prove(effort: Effort) -> list[Row]:
    """Cut and join; one row for each durability, over all cuts."""
    times = LONG_TIMES if effort.is_long else 1
    accounts: list[Account] = []
    for number in range(times):
        folder = effort.folder / f"{number}"
        folder.mkdir()
        accounts += await _cut_once(folder, effort.seed + number)
    return [
        _row(durability, [one for one in accounts if one.durability == durability])
        for durability in RELAYS
    ]


def _row(durability: str, accounts: Sequence[Account]) -> Row:
    tried = f"a primary, its relays and clients cut off for {CUT_SECONDS:g} s, {durability}"
    found = "\n".join(one.told() for one in accounts)
    return Row(tried, len(accounts), found, all(one.holds for one in accounts))


async def _cut_once(folder: Path, seed: int) -> list[Account]:
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        away = await enter(island())
        servers = await _servers(folder, away, stack)
        faults = ClusterFaults(servers, random.Random(seed))
        begin = await enter(nursery())
        seeds = "redis://" + ",".join(f"{_data_host(one)}:{one.port}" for one in servers)
        office = await enter(service(folder, _nodes(seeds, away), begin))
        crowds: dict[str, Crowd] = {}
        for durability, (there, here) in RELAYS.items():
            urls = (f"ws://{THERE_FOR_US}:{office.relays[there].port}",), office.urls(here)
            sides = _sides(*urls)
            crowds[durability] = await enter(crowd(folder / durability, sides, seed))
        await asyncio.sleep(FAIR_SECONDS)
        away.cut()
        cut = time.monotonic()
        for each in crowds.values():
            each.strike()
        await asyncio.sleep(CUT_SECONDS)
        joined = time.monotonic()
        away.join()
        await faults.until_whole()
        await asyncio.sleep(FAIR_SECONDS)
        settled = await asyncio.gather(*(each.settle() for each in crowds.values()))
        return [
            _account(durability, figures, folder / durability, cut, joined)
            for durability, figures in zip(crowds, settled, strict=True)
        ]


async def _servers(folder: Path, away: Island, stack: AsyncExitStack) -> list[RedisServer]:
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


def _account(durability: str, figures: Figures, folder: Path, cut: float, joined: float) -> Account:
    posted_there = ("island-", "both-left")
    accepted: dict[str, float] = {}
    for life in read_histories(folder / "history"):
        for event in life.events:
            at = event.at / 1e9
            from_there = life.client.startswith(posted_there)
            if event.what is What.ACCEPTED and from_there and cut <= at < joined:
                accepted[event.message_id] = at - cut
    lost = {one.message_id for one in figures.report.findings if "lost:" in one.fault}
    return Account(
        durability,
        figures,
        there=len(accepted),
        there_lost=len(lost & accepted.keys()),
        last_there=max(accepted.values(), default=0.0),
        others_lost=len(lost - accepted.keys()),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run inside a namespace of our own."""
    parser = argparse.ArgumentParser(prog="python -m hushpost_proof.redis_faults.partition")
    parser.add_argument("folder", type=Path)
    parser.add_argument("seed", type=int)
    parser.add_argument("--long", action="store_true")
    given = parser.parse_args(arguments)
    rows = asyncio.run(prove(Effort(given.folder, given.seed, given.long)))
    print(json.dumps([asdict(row) for row in rows]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
