"""Nothing of the people who use relays on Redis is found in Redis, or on the way to it."""

import os
from collections.abc import Sequence

from hushpost_demo.redis_servers import is_installed

from hushpost_proof.canary import surfaces
from hushpost_proof.canary.scan import Sighting
from hushpost_proof.canary_redis.declared import PLANTED
from hushpost_proof.canary_redis.redis_scan import Outcome, scan_redis
from hushpost_proof.claim import Claim, Effort, Half, Row

_SHOWN_MAX = 5


async def _prove(effort: Effort) -> Sequence[Row]:
    if not is_installed():
        # On a user's machine the row says so; where CI runs, it must not go untried.
        absent = "not tried: needs redis-server (apt-get install redis-server)"
        return [Row("relays on Redis", 0, absent, holds=os.environ.get("CI") != "true")]
    outcomes = {"cluster": await _scan(effort, "cluster")}
    if effort.is_long:
        outcomes["single"] = await _scan(effort, "single")
    rows = [
        _surface(place, outcome, surface)
        for place, outcome in outcomes.items()
        for surface in outcome.surfaces
    ]
    for place, outcome in outcomes.items():
        rows += [_declared(place, outcome), _use(place, outcome)]
    return rows


async def _scan(effort: Effort, place: str) -> Outcome:
    return await scan_redis(
        effort.folder / place,
        effort.seed,
        is_cluster=place == "cluster",
        is_long=effort.is_long,
    )


def _surface(place: str, outcome: Outcome, surface: str) -> Row:
    assert outcome.controls is not None
    leaks = [one for one in outcome.leaks if one.surface == surface]
    size = outcome.scan.bytes_read[surface]
    # Memory at rest is read as memory is, and a data folder as a Redis folder: one leak for both.
    twin = {surfaces.REST: surfaces.MEMORY, surfaces.OTHER_FILES: surfaces.LOG}
    is_seen = twin.get(surface, surface) in outcome.controls.seen
    found = f"{len(leaks)} sightings in {_size(size)}"
    found += f"; planted leak {'found' if is_seen else 'NOT found'}"
    tried = f"{place}, {surface}: {len(outcome.canaries)} canaries, {outcome.scan.guises} guises"
    return Row(
        tried, outcome.scan.looks[surface], found + _list(leaks), not leaks and is_seen and size > 0
    )


def _declared(place: str, outcome: Outcome) -> Row:
    declared = outcome.declared
    assert declared is not None
    first = f"; first: {declared.odd[0]}" if declared.odd else ""
    found = (
        f"{len(declared.odd)} undeclared in {declared.keys} keys{first}; planted {PLANTED}, found"
        f" {declared.found}"
    )
    return Row(
        f"{place}: every key and field, against the inventory",
        declared.keys,
        found,
        not declared.odd and declared.found == PLANTED and declared.keys > 0,
    )


def _use(place: str, outcome: Outcome) -> Row:
    found = (
        f"{outcome.messages} messages and {outcome.bad_connections} bad connections through two"
        f" relays on {outcome.servers} servers; addresses and what was said in clear were gone"
        f" from the relays' memory {outcome.gone_after:.0f} s after the last connection"
    )
    holds = outcome.messages > 0 and outcome.bad_connections > 0
    return Row(f"{place}: everything there is, and a relay killed", 1, found, holds)


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count > 100_000 else f"{count} bytes"


def _list(leaks: Sequence[Sighting]) -> str:
    return "".join(f"\n{one}" for one in leaks[:_SHOWN_MAX])


CLAIM = Claim(
    name="canary-redis",
    half=Half.KEPT,
    sentence="No name, word, number or address of anybody is found in Redis or what it writes",
    seconds=40,
    prove=_prove,
)
