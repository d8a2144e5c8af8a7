"""Tests of hushpost_server.account_reference, held against the clients' own reading."""

from __future__ import annotations

import pytest
from hushpost_crypto.address import Address
from hushpost_server.account_reference import AccountReference, address_of, read_reference
from hushpost_server.errors import AccountUnclear
from hushpost_wire.host import Host
from hushpost_wire.identifiers import AccountId

ID = AccountId(bytes(range(32)))
ADDRESS = Address(Host("relay.example:8440"), ID)


def test_an_address_is_written_as_clients_write_it() -> None:
    """One spelling, on both sides."""
    assert address_of(ID, "relay.example:8440") == str(ADDRESS)


@pytest.mark.parametrize(
    "text",
    [
        str(ADDRESS),
        ADDRESS.qr_text(),
        f"  {ADDRESS}\n",
        f"{ADDRESS}/{'a' * 82}",
    ],
)
def test_an_address_or_invitation_names_account_and_relay(text: str) -> None:
    """In either case, with white space around it; the drop of an invitation is not looked at."""
    assert read_reference(text) == AccountReference(ID, "relay.example:8440")


@pytest.mark.parametrize("text", [ID.hex(), ID.hex().upper(), str(ADDRESS).rpartition("/")[2]])
def test_an_id_alone_names_the_account(text: str) -> None:
    """As hexadecimal digits, or as the last part of an address."""
    assert read_reference(text) == AccountReference(ID)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "ACCOUNT must be an address"),
        ("alice", "ACCOUNT must be an address"),
        (ID.hex()[:-2], "ACCOUNT must be an address"),
        ("hushpost://relay.example", "ACCOUNT must be an address"),
        (str(ADDRESS)[:-1] + "0", "ACCOUNT must be an address"),
        (str(ADDRESS).replace("aaaq", "aaba", 1), "fails its check"),
    ],
)
def test_what_is_no_account_is_said_to_be_none(text: str, said: str) -> None:
    """A slip is caught before anything is looked for."""
    with pytest.raises(AccountUnclear, match=said):
        read_reference(text)
