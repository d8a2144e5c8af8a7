"""Admission: pure decisions, and a state that always adds up."""

from __future__ import annotations

import pytest
from hushpost_store import admission, errors
from hushpost_store.admission import MailboxState, Refused
from hushpost_store.conformance import DAY, NOT_AFTER, NOW, QUOTAS, digest, envelope
from hushpost_store.rows import Admitted, DropKind, Refusal, TtlClass
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


def _decide(
    mailbox: MailboxState,
    drop: str,
    number: int,
    *,
    ttl_class: int = TtlClass.FORTNIGHT,
    not_after: int = NOT_AFTER,
) -> Admitted | Refused:
    submission = envelope(drop, number)._replace(ttl_class=ttl_class, not_after=not_after)
    return admission.decide(mailbox, submission, NOW, QUOTAS)


def _fill(mailbox: MailboxState, drop: str, count: int) -> None:
    for number in range(count):
        decision = admission.decide(mailbox, envelope(drop, number), NOW, QUOTAS)
        assert isinstance(decision, Admitted)
        admission.admit(mailbox, envelope(drop, number), decision.sequence, NOW)


@pytest.mark.parametrize(
    ("ttl_class", "not_after"),
    [
        (TtlClass.FORTNIGHT, DAY * 24),
        (TtlClass.FORTNIGHT, NOT_AFTER + 1),
        (TtlClass.HOUR, DAY * 24 + 1),
        (5, NOT_AFTER),
        (-1, NOT_AFTER),
    ],
)
def test_lifetimes_are_judged_before_the_drop(ttl_class: int, not_after: int) -> None:
    """A bad lifetime is the same refusal for a valid drop and for none."""
    mailbox = _mailbox("alice")
    for drop in ("alice", "nobody"):
        decision = _decide(mailbox, drop, 1, ttl_class=ttl_class, not_after=not_after)
        assert decision == Refused(Refusal.BAD_TTL, 0)


def test_an_hour_may_end_at_any_hour() -> None:
    """Only the hour class is stored finer than a day."""
    mailbox = _mailbox("alice")
    decision = _decide(mailbox, "alice", 1, ttl_class=TtlClass.HOUR, not_after=DAY * 24 + 2)
    assert decision == Admitted(1, duplicate=False)


def test_only_a_contact_is_ephemeral() -> None:
    """Through a contact's drop it has no place; strangers and invitations have none to use."""
    for kind in DropKind:
        decision = _decide(_mailbox("d", kind=kind), "d", 1, ttl_class=TtlClass.EPHEMERAL)
        if kind is DropKind.CONTACT:
            assert decision == Admitted(0, duplicate=False)
        else:
            assert decision == Refused(Refusal.NO_DROP, 0)


def test_one_drop_cannot_fill_the_mailbox_against_others() -> None:
    """A full drop hints when to come again; another drop of the mailbox still has room."""
    mailbox = _mailbox("alice", "carol")
    _fill(mailbox, "alice", QUOTAS.drop_envelopes_max)
    full = Refused(Refusal.FULL, QUOTAS.full_retry_seconds)
    assert _decide(mailbox, "alice", 90) == full
    assert isinstance(_decide(mailbox, "carol", 1), Admitted)
    _fill(mailbox, "carol", QUOTAS.mailbox_envelopes_max - QUOTAS.drop_envelopes_max)
    assert _decide(mailbox, "carol", 90) == full
    assert _decide(mailbox, "carol", 0) == Admitted(5, duplicate=True)
    assert _decide(mailbox, "nobody", 1) == Refused(Refusal.NO_DROP, 0)


def test_a_sequence_that_ran_out_is_full_and_never_wraps() -> None:
    """Beyond the last sequence a mailbox takes nothing, by whatever drop."""
    for kind in (DropKind.CONTACT, DropKind.KNOCK):
        mailbox = _mailbox("d", kind=kind)
        mailbox.next_sequence = admission.SEQUENCE_MAX + 1
        decision = _decide(mailbox, "d", 1)
        assert isinstance(decision, Refused)
        assert decision.reason is Refusal.FULL


