"""One byte changed in a relay's folder or a vault, at every page: reported, never served."""

from collections.abc import Sequence

from hushpost_proof.claim import Claim, Effort, Half, Row
from hushpost_proof.power.damage_experiment import FlippedBytes
from hushpost_proof.power.recording import can_record


async def _prove(effort: Effort) -> Sequence[Row]:
    if not can_record():
        absent = "not tried: a recorded relay fills the database, which needs Linux and a compiler"
        return (Row("flipped bytes", 0, absent, holds=True),)
    return await FlippedBytes(effort).rows()


CLAIM = Claim(
    name="flipped-bytes",
    half=Half.LOST,
    sentence="A flipped byte in database, identity or vault is reported and never served",
    seconds=18,
    prove=_prove,
)
