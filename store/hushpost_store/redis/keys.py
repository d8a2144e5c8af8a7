"""Names of keys: all of one mailbox, or one account, carry one tag and so share a slot.

    {tag of the route}:mailbox  :drops :heads :order :bodies :expired
    {tag of the account}:account :lists :fresh :records :taken :standing

A tag is unpadded Base64url: 22 characters for a route, 43 for an account id.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final

from hushpost_store.redis.scripts import ACCOUNT_KEYS, MAILBOX_KEYS

# What describes the store itself; its tag keeps it apart from every route and account.
STORE_KEY: Final = b"{hushpost}:store"
SWEEP_KEY: Final = b"{hushpost}:sweeper"
MIGRATION_KEY: Final = b"{hushpost}:migration"
ALL_MAILBOXES: Final = b"{*}:mailbox"
ALL_ACCOUNTS: Final = b"{*}:account"


def mailbox_keys(route: bytes) -> tuple[bytes, ...]:
    """Return the keys that every script of a mailbox is given, in its order."""
    tag = _tag(route)
    return tuple([tag + name for name in _MAILBOX_NAMES])


def account_keys(account_id: bytes) -> tuple[bytes, ...]:
    """Return the keys that every script of an account is given, in its order."""
    tag = _tag(account_id)
    return tuple([tag + name for name in _ACCOUNT_NAMES])


def route_named_by(key: bytes) -> bytes | None:
    """Return the route whose mailbox this key is; None where it is no key of ours."""
    route = _named_by(key, _ROUTE_TAG)
    return route if route is not None and mailbox_keys(route)[0] == key else None


def account_named_by(key: bytes) -> bytes | None:
    """Return the id of the account that this key is; None where it is no key of ours."""
    account_id = _named_by(key, _ACCOUNT_TAG)
    return account_id if account_id and account_keys(account_id)[0] == key else None


def _named_by(key: bytes, tag_characters: int) -> bytes | None:
    tag = key[1 : key.find(b"}")]
    if len(tag) != tag_characters:
        return None
    try:
        return urlsafe_b64decode(tag + b"=" * (-len(tag) % 4))
    except ValueError:
        return None


def _tag(name: bytes) -> bytes:
    return b"{" + urlsafe_b64encode(name).rstrip(b"=") + b"}"


# Characters of a tag: of 16 and of 32 bytes.
_ROUTE_TAG: Final = 22
_ACCOUNT_TAG: Final = 43
_MAILBOX_NAMES: Final = tuple(b":" + name.encode() for name in MAILBOX_KEYS)
_ACCOUNT_NAMES: Final = tuple(b":" + name.encode() for name in ACCOUNT_KEYS)
