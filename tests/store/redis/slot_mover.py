"""Moving a slot of a cluster from server to server, as an operator's tool does."""

import asyncio

from hushpost_demo.redis_servers import RedisCluster, cli


async def owner_of(cluster: RedisCluster, slot: int) -> str:
    """Return host and port of the primary that owns a slot."""
    keyed = await cli("-p", str(cluster.servers[0].port), "cluster", "nodes")
    for line in keyed.splitlines():
        parts = line.split()
        for held in parts[8:]:
            first, _, last = held.partition("-")
            if first.isdecimal() and int(first) <= slot <= int(last or first):
                return parts[1].split("@")[0]
    raise AssertionError(f"nobody owns slot {slot}")


async def move_slot(cluster: RedisCluster, slot: int, times: int) -> None:
    """Move one slot from server to server, key by key, as an operator's tool does."""
    for _ in range(times):
        source = await owner_of(cluster, slot)
        nodes = await cli("-p", source.split(":")[1], "cluster", "nodes")
        rows = [line.split() for line in nodes.splitlines()]
        ids = {row[1].split("@")[0]: row[0] for row in rows}
        target = next(row for row in ids if row != source and _is_primary(rows, row))
        await _setslot(target, slot, "importing", ids[source])
        await _setslot(source, slot, "migrating", ids[target])
        await asyncio.sleep(0.05)
        host, port = target.split(":")
        while keys := (
            await cli("-p", source.split(":")[1], "cluster", "getkeysinslot", str(slot), "10")
        ).split():
            await cli(
                "-p", source.split(":")[1], "migrate", host, port, "", "0", "5000", "keys", *keys
            )
        for place in (target, source):
            await _setslot(place, slot, "node", ids[target])
        await asyncio.sleep(0.05)


def _is_primary(rows: list[list[str]], place: str) -> bool:
    return any(row[1].split("@")[0] == place and "master" in row[2] for row in rows)


async def _setslot(place: str, slot: int, state: str, node: str) -> None:
    await cli("-p", place.split(":")[1], "cluster", "setslot", str(slot), state, node)
