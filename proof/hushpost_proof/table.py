"""The table that a proof ends with: claim, what was tried, how often, what was found."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from hushpost_proof.experiment import Finding

WIDTH = 140
# Of what a broken row found, what the end of the output repeats.
FOUND_CHARACTERS_MAX = 1_500


def show(findings: Sequence[Finding], console: Console | None = None) -> None:
    """Print one line a row, the claim's sentence before its rows."""
    table = Table(title="What hushpost claims, and what trying to break it found", show_lines=True)
    for heading in ("claim", "what was tried", "how often", "what was found", "holds"):
        table.add_column(heading, justify="right" if heading == "how often" else "left")
    for finding in findings:
        sentence = f"{finding.claim.half}: {finding.claim.sentence}"
        for row in finding.rows:
            verdict = "yes" if row.holds else "NO"
            table.add_row(sentence, row.tried, f"{row.times:,}", row.found, verdict)
            sentence = ""
    (console if console is not None else Console(width=WIDTH)).print(table)
    broken = [finding for finding in findings if not finding.holds]
    seconds = sum(finding.seconds for finding in findings)
    # Once more without a frame: whoever reads the end of a long log sees what went wrong.
    for finding in broken:
        _tell(finding)
    print(f"{len(findings)} claims, {len(broken)} broken, {seconds:.0f} s of experiments")


def _tell(finding: Finding) -> None:
    name = finding.claim.name
    print(f"broken: {name}; look again: hushpost-prove --only {name}")
    for row in finding.rows:
        if not row.holds:
            print(f"    {row.tried}: {row.found[:FOUND_CHARACTERS_MAX]}")
    if not finding.rows:
        print("    the experiment gave no rows")
