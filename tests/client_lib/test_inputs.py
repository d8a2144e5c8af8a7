"""What an app hands in is read strictly, and each mistake is named."""

import pytest
from hushpost.contacts import Contact, ContactStage
from hushpost.errors import MisuseError
from hushpost.inputs import (
    BadInput,
    account_of,
    read_message_id,
    read_relay,
    read_target,
    read_token,
    secret_of,
)
from hushpost.vault_header import KeychainKey, Passphrase
from hushpost_crypto.address import Address
from hushpost_wire.host import Host
from hushpost_wire.identifiers import AccountId

ADDRESS = Address(Host("relay.example"), AccountId(bytes(range(32))))


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("wss://relay.example", "relay.example"),
        ("wss://relay.example:444/", "relay.example:444"),
        ("ws://127.0.0.1:8440", "127.0.0.1:8440"),
        ("ws://[::1]:1", "[::1]:1"),
        ("relay.example", "relay.example"),
    ],
)
def test_a_relay_is_a_host_with_or_without_scheme(text: str, host: str) -> None:
    """Links and bare hosts mean the same relay."""
    assert read_relay(text) == host


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("ws://relay.example", "wss://relay.example"),
        ("http://relay.example", "not by http://"),
        ("", "empty"),
        ("wss://Relay.Example", "lower case"),
        ("wss://relay.example:99999", "port"),
    ],
)
def test_what_is_no_relay_says_why(text: str, why: str) -> None:
    """The message names the part that is wrong."""
    with pytest.raises(BadInput, match=why):
        read_relay(text)


def test_addresses_are_read_and_objects_pass() -> None:
    """Text is parsed; an address object is taken as it is; other text says what an address is."""
    assert read_target(str(ADDRESS)) == ADDRESS
    assert read_target(ADDRESS) is ADDRESS
    with pytest.raises(BadInput, match="hushpost://"):
        read_target("somebody@example.org")


def test_a_vault_opens_with_exactly_one_secret() -> None:
    """A passphrase or a key, not both and not none."""
    assert secret_of("words", None) == Passphrase("words")
    assert secret_of(None, bytes(32)) == KeychainKey(bytes(32))
    for passphrase, key in ((None, None), ("words", bytes(32))):
        with pytest.raises(MisuseError, match="either passphrase"):
            secret_of(passphrase, key)


def test_a_token_is_checked_before_it_goes_anywhere() -> None:
    """Spaces, nothing and a page of text are no token; none at all is fine."""
    assert read_token(None) is None
    assert read_token("abc-123") == "abc-123"
    for wrong in ("", "two words", "x" * 129, "naïve"):
        with pytest.raises(BadInput, match="copy it again"):
            read_token(wrong)


def test_a_person_is_a_contact_or_a_knock() -> None:
    """An address in the place of a contact is told from one."""
    contact = Contact(str(ADDRESS), ADDRESS.account_id, "", ContactStage.OPEN, verified=False)
    assert account_of(contact) == ADDRESS.account_id
    with pytest.raises(MisuseError, match="give a Contact"):
        account_of(str(ADDRESS))  # type: ignore[arg-type]  # what an app may do all the same


def test_a_message_id_is_32_digits() -> None:
    """Anything else is told what an id looks like."""
    assert read_message_id("00" * 16) == bytes(16)
    for wrong in ("", "00" * 15, "xy" * 16, None):
        with pytest.raises(MisuseError, match="32 hexadecimal"):
            read_message_id(wrong)  # type: ignore[arg-type]  # what an app may do all the same


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("http://127.0.0.1:8440", "write the host alone, 127.0.0.1:8440"),
        ("https://relay.example", "write the host alone, relay.example"),
        ("hushpost://relay.example/abc", "not by hushpost://"),
    ],
)
def test_another_scheme_is_named_with_the_right_one(text: str, instead: str) -> None:
    """Who copies a web address is told what to write, and not of a port that is none."""
    with pytest.raises(BadInput) as caught:
        read_relay(text)
    assert instead in str(caught.value)
    assert "port" not in str(caught.value)
