"""What an operator could be made to hand over is known beforehand, and is all there is."""

from collections.abc import Sequence

from hushpost_proof.claim import Claim, Effort, Half, Row
from hushpost_proof.subpoena_audit import audit


async def _prove(effort: Effort) -> Sequence[Row]:
    return await audit(effort.folder)


CLAIM = Claim(
    name="subpoena",
    half=Half.KEPT,
    sentence="`hushpost-relay subpoena` produces every stored row of an account, and no other",
    seconds=10,
    prove=_prove,
)
