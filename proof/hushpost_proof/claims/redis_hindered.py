"""A single Redis killed, hung, full and slow; the wake-up channel cut; a device that moves."""

import os
from collections.abc import Sequence

from hushpost_proof.claim import Claim, Effort, Half, Row
from hushpost_proof.redis_faults import hindered
from hushpost_proof.redis_faults.absence import redis_absent


async def _prove(effort: Effort) -> Sequence[Row]:
    absent = redis_absent()
    if absent:
        tried = "one Redis, two relays; killed, hung, full, slow, hints cut"
        return (Row(tried, 0, f"not tried: {absent}", os.environ.get("CI") != "true"),)
    return await hindered.prove(effort)


CLAIM = Claim(
    name="redis-hindered",
    half=Half.LOST,
    sentence="A Redis killed, full or slow loses no mail, and a lost hint costs two seconds",
    seconds=40,
    prove=_prove,
)
