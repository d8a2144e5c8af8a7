"""How an operator names an account: by address, invitation or account id (docs/spec/addresses.md).

The relay cannot import the clients' reading of addresses, which lies beside the cryptography; of an
address it needs the host, the id and its check.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Final

from hushpost_wire.encoding import labelled_sha256
from hushpost_wire.identifiers import ACCOUNT_ID_BYTES, AccountId
from hushpost_wire.labels import ADDRESS_CHECK

from hushpost_server.errors import AccountUnclear

SCHEME: Final = "hushpost://"
_CHECK_BYTES: Final = 3


@dataclass(frozen=True, slots=True)
class AccountReference:
    """An account id, and the host of the address it was given by (empty: a bare id)."""

    account_id: AccountId
    host: str = ""


def read_reference(text: str) -> AccountReference:
    """Read what an operator typed; raises AccountUnclear with what is wrong with it."""
    lowered = text.strip().lower()
    if lowered.startswith(SCHEME):
        host, _, rest = lowered.removeprefix(SCHEME).partition("/")
        return AccountReference(_from_address(rest.partition("/")[0]), host)
    try:
        account_id = bytes.fromhex(lowered)
    except ValueError:
        account_id = b""
    if len(account_id) == ACCOUNT_ID_BYTES:
        return AccountReference(AccountId(account_id))
    return AccountReference(_from_address(lowered))


def address_of(account_id: AccountId, host: str) -> str:
    """Return the address of an account at a host."""
    check = labelled_sha256(ADDRESS_CHECK, account_id)[:_CHECK_BYTES]
    return f"{SCHEME}{host}/{base64.b32encode(account_id + check).decode().rstrip('=').lower()}"


def _from_address(text: str) -> AccountId:
    try:
        raw = base64.b32decode(text.upper() + "=" * (-len(text) % 8))
    except (binascii.Error, ValueError):
        raw = b""
    account_id, check = AccountId(raw[:ACCOUNT_ID_BYTES]), raw[ACCOUNT_ID_BYTES:]
    if len(raw) != ACCOUNT_ID_BYTES + _CHECK_BYTES:
        raise AccountUnclear(
            "ACCOUNT must be an address (hushpost://host/...), the last part of one (56 characters"
            " of a-z and 2-7), or an account id (64 hexadecimal digits)"
        )
    if labelled_sha256(ADDRESS_CHECK, account_id)[:_CHECK_BYTES] != check:
        raise AccountUnclear(
            "the address fails its check: a character is wrong; take it again from where it came"
        )
    return account_id
