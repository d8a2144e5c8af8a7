"""A relay makes no connection, asks for no name, sets no cookie and leaves no core dump."""

import os
from collections.abc import Sequence

from hushpost_proof.claim import Claim, Effort, Half, Row
from hushpost_proof.way_out import watch


async def _prove(effort: Effort) -> Sequence[Row]:
    folder = effort.folder
    absent = watch.missing()
    if absent:
        in_ci = os.environ.get("CI") == "true"
        rows = [Row("every call traced", 0, f"not tried: needs {absent}", holds=not in_ci)]
    else:
        rows = [await watch.traced(folder), await watch.planted_and_traced(folder)]
    rows += [await watch.walled(folder), await watch.planted_and_walled(folder)]
    return [*rows, await watch.headers(folder), await watch.crashes(folder)]


CLAIM = Claim(
    name="no-way-out",
    half=Half.KEPT,
    sentence="A relay reaches nobody, marks nobody with a header, and leaves no core dump",
    seconds=25,
    prove=_prove,
)
