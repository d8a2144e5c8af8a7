"""Findings that every story of the demo tells in the same words."""

from hushpost_demo.cast import Cast
from hushpost_demo.evidence import Control, Hunt
from hushpost_demo.stage import Stage

RECEIPTS_COME = "each app tells the other that it arrived, a moment later"


def tell_meeting(stage: Stage, cast: Cast) -> None:
    """Tell Bob's address and the safety number; raises `FactFailed` where the apps differ."""
    address = str(cast.bob.client.address)
    stage.fact("address", f"Bob's address, on his card: {address}", address=address)
    number = cast.safety_number()
    shown = f"Both apps show the same safety number: {number}"
    stage.fact("safety_number", shown, safety_number=number)


def tell_nothing_lost(stage: Stage, cast: Cast) -> None:
    """Tell that all arrived; raises `FactFailed` where it did not."""
    total = cast.check_heard()
    line = f"All {total} messages arrived: none lost, none twice, none out of order."
    stage.fact("nothing_lost", line, messages=total)


def tell_hunt(stage: Stage, hunt: Hunt) -> None:
    """Tell what was read, what was looked for, and what was found."""
    report = hunt.report
    read = f"{hunt.where}: {report.files} {hunt.unit}, {report.bytes_read:,} bytes"
    hunted = f"{hunt.phrases} words and phrases in {hunt.spellings:,} spellings"
    found = [f"{f.what!r} as {f.encoding} in {f.file}" for f in report.findings]
    line = f"{read}; {hunted}: {'none found' if not found else 'FOUND ' + found[0]}"
    if len(found) > 1:
        line += f" and {len(found) - 1} more"
    stage.fact(
        "hunt",
        line,
        ok=not found,
        where=hunt.where,
        files=report.files,
        bytes=report.bytes_read,
        phrases=hunt.phrases,
        spellings=hunt.spellings,
        found=list(found),
    )


def tell_control(stage: Stage, planted: Control, where: str = "") -> None:
    """Tell whether the scan can see."""
    place = f" {where}" if where else ""
    stage.fact(
        "control",
        f"Planted on purpose{place}: {len(planted.planted)} leaks. Found: {len(planted.found)}.",
        ok=planted.all_found,
        planted=list(planted.planted),
        found=list(planted.found),
    )
