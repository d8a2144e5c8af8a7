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
    return tuple(tag + name for name in _MAILBOX_NAMES)


def account_keys(account_id: bytes) -> tuple[bytes, ...]:
    """Return the keys that every script of an account is given, in its order."""
    tag = _tag(account_id)
    return tuple(tag + name for name in _ACCOUNT_NAMES)


def named_by(key: bytes) -> bytes:
    """Return the route or account id that a key belongs to."""
    tag = key[1 : key.index(b"}")]
    return urlsafe_b64decode(tag + b"=" * (-len(tag) % 4))


def _tag(name: bytes) -> bytes:
    return b"{" + urlsafe_b64encode(name).rstrip(b"=") + b"}"


_MAILBOX_NAMES: Final = tuple(b":" + name.encode() for name in MAILBOX_KEYS)
_ACCOUNT_NAMES: Final = tuple(b":" + name.encode() for name in ACCOUNT_KEYS)
