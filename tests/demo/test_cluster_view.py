"""Tests of a look at two relays: what waits is counted over all of it, and a relay has its name."""

from tests.demo.test_stage import ENVELOPE, cluster_view


def test_what_waits_is_counted_over_all_mailboxes() -> None:
    """The count is that of the envelopes that were seen, not of a counter."""
    assert cluster_view().envelopes == (ENVELOPE, ENVELOPE)
    assert cluster_view().queued == 2


def test_a_relay_is_found_by_its_name() -> None:
    """A dead one too, without counters."""
    view = cluster_view()
    assert (view.node("A").pid, view.node("A").accepted) == (None, None)
    assert (view.node("B").pid, view.node("B").accepted) == (12, 9)
