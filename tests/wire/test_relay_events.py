"""The relay's events are plain values."""

from hushpost_wire.relay_events import Acknowledged, PingDue


def test_events_compare_by_value() -> None:
    """Two acknowledgements of the same sequences are equal; a ping carries nothing."""
    assert Acknowledged((1, 2)) == Acknowledged((1, 2))
    assert Acknowledged((1, 2)).sequences == (1, 2)
    assert len(PingDue()) == 0
