"""What is known of contacts and their devices."""

import pytest
from hushpost.engine import contact_book
from hushpost.engine.desk import Desk
from hushpost.errors import MisuseError
from hushpost_crypto.session import SessionBook

from tests.client_lib.engine.people import Person, PostRoom, only_device


def test_rows_survive_and_are_found_by_account() -> None:
    """Contact, device and sessions are stored, listed, and gone after removal."""
    alice, bob = Person("alice", 1), Person("bob", 2)
    PostRoom(alice, bob).befriend(alice, bob)
    account, device_id = bob.own.account_id, bob.own.device_id
    row = alice.contact(bob)
    assert row.genesis == bob.own.genesis
    assert row.device_list == bob.own.device_list
    assert row.view == bob.own.view
    assert row.address == str(bob.address)
    device = alice.look(contact_book.find_device, account, device_id)
    assert device is not None
    assert device == alice.look(contact_book.device_row, only_device(alice, bob))
    assert device == alice.look(contact_book.find_device_by_key, device.key)
    assert device.contact_secret is not None
    assert repr(device.contact_secret) not in repr(device)
    assert alice.look(contact_book.session_book, device).sessions
    alice.step(contact_book.save_book, device, SessionBook())
    assert alice.look(contact_book.session_book, device) == SessionBook()
    assert [item.account_id for item in alice.look(_all)] == [account]
    public = contact_book.public_contact(row)
    assert (public.name, str(public), public.verified) == ("bob", "bob", False)
    alice.step(contact_book.remove_contact, account)
    assert alice.look(contact_book.find_contact, account) is None
    assert alice.look(contact_book.devices_of, account) == []
    with pytest.raises(MisuseError, match="add_contact"):
        alice.look(contact_book.contact_row, account)
    with pytest.raises(MisuseError, match="no longer"):
        alice.look(contact_book.device_row, device.key)


def _all(desk: Desk) -> list[contact_book.ContactRow]:
    return list(contact_book.all_contacts(desk))
