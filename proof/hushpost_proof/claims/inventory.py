"""All that a relay stores, logs, counts and remembers is declared with a purpose and an end."""

from collections.abc import Sequence

from hushpost_proof.claim import Claim, Effort, Half, Row
from hushpost_proof.inventory_audit import audit


async def _prove(effort: Effort) -> Sequence[Row]:
    return await audit(effort.folder)


CLAIM = Claim(
    name="inventory",
    half=Half.KEPT,
    sentence="Whatever a relay stores, shows, logs or remembers is declared, with purpose and end",
    seconds=9,
    prove=_prove,
)
