"""What an app hands in, read strictly: a relay, an address, a person, a way to open the vault."""

import re
from typing import Final, cast

from hushpost_crypto.address import Address, Invitation, parse
from hushpost_crypto.errors import BadText
from hushpost_wire.errors import MalformedRecord
from hushpost_wire.host import Host, is_loopback, parse_host
from hushpost_wire.limits import TOKEN_CHARACTERS_MAX

from hushpost.contacts import Contact, Knock
from hushpost.content import INNER_ID_BYTES, InnerId
from hushpost.errors import MisuseError
from hushpost.vault_header import KeychainKey, Passphrase, VaultSecret

_SCHEMES: Final = ("wss://", "ws://")
_TOKEN: Final = re.compile(f"[!-~]{{1,{TOKEN_CHARACTERS_MAX}}}")


class BadInput(MisuseError):
    """Text from a person or a setting does not read; the message says which part and why."""


def read_relay(text: str, *, tls: bool = False) -> Host:
    """Read ``wss://relay.example``, ``ws://127.0.0.1:8440`` or a bare host; raises `BadInput`."""
    if not isinstance(cast("object", text), str):
        raise BadInput("the relay's address is text like wss://relay.example")
    scheme, separator, rest = text.partition("://")
    if separator and scheme not in ("wss", "ws"):
        raise BadInput(
            f"a relay is reached by wss:// (on this machine by ws://), not by {scheme}://: write"
            f" the host alone, {rest.partition('/')[0]}"
        )
    plain = text.startswith("ws://")
    name = text
    for scheme in _SCHEMES:
        name = name.removeprefix(scheme)
    try:
        host = parse_host(name.removesuffix("/"))
    except MalformedRecord as error:
        raise BadInput(f"the relay's address does not read: {error}") from None
    if plain and not is_loopback(host):
        raise BadInput(f"plain ws:// is for this machine only; write wss://{host}")
    if text.startswith("wss://") and is_loopback(host) and not tls:
        raise BadInput(
            f"a relay on this machine is reached by ws://{host}; for wss:// pass tls=, a context"
            " that knows its certificate"
        )
    return host


def read_target(target: Address | Invitation | str) -> Address | Invitation:
    """Read an address or invitation; raises `BadInput`."""
    if isinstance(target, Address | Invitation):
        return target
    if not isinstance(cast("object", target), str):
        raise BadInput("an address is text like hushpost://relay.example/..., or an Address")
    try:
        return parse(target)
    except BadText as error:
        raise BadInput(str(error)) from None


def read_token(token: str | None) -> str | None:
    """Check that text can be a registration token at all; raises `BadInput`."""
    if token is None or (isinstance(cast("object", token), str) and _TOKEN.fullmatch(token)):
        return token
    raise BadInput(
        f"a registration token has 1 to {TOKEN_CHARACTERS_MAX} letters, digits or signs and no"
        " spaces: copy it again"
    )


def secret_of(passphrase: str | None, key: bytes | None) -> VaultSecret:
    """Give what opens the vault: exactly one of a passphrase and a key of 32 bytes."""
    if (passphrase is None) == (key is None):
        raise MisuseError("give either passphrase=... or key=... (32 bytes), and not both")
    if not isinstance(cast("object", passphrase), str | None):
        raise MisuseError("a passphrase is text; for 32 bytes use key=...")
    if not isinstance(cast("object", key), bytes | None):
        raise MisuseError("a key is 32 bytes; for text use passphrase=...")
    return Passphrase(passphrase) if passphrase is not None else KeychainKey(key or b"")


def account_of(person: Contact | Knock) -> bytes:
    """Give whose account a contact or knock is; raises `MisuseError` for anything else."""
    if not isinstance(cast("object", person), Contact | Knock):
        raise MisuseError("give a Contact or Knock, as contacts(), add_contact() or events give it")
    return person.account_id


def read_message_id(message_id: str) -> InnerId:
    """Read a message id; raises `MisuseError`."""
    try:
        inner_id = bytes.fromhex(message_id)
    except (ValueError, TypeError):
        inner_id = b""
    if len(inner_id) != INNER_ID_BYTES:
        raise MisuseError("a message id is 32 hexadecimal digits, as Message.message_id gives it")
    return InnerId(inner_id)
