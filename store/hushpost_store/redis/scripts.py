"""The scripts that Redis runs for us, each one atomic within one mailbox or one account.

Redis names a script by the SHA-1 of its text; that is a name here and protects nothing.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

_LUA: Final = files("hushpost_store.redis") / "lua"

# The keys of one mailbox and of one account, all in one slot; docs/spec/store.md draws them.
MAILBOX_KEYS: Final = ("mailbox", "drops", "heads", "order", "bodies", "expired")
ACCOUNT_KEYS: Final = ("account", "lists", "fresh", "records", "taken", "standing")


@dataclass(frozen=True, slots=True)
class Script:
    """One script: its text, and the name by which Redis keeps it."""

    name: str
    text: bytes
    sha: bytes
    takes_life: bool
    """Whether it numbers envelopes, and so must know the life of the server that it runs on."""
    is_submission: bool
    """Whether it queues an envelope, and so must not overtake one that failed."""


# What frees memory, or lets somebody come and take what is there, must run on a full server too.
_ON_FULL_SERVERS: Final = frozenset(
    {
        *("open", "close", "acknowledge", "notices", "seen", "sweep", "revoke_drop"),
        *("tally", "swept", "renew"),
        *("release", "mark_deleting", "remove_account", "prune_prekeys", "claim_service"),
    }
)

_SUBMITTING: Final = "enqueue"
_NUMBERING: Final = frozenset({_SUBMITTING, "open"})
# Names mailboxes of any slot of its server as arguments, and writes nothing.
_ACROSS_SLOTS: Final = frozenset({"look"})


def _script(name: str, *before: str) -> Script:
    text = b"\n".join((_LUA / f"{part}.lua").read_bytes() for part in (*before, name))
    if name in _ON_FULL_SERVERS:
        text = b"#!lua flags=allow-oom\n" + text
    if name in _ACROSS_SLOTS:
        text = b"#!lua flags=no-writes,allow-cross-slot-keys\n" + text
    sha = hashlib.sha1(text, usedforsecurity=False).hexdigest().encode()
    return Script(name, text, sha, takes_life=name in _NUMBERING, is_submission=name == _SUBMITTING)


def _of_mailbox(*names: str) -> dict[str, Script]:
    return {name: _script(name, "mailbox") for name in names}


def _of_account(*names: str) -> dict[str, Script]:
    return {name: _script(name, "account") for name in names}


@cache
def all_scripts() -> dict[str, Script]:
    """Return every script by name; read once."""
    return {
        **_of_mailbox("claim", "release", "enqueue", "acknowledge", "close", "read", "seen"),
        **_of_mailbox("register_drop", "revoke_drop", "sweep"),
        "claim_service": _script("claim_service"),
        "open": _script("open", "mailbox", "notice"),
        "notices": _script("notices", "mailbox", "notice"),
        **_of_account("create_account", "publish_list", "load_account", "load_lists"),
        **_of_account("mark_deleting", "remove_account"),
        **{name: _script(name) for name in ("tally", "swept", "renew", "look")},
        **_of_account("publish_prekeys", "take_prekeys", "count_prekeys", "prune_prekeys"),
    }
