"""Nothing but declared events is printed, whatever fails and whatever libraries do."""

from collections.abc import Sequence

from hushpost_proof.claim import Claim, Effort, Half, Row
from hushpost_proof.logging_audit import audit


async def _prove(effort: Effort) -> Sequence[Row]:
    return await audit(effort.folder)


CLAIM = Claim(
    name="logging",
    half=Half.KEPT,
    sentence="A relay prints declared events alone; no exception and no library shows a value",
    seconds=10,
    prove=_prove,
)
