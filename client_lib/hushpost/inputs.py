"""What an app hands in, read strictly: a relay, an address, a way to open the vault."""

import re
from typing import Final

from hushpost_crypto.address import Address, Invitation, parse
from hushpost_crypto.errors import BadText
from hushpost_wire.errors import MalformedRecord
from hushpost_wire.host import Host, is_loopback, parse_host
from hushpost_wire.limits import TOKEN_CHARACTERS_MAX

from hushpost.errors import MisuseError
from hushpost.vault_header import KeychainKey, Passphrase, VaultSecret

_SCHEMES: Final = ("wss://", "ws://")
_TOKEN: Final = re.compile(f"[!-~]{{1,{TOKEN_CHARACTERS_MAX}}}")


class BadInput(MisuseError):
    """Text from a person or a setting does not read; the message says which part and why."""


def read_relay(text: str) -> Host:
    """Read ``wss://relay.example``, ``ws://127.0.0.1:8440`` or a bare host; raises `BadInput`."""
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
    return host


def read_target(target: Address | Invitation | str) -> Address | Invitation:
    """Read an address or invitation; raises `BadInput`."""
    if not isinstance(target, str):
        return target
    try:
        return parse(target)
    except BadText as error:
        raise BadInput(str(error)) from None


def read_token(token: str | None) -> str | None:
    """Check that text can be a registration token at all; raises `BadInput`."""
    if token is None or _TOKEN.fullmatch(token):
        return token
    raise BadInput(
        f"a registration token has 1 to {TOKEN_CHARACTERS_MAX} letters, digits or signs and no"
        " spaces: copy it again"
    )


def secret_of(passphrase: str | None, key: bytes | None) -> VaultSecret:
    """Give what opens the vault: exactly one of a passphrase and a key of 32 bytes."""
    if (passphrase is None) == (key is None):
        raise MisuseError("give either passphrase=... or key=... (32 bytes), and not both")
    return Passphrase(passphrase) if passphrase is not None else KeychainKey(key or b"")
