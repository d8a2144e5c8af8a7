"""What counts as a difference, and how it is told."""

import os
from collections.abc import Sequence

from hushpost_proof.claim import Row
from hushpost_proof.timing.effect_size import Difference

# A pair of distributions this close has next to nothing in it for whoever sees one answer.
DELTA_MAX = 0.05


def summary(differences: Sequence[Difference]) -> str:
    """Say the delta in each respect."""
    return ", ".join(f"{one.delta:+.3f} in {one.respect}" for one in differences)


def not_measurable() -> Row:
    """Return the row for a system that does not date what it receives (Linux does)."""
    in_ci = os.environ.get("CI") == "true"
    return Row("times of answers", 0, "not tried: needs the kernel's dates (Linux)", not in_ci)
