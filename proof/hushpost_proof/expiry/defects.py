"""Defects planted in the client, each of which an experiment about expired mail has to find."""

from collections.abc import Generator
from contextlib import contextmanager
from unittest.mock import patch

from hushpost.content import InnerId
from hushpost.engine import expiry, first_contact, message_book, seen, texts
from hushpost.engine.desk import Desk
from hushpost.engine.message_book import MessageRow


@contextmanager
def notice_dropped() -> Generator[None]:
    """Have clients forget a relay's notice unread."""

    def nothing(desk: Desk, drops: list[tuple[bytes, int]]) -> None:
        del desk, drops

    with patch.object(expiry, "noticed", nothing):
        yield


@contextmanager
def gaps_passed_over() -> Generator[None]:
    """Have clients pass over what is missing in a stream."""

    def nothing(desk: Desk, account_id: bytes) -> None:
        del desk, account_id

    with patch.object(expiry, "gap_given_up", nothing):
        yield


@contextmanager
def new_inner_id() -> Generator[None]:
    """Have clients send again as if it were a new message."""

    def anew(desk: Desk, inner_ids: list[InnerId]) -> list[MessageRow]:
        known = (message_book.find_message(desk, inner_id) for inner_id in inner_ids)
        return [texts.send_text(desk, row.account_id, row.text) for row in known if row]

    with patch.object(first_contact, "send_all_again", anew):
        yield


@contextmanager
def inner_ids_forgotten() -> Generator[None]:
    """Have readers remember inner ids for a week."""
    with patch.object(seen, "INNER_ID_HOURS", 7 * 24):
        yield


@contextmanager
def asked_without_end() -> Generator[None]:
    """Have clients ask anew at each notice."""
    with patch.object(expiry, "DAY_HOURS", 0):
        yield
