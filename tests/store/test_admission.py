"""Admission: pure decisions, and a state that always adds up."""

from __future__ import annotations

from hushpost_store import admission
from hushpost_store.admission import MailboxState, Refused
from hushpost_store.conformance import NOW, QUOTAS, digest, envelope
from hushpost_store.rows import Admitted, DropKind, Refusal
from hypothesis import given
from hypothesis import strategies as st


def _mailbox(*drops: str, kind: DropKind = DropKind.CONTACT) -> MailboxState:
    mailbox = MailboxState()
    for drop in drops:
        state = admission.registrable(mailbox, digest(drop), kind, NOW, QUOTAS)
        assert state is not None
        mailbox.drops[digest(drop)] = state
    return mailbox


def test_an_unknown_mailbox_and_an_unknown_drop_are_the_same_refusal() -> None:
    """Neither the reason nor the hint tells whether the mailbox exists."""
    submission = envelope("nobody", 1)
    unknown_drop = admission.decide(_mailbox("alice"), submission, NOW, QUOTAS)
    unknown_mailbox = admission.decide(None, submission, NOW, QUOTAS)
    assert unknown_drop == unknown_mailbox == Refused(Refusal.NO_DROP, 0)


def test_deciding_changes_nothing() -> None:
    """The same question gives the same answer until `admit` is called."""
    mailbox = _mailbox("alice")
    first = admission.decide(mailbox, envelope("alice", 1), NOW, QUOTAS)
    assert first == admission.decide(mailbox, envelope("alice", 1), NOW, QUOTAS)
    assert first == Admitted(1, duplicate=False)


def test_a_failed_commit_gives_a_one_use_drop_back() -> None:
    """After `undo` the drop takes another envelope, and lives as long as before."""
    mailbox = _mailbox("once", kind=DropKind.ONCE)
    life_end = mailbox.drops[digest("once")].life_end
    admission.admit(mailbox, envelope("once", 1), 1, NOW)
    assert mailbox.drops[digest("once")].used_by == envelope("once", 1).envelope_id
    admission.undo(mailbox, envelope("once", 1), 1, life_end)
    assert mailbox.drops[digest("once")].life_end == life_end
    decision = admission.decide(mailbox, envelope("once", 2), NOW, QUOTAS)
    assert decision == Admitted(2, duplicate=False)


@given(st.lists(st.tuples(st.sampled_from(["alice", "carol"]), st.integers(0, 9), st.booleans())))
def test_the_state_adds_up(steps: list[tuple[str, int, bool]]) -> None:
    """Whatever is admitted and forgotten, sums equal what is queued and stay within quota."""
    mailbox = _mailbox("alice", "carol")
    for drop, number, forget in steps:
        submission = envelope(drop, number, size=64)
        decision = admission.decide(mailbox, submission, NOW, QUOTAS)
        if forget:
            admission.forget(mailbox, mailbox.sequences.get(submission.envelope_id, 0))
        elif isinstance(decision, Admitted) and not decision.duplicate:
            admission.admit(mailbox, submission, decision.sequence, NOW)
        assert mailbox.envelope_bytes == 64 * len(mailbox.places)
        assert len(mailbox.sequences) == len(mailbox.places) <= QUOTAS.mailbox_envelopes_max
        assert sum(u.envelopes for u in mailbox.usage.values()) == len(mailbox.places)
        assert all(u.envelopes <= QUOTAS.drop_envelopes_max for u in mailbox.usage.values())
