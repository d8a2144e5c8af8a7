"""What a cut cost each durability: what the cut side took, until when, and what of it is lost."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hushpost_proof.claim import Row
from hushpost_proof.harness.journal import What, read_histories
from hushpost_proof.redis_faults.crowd import Figures

# For which durability what the island accepted may be lost.
MAY_LOSE: Final = "synced"


@dataclass(frozen=True, slots=True)
class Account:
    """What one durability went through in one cut. Times are seconds after the cut.

    `there`: accepted by the relay on the island, after the cut and before it was joined again.
    """

    durability: str
    figures: Figures
    there: int
    there_lost: int
    last_there: float
    others_lost: int

    def told(self) -> str:
        """Return the account in a sentence."""
        window = f", the last {self.last_there:.1f} s after the cut" if self.there else ""
        return (
            f"{self.figures.told()}; accepted on the island during the cut {self.there}{window};"
            f" of these lost {self.there_lost}, of all others lost {self.others_lost}"
        )

    @property
    def holds(self) -> bool:
        """Whether nothing doubled, and only what may be lost was: what `synced` took cut off."""
        figures = self.figures
        kept = self.durability == MAY_LOSE or not figures.lost
        clean = not (figures.doubled or figures.other or self.others_lost)
        return clean and kept and None not in figures.recovered and figures.received > 0


def control(accounts: Sequence[Account]) -> Row:
    """Show that a loss is found: where nobody waits for replicas, what the island took is lost."""
    lossy = [one for one in accounts if one.durability == MAY_LOSE]
    lost = sum(one.there_lost for one in lossy)
    taken = sum(one.there for one in lossy)
    tried = f"control: relays that wait for no replica ({MAY_LOSE}) lose what the island took"
    return Row(tried, len(lossy), f"{lost} of {taken} found lost", lost > 0)


def row_of(durability: str, accounts: Sequence[Account], seconds: float) -> Row:
    """Return the line of one durability over all cuts, of so many seconds each."""
    tried = f"a primary, its relays and clients cut off for {seconds:g} s, {durability}"
    found = "\n".join(one.told() for one in accounts)
    return Row(tried, len(accounts), found, all(one.holds for one in accounts))


def account_of(
    durability: str, figures: Figures, folder: Path, cut: float, joined: float
) -> Account:
    """Return what the histories in `folder` tell of a cut between two moments."""
    posted_there = ("island-", "both-left")
    accepted: dict[str, float] = {}
    for life in read_histories(folder / "history"):
        for event in life.events:
            at = event.at / 1e9
            from_there = life.client.startswith(posted_there)
            if event.what is What.ACCEPTED and from_there and cut <= at < joined:
                accepted[event.message_id] = at - cut
    lost = {one.message_id for one in figures.report.findings if "lost:" in one.fault}
    return Account(
        durability,
        figures,
        there=len(accepted),
        there_lost=len(lost & accepted.keys()),
        last_there=max(accepted.values(), default=0.0),
        others_lost=len(lost - accepted.keys()),
    )
