"""What was acknowledged or expired leaves every file of every Redis server in time."""

import asyncio
import os
from collections.abc import Sequence

from hushpost_demo.redis_servers import is_installed

from hushpost_proof.canary_redis import deletion
from hushpost_proof.canary_redis.deletion import BOUND_SECONDS, REWRITE_SECONDS, Course, Stage
from hushpost_proof.claim import Claim, Effort, Half, Row

# What stays is the last that the buffers of some connections took: a piece here, an envelope there.
_PIECES_IN_MEMORY_MAX = 0.15


async def _prove(effort: Effort) -> Sequence[Row]:
    if not is_installed():
        # On a user's machine the row says so; where CI runs, it must not go untried.
        absent = "not tried: needs redis-server (apt-get install redis-server)"
        return [Row("relays on Redis", 0, absent, holds=os.environ.get("CI") != "true")]
    rounds = 5 if effort.is_long else 1
    rows: list[Row] = []
    for number in range(rounds):
        folder = effort.folder / str(number)
        await asyncio.to_thread(folder.mkdir)
        single, cluster, keeping = await asyncio.gather(
            deletion.single(folder / "single"),
            deletion.cluster(folder / "cluster"),
            deletion.keeping(folder / "keeping"),
        )
        rows += [_stage("single server", stage) for stage in single.stages]
        rows += [_stage("cluster of 3 and 3", stage) for stage in cluster.stages]
        rows += [_control(keeping), _memory(single, cluster, keeping)]
    return rows


def _stage(place: str, stage: Stage) -> Row:
    found = (
        f"while queued {stage.queued}; {stage.seconds:.1f} s later {stage.left} (bound here"
        f" {BOUND_SECONDS:.0f} s, rewrites due after {REWRITE_SECONDS:.0f} s)"
    )
    if stage.missed:
        found += f"; {stage.missed}"
    tried = f"{place}, every file of every server: {stage.name}"
    return Row(tried, stage.left.envelopes, found, stage.holds)


def _control(keeping: Course) -> Row:
    (stage,) = keeping.stages
    found = f"{stage.seconds:.0f} s later {stage.left}"
    holds = stage.left.whole == stage.left.envelopes > 0
    tried = "control: the same with the bound of 15 minutes, no rewrite due yet"
    return Row(tried, stage.left.envelopes, found, holds)


def _memory(single: Course, cluster: Course, keeping: Course) -> Row:
    worst = max((single.worst, cluster.worst), key=lambda left: left.pieces / left.pieces_max)
    found = (
        f"single at once {single.worst_at_once}, later {single.worst}; of a cluster's servers the"
        f" worst at once {cluster.worst_at_once}, later {cluster.worst}. Control, freed memory not"
        f" overwritten: {keeping.worst}"
    )
    share, without = (left.pieces / left.pieces_max for left in (worst, keeping.worst))
    return Row(
        "memory of the Redis processes after it all, with freed memory overwritten",
        worst.envelopes,
        found,
        share <= _PIECES_IN_MEMORY_MAX and without > 0.5,
    )


CLAIM = Claim(
    name="gone-from-redis",
    half=Half.KEPT,
    sentence="Acknowledged or expired envelopes leave every file of Redis within the bound",
    seconds=30,
    prove=_prove,
)
