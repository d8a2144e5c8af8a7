"""How long mail took is read from the histories, and who did not recover is noticed."""

import pytest
from hushpost_proof.harness.journal import Event, Incarnation, What
from hushpost_proof.redis_faults.delays import Passage, passages, recovery, spread

SECOND = 1_000_000_000


def _history(*, arrived: bool = True) -> list[Incarnation]:
    sender = (
        Event(What.SENDING, "bob", 1, "", "body", 1 * SECOND),
        Event(What.SENT, "bob", 1, "id", "", 2 * SECOND),
        Event(What.ACCEPTED, "", 0, "id", "", 3 * SECOND),
    )
    reader = (
        Event(What.RECEIVED, "alice", 0, "id", "body", 5 * SECOND),
        Event(What.RECEIVED, "alice", 0, "id", "body", 9 * SECOND),
    )
    return [
        Incarnation("alice", 1, sender),
        Incarnation("bob", 1, reader if arrived else ()),
    ]


def test_a_passage_counts_from_the_outbox_to_the_first_arrival() -> None:
    """From sent to received, and from accepted to received; a repeat changes neither."""
    (one,) = passages(_history())
    assert (one.sender, one.recipient) == ("alice", "bob")
    assert (one.seconds, one.seconds_after_acceptance) == (3.0, 2.0)
    assert passages(_history(arrived=False)) == []


def test_a_spread_shows_the_middle_the_tail_and_the_longest() -> None:
    """Of a hundred times, the fifty-first, the hundredth and the last; of none, none."""
    found = spread([number / 10 for number in range(100)])
    assert (found.count, found.middle, found.high, found.longest) == (100, 5.0, 9.9, 9.9)
    assert str(found) == "p50 5.0 s, p99 9.9 s, max 9.9 s"
    assert str(spread([0.0021])) == "p50 2 ms, p99 2 ms, max 2 ms"
    assert str(spread([])) == "none"


def _passage(sent: float, arrived: float, sender: str = "alice") -> Passage:
    return Passage(sender, "bob", sent, sent, arrived)


def test_recovery_waits_for_the_slowest_pair() -> None:
    """What counts is the first mail of each pair that was written after the blow."""
    mail = [
        *(_passage(1, 2), _passage(6, 7), _passage(6.5, 6.9)),
        *(_passage(1, 2, "carol"), _passage(8, 9, "carol")),
    ]
    assert recovery(mail, struck=5) == pytest.approx(4.0)


def test_a_pair_without_mail_after_the_blow_has_not_recovered() -> None:
    """Mail from before that arrives late is no sign of life; a blow before all says nothing."""
    assert recovery([_passage(1, 9)], struck=5) is None
    assert recovery([_passage(6, 9)], struck=5) is None
