"""Addresses and invitations as text (docs/spec/addresses.md, sections 2 to 4).

    hushpost://relay.example/<56 characters>                     an address
    hushpost://relay.example/<56 characters>/<82 characters>     an invitation

An address names its relay and, by a hash of its keys, one account; check bytes catch typing slips
before anything is asked of a relay. Upper case is read (a QR code is smaller that way), lower case
is written.
"""

import base64
from dataclasses import dataclass
from typing import Final, Self

from hushpost_wire.encoding import labelled_sha256
from hushpost_wire.errors import MalformedRecord
from hushpost_wire.host import Host, parse_host
from hushpost_wire.labels import ADDRESS_CHECK, INVITATION_CHECK
from hushpost_wire.records import (
    ACCOUNT_ID_BYTES,
    ROUTE_BYTES,
    AccountId,
    DropSecret,
    Route,
)

from hushpost_crypto import primitives
from hushpost_crypto.drops import Drop
from hushpost_crypto.errors import BadAddress, BadLength

SCHEME: Final = "hushpost://"
# Three bytes let one slip in sixteen million through; the relay then knows no such account.
CHECK_BYTES: Final = 3
ID_CHARACTERS: Final = 56
INVITE_CHARACTERS: Final = 82
# An invitation with the longest host is 404 characters; more is no address and not worth reading.
TEXT_CHARACTERS_MAX: Final = 512

_ALPHABET: Final = frozenset("abcdefghijklmnopqrstuvwxyz234567")


@dataclass(frozen=True, slots=True)
class Address:
    """Where to reach an account: what people hand each other."""

    host: Host
    account_id: AccountId

    def __post_init__(self) -> None:
        if len(self.account_id) != ACCOUNT_ID_BYTES:
            raise BadLength(f"an account id is {ACCOUNT_ID_BYTES} bytes")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an address; an invitation is refused. Raises `BadAddress` saying what is wrong."""
        parsed = parse(text)
        if isinstance(parsed, Invitation):
            raise BadAddress("this is an invitation, not a plain address; add it as a contact")
        return cls(parsed.host, parsed.account_id)

    def __str__(self) -> str:
        check = labelled_sha256(ADDRESS_CHECK, self.account_id)[:CHECK_BYTES]
        return f"{SCHEME}{self.host}/{_encode(self.account_id + check)}"

    def qr_text(self) -> str:
        """Give the same in upper case, which a QR code holds in fewer squares."""
        return str(self).upper()


@dataclass(frozen=True, slots=True)
class Invitation:
    """An address and a one-use drop, for one person only. Its text is a secret until used."""

    address: Address
    drop: Drop

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an invitation; a plain address is refused. Raises `BadAddress`."""
        parsed = parse(text)
        if isinstance(parsed, Address):
            raise BadAddress("this is a plain address; an invitation has one more part behind it")
        return cls(parsed.address, parsed.drop)

    def __str__(self) -> str:
        payload = self.drop.route + self.drop.secret
        check = _invitation_check(self.address, payload)
        return f"{self.address}/{_encode(payload + check)}"

    def qr_text(self) -> str:
        """Give the same in upper case, which a QR code holds in fewer squares."""
        return str(self).upper()


def parse(text: str) -> Address | Invitation:
    """Read either; raises `BadAddress`, whose message says which part is wrong and what to do."""
    stripped = text.strip()
    if len(stripped) > TEXT_CHARACTERS_MAX:
        raise BadAddress("too long for an address; copy it again, and nothing around it")
    lowered = stripped.lower()
    if not lowered.startswith(SCHEME):
        raise BadAddress(f"an address begins with {SCHEME}; copy the whole of it")
    host_text, *parts = lowered.removeprefix(SCHEME).split("/")
    if len(parts) not in (1, 2):
        raise BadAddress("an address is hushpost://host/id, an invitation has one part more")
    address = _read_address(host_text, parts[0])
    if len(parts) == 1:
        return address
    return _read_invitation(address, parts[1])


def _read_address(host_text: str, id_text: str) -> Address:
    try:
        host = parse_host(host_text)
    except MalformedRecord as error:
        raise BadAddress(f"{error}; ask for the address again") from None
    raw = _decode(id_text, "account id", ID_CHARACTERS)
    account_id, check = AccountId(raw[:ACCOUNT_ID_BYTES]), raw[ACCOUNT_ID_BYTES:]
    if labelled_sha256(ADDRESS_CHECK, account_id)[:CHECK_BYTES] != check:
        raise BadAddress("the account id fails its check: a character is wrong; copy it again")
    return Address(host, account_id)


def _read_invitation(address: Address, invite_text: str) -> Invitation:
    raw = _decode(invite_text, "invitation", INVITE_CHARACTERS)
    payload, check = raw[:-CHECK_BYTES], raw[-CHECK_BYTES:]
    if not primitives.equal(_invitation_check(address, payload), check):
        raise BadAddress("the invitation fails its check: a character is wrong; copy it again")
    route, secret = Route(payload[:ROUTE_BYTES]), DropSecret(payload[ROUTE_BYTES:])
    return Invitation(address, Drop(route, secret))


def _invitation_check(address: Address, payload: bytes) -> bytes:
    host = address.host.encode("ascii")
    return labelled_sha256(INVITATION_CHECK, host, address.account_id, payload)[:CHECK_BYTES]


def _encode(raw: bytes) -> str:
    return base64.b32encode(raw).decode("ascii").rstrip("=").lower()


def _decode(text: str, noun: str, characters: int) -> bytes:
    strange = sorted(set(text) - _ALPHABET)
    if strange:
        raise BadAddress(f"the {noun} holds {strange[0]!r}, which no address does; copy it again")
    if len(text) != characters:
        raise BadAddress(
            f"the {noun} has {len(text)} characters, not {characters}; copy the whole address again"
        )
    # Alphabet and length are right, so this cannot fail; unused bits are looked at below.
    raw = base64.b32decode(text.upper() + "=" * (-len(text) % 8))
    if _encode(raw) != text:
        raise BadAddress(f"the {noun} ends in a character that cannot stand there; copy it again")
    return raw
