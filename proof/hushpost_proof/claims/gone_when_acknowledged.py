"""What was acknowledged or expired is gone from every file in time, and from memory as well."""

import asyncio
from collections.abc import Sequence

from hushpost_proof.canary.remains import EACH, GONE_SECONDS_MAX, Course, follow
from hushpost_proof.claim import Claim, Effort, Half, Row

# Of a hundred and twenty envelopes. The relay can promise that nothing of it asks to be kept, not
# that every copy the libraries below made was overwritten.
_WHOLE_IN_MEMORY_MAX = 1
_PIECES_IN_MEMORY_MAX = 0.01


async def _prove(effort: Effort) -> Sequence[Row]:
    folders = [effort.folder / name for name in ("ours", "keeping")]
    for folder in folders:
        folder.mkdir()
    ours, keeping = await asyncio.gather(
        follow(folders[0], keeping=False),
        follow(folders[1], keeping=True, wait_seconds=12.0),
    )
    return [_files(ours, keeping), _memory(ours, keeping)]


def _files(ours: Course, keeping: Course) -> Row:
    found = (
        f"while queued {ours.queued_in_files}; after acknowledgement or expiry none after"
        f" {ours.gone_from_files_after:.0f} s (bound {GONE_SECONDS_MAX:.0f} s): {ours.files}."
        f" Control without overwriting, after {keeping.gone_from_files_after:.0f} s:"
        f" {keeping.files}"
    )
    seen = ours.queued_in_files.in_part >= EACH and keeping.files.in_part > 0
    return Row(
        f"{EACH} envelopes delivered at once, {EACH} fetched later, {ours.expired} expired, hunted"
        " in every file of the relay",
        ours.files.envelopes,
        found,
        ours.is_gone_from_files and seen and ours.expired == EACH,
    )


def _memory(ours: Course, keeping: Course) -> Row:
    left = ours.memory_later
    found = (
        f"at once {ours.memory_at_once}; {ours.memory_later_after:.0f} s later {left}, in"
        f" {left.bytes_read / 1e6:.0f} MB. Control without overwriting: {keeping.memory_later}"
    )
    share = left.pieces / left.pieces_max
    return Row(
        "the same in the memory of the running relay, as they are and as they were masked",
        left.envelopes,
        found,
        left.whole <= _WHOLE_IN_MEMORY_MAX
        and share <= _PIECES_IN_MEMORY_MAX
        and keeping.memory_later.in_part >= EACH,
    )


CLAIM = Claim(
    name="gone-when-acknowledged",
    half=Half.KEPT,
    sentence="An envelope that was acknowledged or expired is gone from every file in 30 seconds",
    seconds=25,
    prove=_prove,
)
