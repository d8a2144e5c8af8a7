"""Relays, primaries and replicas of a Redis cluster killed or hung; slots moved under load."""

import os
from collections.abc import Sequence

from hushpost_proof.claim import Claim, Effort, Half, Row
from hushpost_proof.redis_faults import killed
from hushpost_proof.redis_faults.absence import redis_absent


async def _prove(effort: Effort) -> Sequence[Row]:
    absent = redis_absent()
    if absent:
        tried = "a cluster of Redis, two relays of each durability, servers killed"
        return (Row(tried, 0, f"not tried: {absent}", os.environ.get("CI") != "true"),)
    return await killed.prove(effort)


CLAIM = Claim(
    name="redis-killed",
    half=Half.LOST,
    sentence="A relay, primary or replica that dies delays mail; `replicated` loses none",
    seconds=45,
    prove=_prove,
)
