"""Relay and people killed with signal 9 at random moments, while they write to each other."""

from collections.abc import Sequence
from dataclasses import replace

from hushpost_proof.claim import Claim, Effort, Half, Row
from hushpost_proof.kill import Plan, run

# CI's share; the named points have theirs.
_KILLS = 16
_SECONDS = 20.0
# The long run's share of the 500 kills that a release stands on.
_LONG_KILLS = 150
_LONG_SECONDS = 400.0


async def _prove(effort: Effort) -> Sequence[Row]:
    plan = Plan(effort.seed, relay_kills=_KILLS, client_kills=_KILLS, seconds=_SECONDS)
    if effort.is_long:
        plan = replace(
            plan, relay_kills=_LONG_KILLS, client_kills=_LONG_KILLS, seconds=_LONG_SECONDS
        )
    outcome = await run(plan, effort.folder)
    counts = outcome.report.counts
    kills = outcome.relay_kills + outcome.client_kills
    found = (
        f"{counts.sent} messages sent, {counts.accepted} accepted, {counts.received} received; "
        f"{len(outcome.report.findings)} lost, doubled or out of order; "
        f"{outcome.audit.pairs} pairs of key and nonce, {len(outcome.audit.findings)} used twice"
    )
    if not outcome.is_clean:
        found += "\n" + outcome.explain()
    whole = counts.accepted == counts.received == counts.sent > 0
    enough = kills == plan.relay_kills + plan.client_kills
    return (Row("signal 9 at random moments", kills, found, outcome.is_clean and whole and enough),)


CLAIM = Claim(
    name="killed-at-random",
    half=Half.LOST,
    sentence="A process killed at any moment loses no accepted message and reuses no key",
    seconds=45,
    prove=_prove,
)
