"""Tests of hushpost_crypto.address."""

import pytest
from hushpost_crypto.address import Address, Invitation, parse
from hushpost_crypto.drops import Drop
from hushpost_crypto.errors import BadAddress, BadLength
from hushpost_wire.host import Host
from hushpost_wire.records import AccountId, DropSecret, Route
from hypothesis import given
from hypothesis import strategies as st

from tests.crypto.identity_vector_runner import run_file
from tests.crypto.identity_vectors import VECTORS

ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
hosts = st.sampled_from(["relay.example", "localhost:8440", "127.0.0.1:1", "[::1]:8440", "a.b"])
addresses = st.builds(Address, hosts.map(Host), st.binary(min_size=32, max_size=32).map(AccountId))
drops = st.builds(
    Drop,
    st.binary(min_size=16, max_size=16).map(Route),
    st.binary(min_size=32, max_size=32).map(DropSecret),
)
texts = st.one_of(addresses.map(str), st.builds(Invitation, addresses, drops).map(str))


@given(addresses, drops)
def test_round_trip_as_text_and_qr(address: Address, drop: Drop) -> None:
    """An address and an invitation read back from either spelling."""
    invitation = Invitation(address, drop)
    for text in (str(address), address.qr_text(), f"  {address}\n"):
        assert parse(text) == Address.parse(text) == address
    for text in (str(invitation), invitation.qr_text()):
        assert parse(text) == Invitation.parse(text) == invitation


@given(texts, st.data())
def test_any_changed_character_behind_the_host_fails(text: str, data: st.DataObject) -> None:
    """One character of the id or invitation replaced by another of the alphabet is caught."""
    start = text.index("/", len("hushpost://")) + 1
    place = data.draw(
        st.integers(start, len(text) - 1).filter(lambda n: text[n] != "/"), label="place"
    )
    letter = data.draw(st.sampled_from(ALPHABET.replace(text[place], "")), label="letter")
    with pytest.raises(BadAddress):
        parse(text[:place] + letter + text[place + 1 :])


@given(st.text(max_size=600))
def test_any_text_gives_bad_address_only(text: str) -> None:
    """Whatever a person pastes, the one error comes of it, and it says something."""
    for given_text in (text, f"hushpost://{text}", f"hushpost://a.example/{text}"):
        with pytest.raises(BadAddress) as caught:
            parse(given_text)
        assert len(str(caught.value)) > 20


def test_message_names_the_part_and_the_remedy() -> None:
    """Each way an address can be broken has words of its own."""
    good = str(Address(Host("a.example"), AccountId(bytes(32))))
    ident = good.rpartition("/")[2]
    for text, told in (
        (good.replace("hushpost", "http"), "begins with hushpost://"),
        (f"hushpost:///{ident}", "the host is empty; ask for the address again"),
        (good.replace("a.example", "a.example:99999"), "no number from 1 to 65535"),
        (good[:-1], "has 55 characters, not 56; copy the whole address again"),
        (good[:-1] + "0", "holds '0', which no address does"),
        (good[:-1] + ("b" if good[-1] == "a" else "a"), "a character is wrong; copy it again"),
        (f"{good}/", "the invitation has 0 characters, not 82"),
        (f"{good}/a/b", "has one part more"),
        ("x" * 513, "too long for an address"),
    ):
        with pytest.raises(BadAddress, match=told):
            parse(text)


def test_too_long_is_said_of_what_is_too_long_alone() -> None:
    """Up to 512 characters are read, whatever then is wrong with them."""
    for size, complaint in ((512, "begins with hushpost://"), (513, "too long")):
        with pytest.raises(BadAddress, match=complaint):
            parse(" " + "x" * size + "\n")


def test_invitation_is_not_taken_for_an_address() -> None:
    """Where one is wanted the other is refused with its name."""
    address = Address(Host("a.example"), AccountId(bytes(32)))
    invitation = Invitation(address, Drop(Route(bytes(16)), DropSecret(bytes(32))))
    with pytest.raises(BadAddress, match="this is an invitation"):
        Address.parse(str(invitation))
    with pytest.raises(BadAddress, match="this is a plain address"):
        Invitation.parse(str(address))


def test_repr_of_an_invitation_hides_its_secret() -> None:
    """The secret of the drop is in the text, and not in the repr that may reach a log."""
    secret = DropSecret(b"\xabS" * 16)
    invitation = Invitation(
        Address(Host("a.example"), AccountId(bytes(32))), Drop(Route(bytes(16)), secret)
    )
    assert repr(secret)[2:-1] not in repr(invitation)


def test_account_id_of_another_length_is_refused() -> None:
    """An address is never made of a cut id."""
    with pytest.raises(BadLength):
        Address(Host("a.example"), AccountId(bytes(31)))


def test_vectors_hold() -> None:
    """The published addresses are read or refused as stated."""
    assert run_file((VECTORS / "address.json").read_bytes()) == []
