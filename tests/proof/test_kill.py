"""Relay and people killed at random: nothing accepted is lost, doubled or out of order.

A few kills, to see the machinery at work; `hushpost-prove` counts the many.
"""

from pathlib import Path

import pytest
from hushpost_proof.harness.chance import chosen_seed
from hushpost_proof.harness.person import Place
from hushpost_proof.kill import Plan, judge, run


@pytest.mark.timeout(420)
async def test_some_kills_break_no_promise(tmp_path: Path) -> None:
    """All that was accepted arrives once and in order; no outbox stays full; no nonce repeats."""
    plan = Plan(chosen_seed(), pairs=3, relay_kills=4, client_kills=4, seconds=5.0)
    outcome = await run(plan, tmp_path)
    print(outcome.table())
    report, audited = outcome.report, outcome.audit
    assert not report.findings, outcome.explain()
    assert not audited.findings, outcome.explain()
    # Nobody is told of trouble that a crash of one's own brought about.
    assert outcome.is_clean, outcome.explain()
    assert (outcome.relay_kills, outcome.client_kills) == (plan.relay_kills, plan.client_kills)
    assert report.counts.accepted == report.counts.received == report.counts.sent
    assert report.counts.sent > 2 * plan.pairs
    # The audit opened what went over the wire.
    assert audited.pairs_on_the_wire == 2 * audited.envelopes > 0
    assert audited.sealed >= plan.pairs


async def test_a_run_that_lost_mail_is_not_clean(tmp_path: Path) -> None:
    """The same judge finds what is cut out of the history and doubled in the log of a real run."""
    outcome = await run(Plan(chosen_seed(), 1, 0, 0, 1.0), tmp_path)
    assert outcome.is_clean, outcome.explain()
    journal = next((tmp_path / "history").glob("right0.*.jsonl"))
    lines = journal.read_bytes().splitlines(keepends=True)
    received = next(line for line in lines if b'"received"' in line)
    journal.write_bytes(b"".join(line for line in lines if line != received))
    log = next((tmp_path / "keys").iterdir())
    log.write_bytes(log.read_bytes() * 2)
    spoilt = judge(outcome.plan, Place(tmp_path), 0, 0)
    assert not spoilt.is_clean
    assert "lost: accepted" in spoilt.explain()
    assert "reused: one key and nonce" in spoilt.explain()
