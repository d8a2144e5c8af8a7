"""The answer about an account from what Redis holds: sentences, rows, and what is said beside."""

from __future__ import annotations

from hushpost_server.account_reference import AccountReference
from hushpost_server.subpoena import Subpoena
from hushpost_server.subpoena_page import page_of
from hushpost_server.subpoena_redis import subpoena_of
from hushpost_store.redis.inventory import KEYS
from hushpost_store.redis.onlooker import HeldAccount, HeldMailbox, KeyRow, OwnedKeys
from hushpost_wire.identifiers import AccountId

from tests.store.held import ID, PERSON, full, queued

MAILBOX = next(key for key in KEYS if key.name == "{route}:mailbox")
ORDER = next(key for key in KEYS if key.name == "{route}:order")


def held(*, is_readable: bool = True) -> HeldAccount:
    """Return what Redis would hold of one full account."""
    store = full(3)
    contents = store.mailboxes[PERSON.devices[0].route]
    return HeldAccount(
        (
            OwnedKeys(
                MAILBOX,
                (
                    KeyRow("{a}:mailbox", "epoch", b"%d" % ((7 << 20) + 99)),
                    KeyRow("{a}:mailbox", "last", b"42"),
                    KeyRow("{a}:mailbox", "node", b"one"),
                    KeyRow("{b}:mailbox", "epoch", b"3"),
                ),
            ),
            OwnedKeys(ORDER, (KeyRow("{a}:order", "00", b"1"),)),
        ),
        store.accounts[ID] if is_readable else None,
        (HeldMailbox(contents, tuple(queued(number) for number in (1, 2, 3))),)
        if is_readable
        else (),
        keys_of_nobody=2,
        relays=1,
    )


def answer(whole: HeldAccount, host: str = "relay.example") -> Subpoena:
    """Return the answer."""
    reference = AccountReference(AccountId(ID), "other.example")
    return subpoena_of(whole, reference, host=host, today=20_000)


def test_the_sentences_are_those_of_a_database_and_what_redis_counts() -> None:
    """Contacts, mail and notices; logins and numbers, which SQLite does not keep, too."""
    facts = " ".join(answer(held()).facts)
    assert "The address names another relay, other.example" in facts
    assert "1 contact drop" in facts
    assert "3 sealed envelopes (3 of 4096 bytes)" in facts
    assert "5 envelopes expired unread" in facts
    assert "logged in to {a}:mailbox 7 times" in facts
    assert "logged in to {b}:mailbox 3 times" in facts
    assert "The last envelope of {a}:mailbox has the number 42." in facts
    assert "A device is logged in to {a}:mailbox now" in facts


def test_rows_are_whole_and_can_be_read_as_a_page() -> None:
    """Each field with its value in hexadecimal, under the declaration of its key."""
    found = answer(held())
    assert found.is_known
    assert found.relay_runs
    assert found.stored[0].rows[1] == {"key": "{a}:mailbox", "field": "last", "value": "3432"}
    assert found.stored[1].rows == ({"key": "{a}:order", "field": "00", "score": "31"},)
    assert found.stored[0].columns[0].retention == MAILBOX.retention
    assert found.rows_of_nobody == {"keys of mailboxes": 2}
    assert "Stored: {route}:mailbox" in page_of(found).as_text()


def test_nothing_is_promised_that_only_a_database_keeps() -> None:
    """15 minutes and not 30 seconds; Redis's files and no backups."""
    found = answer(held())
    reasons = " ".join(absence.why for absence in found.cannot)
    assert "15 minutes" in reasons
    assert "30 seconds" not in reasons
    places = [place.where for place in found.elsewhere]
    assert places[0].startswith("the files and replicas")
    assert not any(place.startswith("backups") for place in places)


def test_an_account_that_no_relay_would_find_is_produced_as_it_is() -> None:
    """Nothing is said to be nothing while there are rows."""
    facts = " ".join(answer(held(is_readable=False)).facts)
    assert "A relay would not find this account" in facts
    assert "Nothing is stored" not in facts
    empty = HeldAccount((), None, (), 0, 0)
    found = answer(empty)
    assert not found.is_known
    assert "Nothing is stored about this account." in found.facts


def test_a_figure_that_is_none_is_produced_and_not_read() -> None:
    """Damage in a count keeps no answer back: the row is there, the sentence is not."""
    for value in (b"", b"x", "\u00b2".encode(), b"-1"):
        rows = tuple(KeyRow("{a}:mailbox", field, value) for field in ("epoch", "last"))
        damaged = HeldAccount((OwnedKeys(MAILBOX, rows),), None, (), 0, 0)
        found = answer(damaged)
        assert [row["value"] for row in found.stored[0].rows] == [value.hex()] * 2
        assert "{a}:mailbox" not in " ".join(found.facts)