def test_knocks_are_counted_by_the_day_and_bounded_in_bytes() -> None:
    """Draining refills nothing, the next day does; too many queued bytes are refused as well."""
    mailbox = _mailbox("door", kind=DropKind.KNOCK)
    _fill(mailbox, "door", QUOTAS.knocks_per_day)
    for sequence in list(mailbox.places):
        admission.forget(mailbox, sequence)
    refused = _decide(mailbox, "door", 9)
    assert isinstance(refused, Refused)
    assert 0 < refused.retry_after <= admission.DAY_SECONDS
    tomorrow = NOW + admission.DAY_SECONDS
    decision = admission.decide(mailbox, envelope("door", 9), tomorrow, QUOTAS)
    assert isinstance(decision, Admitted)
    admission.admit(mailbox, envelope("door", 9), decision.sequence, tomorrow)
    assert (mailbox.knock_day, mailbox.knocks) == (DAY + 1, 1)
    large = envelope("door", 10, size=QUOTAS.knock_bytes_max)
    full = Refused(Refusal.FULL, QUOTAS.full_retry_seconds)
    assert admission.decide(mailbox, large, tomorrow, QUOTAS) == full


def test_a_used_one_use_drop_knows_only_its_own_envelope() -> None:
    """The same envelope is a repetition even after it was read; another has no drop."""
    mailbox = _mailbox("once", kind=DropKind.ONCE)
    admission.admit(mailbox, envelope("once", 1), 1, NOW)
    assert _decide(mailbox, "once", 1) == Admitted(1, duplicate=True)
    admission.forget(mailbox, 1)
    assert admission.forget(mailbox, 1) is None
    assert _decide(mailbox, "once", 1) == Admitted(0, duplicate=True)
    assert _decide(mailbox, "once", 2) == Refused(Refusal.NO_DROP, 0)
    late = (NOT_AFTER + 1) * 3600.0
    again = envelope("once", 1)._replace(not_after=NOT_AFTER + 48)
    assert admission.decide(mailbox, again, late, QUOTAS) == Refused(Refusal.NO_DROP, 0)
    assert admission.expire_drops(mailbox, late) == 1
    assert mailbox.drops == {}


def test_registering_is_bounded_and_unambiguous() -> None:
    """A drop keeps its kind, is known by its first 16 bytes, and there are only so many."""
    mailbox = _mailbox("a", "b", "c")
    assert admission.registrable(mailbox, digest("a"), DropKind.CONTACT, NOW, QUOTAS) is None
    with pytest.raises(errors.DropConflict, match="another kind"):
        admission.registrable(mailbox, digest("a"), DropKind.ONCE, NOW, QUOTAS)
    twin = digest("a")[:16] + bytes(16)
    with pytest.raises(errors.DropConflict, match="same 16 bytes"):
        admission.registrable(mailbox, twin, DropKind.CONTACT, NOW, QUOTAS)
    mailbox.drops[digest("d")] = admission.DropState(DropKind.CONTACT)
    with pytest.raises(errors.DropsFull):
        admission.registrable(mailbox, digest("e"), DropKind.CONTACT, NOW, QUOTAS)


def test_undoing_what_was_acknowledged_changes_nothing() -> None:
    """A failure that comes after the acknowledgement takes nothing back."""
    mailbox = _mailbox("once", kind=DropKind.ONCE)
    admission.admit(mailbox, envelope("once", 1), 1, NOW)
    admission.forget(mailbox, 1)
    admission.undo(mailbox, envelope("once", 1), 1, 5)
    assert mailbox.drops[digest("once")].used_by == envelope("once", 1).envelope_id


def test_knocks_of_a_past_day_are_forgotten_by_the_sweep() -> None:
    """The count is for one day; when a stranger last wrote is not kept."""
    today = int(NOW // 86_400)
    mailbox = admission.MailboxState(knock_day=today, knocks=2)
    admission.expire_drops(mailbox, NOW)
    assert (mailbox.knock_day, mailbox.knocks) == (today, 2)
    admission.expire_drops(mailbox, NOW + 86_400)
    assert (mailbox.knock_day, mailbox.knocks) == (0, 0)
