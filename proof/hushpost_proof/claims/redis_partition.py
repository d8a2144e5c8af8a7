"""A primary of a Redis cluster cut off from the majority, with relays and clients on both sides."""

import asyncio
import json
import os
import sys
from collections.abc import Sequence

from hushpost_proof.claim import Claim, Effort, Half, Row
from hushpost_proof.redis_faults import islands
from hushpost_proof.redis_faults.absence import redis_absent


class PartitionFailed(Exception):
    """The experiment itself failed; its own words stand before in the log."""


async def _prove(effort: Effort) -> Sequence[Row]:
    absent = redis_absent() or islands.absent()
    if absent:
        tried = "a primary with relays and clients cut off from the majority"
        return (Row(tried, 0, f"not tried: {absent}", os.environ.get("CI") != "true"),)
    # In a network of its own: what is cut there is nobody else's.
    process = await asyncio.create_subprocess_exec(
        *(*islands.way_in(), sys.executable, "-m", "hushpost_proof.redis_faults.partition"),
        *(str(effort.folder), str(effort.seed), *(["--long"] if effort.is_long else [])),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    if process.returncode != 0:
        raise PartitionFailed(f"it ended with {process.returncode}")
    return [Row(**row) for row in json.loads(output.splitlines()[-1])]


CLAIM = Claim(
    name="redis-partition",
    half=Half.LOST,
    sentence="Cut off from the majority, `replicated` loses nothing, and nothing doubles",
    seconds=30,
    prove=_prove,
)
