"""Tests of hushpost_server.subpoena_page."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from html import unescape
from pathlib import Path

import pytest
from hushpost_server.account_reference import AccountReference
from hushpost_server.subpoena import Subpoena, produce
from hushpost_server.subpoena_page import SHOWN_CHARACTERS_MAX, page_of
from hushpost_server.subpoena_words import CANNOT, ELSEWHERE
from hushpost_store.conformance import DAY, digest
from hushpost_wire.identifiers import AccountId

from tests.store.sqlite.full_store import full_store


@pytest.fixture
async def bob(tmp_path: Path) -> Subpoena:
    """Give what is stored about one of several people."""
    async with full_store(tmp_path / "relay.db"):
        pass
    reference = AccountReference(AccountId(digest("bob")))
    return produce(reference, database=tmp_path / "relay.db", host="relay.example", today=DAY)


async def test_every_row_every_absence_and_every_place_is_on_the_page(bob: Subpoena) -> None:
    """In text and in HTML: facts, rows of all tables, what cannot be produced and why."""
    page = page_of(bob)
    for text in (" ".join(page.as_text().split()), unescape(page.as_html())):
        assert bob.account_id in text
        for table in bob.stored:
            assert f"Stored: {table.table}" in text
        for absence in CANNOT:
            assert absence.what in text
        for place in ELSEWHERE:
            assert place.where in text
    tables = {section.heading: section.table for section in page.sections}
    for table in bob.stored:
        shown = tables[f"Stored: {table.table}"]
        assert shown is not None
        assert len(shown.rows) == len(table.rows)


async def test_long_values_are_shown_by_their_size(bob: Subpoena) -> None:
    """A page of ciphertext is not for reading; the JSON has it whole."""
    text = page_of(bob).as_text()
    assert "(16384 bytes)" in text
    assert max(map(len, text.split())) <= SHOWN_CHARACTERS_MAX


async def test_days_and_hours_are_shown_as_dates(bob: Subpoena) -> None:
    """A person reads a date; the number stands beside it, as the database has it."""
    text = " ".join(page_of(bob).as_text().split())
    assert f"{date.fromordinal(date(1970, 1, 1).toordinal() + DAY):%Y-%m-%d} (day {DAY})" in text
    assert ":00 UTC (hour " in text


async def test_one_row_is_counted_as_one(bob: Subpoena) -> None:
    """The account is a single row, its envelopes are several."""
    text = page_of(bob).as_text()
    assert ": 1 row." in text
    assert "1 rows" not in text


async def test_rows_of_nobody_have_their_section(bob: Subpoena) -> None:
    """Only where there are some."""
    assert "lead to no account" not in page_of(bob).as_text()
    left = replace(bob, rows_of_nobody={"mailbox": 2})
    assert "lead to no account" in page_of(left).as_text()
