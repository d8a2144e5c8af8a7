"""Power lost at any moment under relay, operator's commands and client."""

from collections.abc import Sequence

from hushpost_proof.claim import Claim, Effort, Half, Row
from hushpost_proof.power.experiment import PowerLoss
from hushpost_proof.power.recording import can_record


async def _prove(effort: Effort) -> Sequence[Row]:
    if not can_record():
        absent = "not tried: recording writes needs Linux and a C compiler (cc)"
        return (Row("power loss", 0, absent, holds=True),)
    return await PowerLoss(effort).rows()


CLAIM = Claim(
    name="power-loss",
    half=Half.LOST,
    sentence="A power loss at any moment breaks no promise of relay, backup or vault",
    seconds=42,
    prove=_prove,
)
