"""Tests of hushpost_server.subpoena_words."""

from __future__ import annotations

from hushpost_server.subpoena_words import CANNOT, ELSEWHERE, LIVE


def test_each_absence_has_its_reason_and_each_place_its_answer() -> None:
    """Nothing is said to be absent without why."""
    assert all(absence.what and absence.why for absence in CANNOT)
    assert all(place.where and place.holds for place in ELSEWHERE)
    assert len({absence.what for absence in CANNOT}) == len(CANNOT)


def test_what_a_live_order_could_get_is_not_hidden() -> None:
    """Addresses, times and amounts can be watched from now on, and the page says so."""
    said = " ".join(LIVE)
    for word in ("addresses", "when", "how much passes", "changed program", "memory"):
        assert word in said
