"""Every envelope on the wire has a declared size, and what it is does not show in it."""

from collections.abc import Sequence

from hushpost_proof.claim import Claim, Effort, Half, Row
from hushpost_proof.sizes.survey import (
    DELIVER_RECORD,
    SMALL,
    SUBMIT_RECORD,
    Records,
    survey_frames,
    survey_records,
)
from hushpost_proof.sizes.wiretap import RECORD_HEADER


async def _prove(effort: Effort) -> Sequence[Row]:
    frames = await survey_frames(effort.folder / "frames")
    leaky = await survey_frames(effort.folder / "leaky", is_leaky=True)
    records = await survey_records(effort.folder / "records")
    return [
        Row(
            "envelopes of two real clients, in the clear, both ways",
            frames.envelopes,
            f"{len(frames.undeclared)} of no declared size",
            frames.all_declared,
        ),
        Row(
            "text, receipt, typing, first message, KEM step",
            sum(frames.counts.values()),
            frames.explain(),
            frames.look_alike,
        ),
        _under_tls(records),
        *_segments(records),
        Row(
            "control: a typing notice one byte longer",
            leaky.envelopes,
            f"{len(leaky.undeclared)} of no declared size; {leaky.explain()}",
            not leaky.all_declared and not leaky.look_alike and bool(leaky.undeclared),
        ),
    ]


def _under_tls(records: Records) -> Row:
    up, down = records.up[SUBMIT_RECORD], records.delivered
    found = (
        f"{up} records of {SUBMIT_RECORD} bytes for {records.sealed} envelopes; delivered "
        f"{down} in records of one or several whole frames (one: {DELIVER_RECORD})"
    )
    tried = "TLS records that carry them, counted without keys"
    return Row(tried, records.sealed, found, up == records.sealed == down)


def _segments(records: Records) -> Sequence[Row]:
    if records.tap is None:
        return []
    # A segment of several records is as large as all of them; a busy device drops some from view.
    single = [size for size in records.tap.to_port if SMALL < size < 2 * SMALL]
    found = f"{len(single)} segments with one envelope each, of {sorted(set(single))} bytes"
    tried = "TCP segments of the same, taken from the device"
    holds = set(single) == {SUBMIT_RECORD + RECORD_HEADER}
    return [Row(tried, len(records.tap.to_port), found, holds)]


CLAIM = Claim(
    name="sizes",
    half=Half.KEPT,
    sentence="Sizes on the wire tell nobody whether it was a text, a receipt, typing or keys",
    seconds=25,
    prove=_prove,
)
