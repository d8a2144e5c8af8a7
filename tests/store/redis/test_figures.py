"""Sums of what one process has seen come and go."""

from hushpost_store.redis.figures import Figures


def test_what_leaves_is_told_as_deleted() -> None:
    """Sums follow, and nothing that left is no deletion."""
    told: list[int] = []
    figures = Figures(on_deleted=told.append)
    figures.count_in(4096)
    figures.count_in(16384)
    figures.count_out(0, 0)
    figures.count_out(1, 4096)
    assert (figures.queued_envelopes, figures.queued_bytes) == (1, 16384)
    assert told == [4096]
    Figures().count_out(1, 1)
