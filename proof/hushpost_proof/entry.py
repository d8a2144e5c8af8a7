"""`hushpost-prove`: tries to break what hushpost claims, and ends with one table.

    hushpost-prove [--only NAME ...] [--shard 1/2] [--seed N] [--long] [--json FILE] [--list]

Exits with 1 when a claim is broken or an experiment could not be made. Experiments run two at a
time; those that judge times run alone, after the others.
"""

import argparse
import asyncio
import json
import secrets
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from hushpost_proof.claim import Claim, Effort
from hushpost_proof.experiment import Finding, investigate
from hushpost_proof.registry import UnknownClaim, all_claims, named, shard_of
from hushpost_proof.table import show

# Two cores are what the figures are stated for; more at once would only wait for each other.
AT_ONCE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Prove what was asked for; 0 when every claim held."""
    given = _parser().parse_args(arguments)
    try:
        chosen = tuple(named(name) for name in given.only) if given.only else all_claims()
    except UnknownClaim as error:
        print(f"hushpost-prove: {error}", file=sys.stderr)
        return 2
    chosen = shard_of(chosen, *given.shard)
    if given.list:
        for claim in chosen:
            print(f"{claim.name:24} {claim.half}: {claim.sentence}")
        return 0
    print(f"seed {given.seed}; {len(chosen)} claims", flush=True)
    with tempfile.TemporaryDirectory(prefix="hushpost-prove-") as folder:
        findings = asyncio.run(_prove(chosen, Path(folder), given.seed, given.long))
    show(findings)
    if given.json is not None:
        given.json.write_text(json.dumps([_as_data(finding) for finding in findings], indent=1))
    return 0 if all(finding.holds for finding in findings) else 1


async def _prove(
    chosen: Sequence[Claim], folder: Path, seed: int, is_long: bool
) -> Sequence[Finding]:
    places = asyncio.Semaphore(AT_ONCE)

    async def one(claim: Claim) -> Finding:
        async with places:
            finding = await investigate(claim, Effort(folder / claim.name, seed, is_long))
            verdict = "holds" if finding.holds else "BROKEN"
            print(f"{claim.name}: {verdict} ({finding.seconds:.0f} s)", flush=True)
            return finding

    crowd = await asyncio.gather(*(one(claim) for claim in chosen if not claim.needs_quiet))
    alone = [await one(claim) for claim in chosen if claim.needs_quiet]
    by_name = {finding.claim.name: finding for finding in (*crowd, *alone)}
    return [by_name[claim.name] for claim in chosen]


def _as_data(finding: Finding) -> dict[str, object]:
    return {
        "claim": finding.claim.name,
        "half": finding.claim.half,
        "sentence": finding.claim.sentence,
        "seconds": round(finding.seconds, 1),
        "rows": [asdict(row) for row in finding.rows],
    }


def _shard(text: str) -> tuple[int, int]:
    number, _, of = text.partition("/")
    if not (number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
        raise argparse.ArgumentTypeError(f"{text!r} is no share; write for instance 1/2 or 2/2")
    return int(number), int(of)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hushpost-prove",
        description=(
            "Try to break what hushpost claims, and end with one table. Each claim is tried with a"
            " defect planted too, which must be found. Ends with status 1 when a claim is broken or"
            " an experiment could not be made."
        ),
    )
    seed_help = "repeat a run: the number that it printed first"
    parser.add_argument(
        "--only", action="append", metavar="NAME", help="try this claim alone; may be repeated"
    )
    parser.add_argument(
        "--shard", type=_shard, default=(1, 1), metavar="I/N", help="try the Ith of N shares"
    )
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1 << 32), help=seed_help)
    parser.add_argument("--long", action="store_true", help="try for hours instead of minutes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the findings there")
    parser.add_argument("--list", action="store_true", help="name the claims and stop")
    return parser


if __name__ == "__main__":
    sys.exit(main())
