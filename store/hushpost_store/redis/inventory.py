"""Every key and channel that relays use in Redis, why, and until when (docs/spec/store.md, "Keys").

What `sqlite.inventory` is for a database of one's own. `undeclared` names whatever lies in a Redis
that was used and does not stand here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from hushpost_store.policy_clauses import Clause


@dataclass(frozen=True, slots=True)
class RedisKey:
    """One key, by what follows its tag; `kind` is Redis's word for its type."""

    name: str
    kind: str
    purpose: str
    clause: Clause
    retention: str


_DEVICE_LIFE: Final = "until the device leaves the device list, or the account is deleted"
_ACCOUNT_LIFE: Final = "until the account is deleted"
_ENVELOPE_LIFE: Final = (
    "until acknowledged, at the latest until not_after; in Redis's own files 15 minutes longer"
)

KEYS: Final = (
    RedisKey(
        "{route}:mailbox",
        "hash",
        "owner and claim, counts and bytes queued by drop, knocks of the day, login epoch and node,"
        " life of the server that numbered it, ends of what it holds",
        Clause.SERVICE,
        _DEVICE_LIFE,
    ),
    RedisKey(
        "{route}:drops",
        "hash",
        "who may post, as hashes of secrets that the relay never keeps",
        Clause.SECURITY,
        "until revoked, used up or ended",
    ),
    RedisKey(
        "{route}:order", "zset", "order of what is queued", Clause.UNDELIVERED, _ENVELOPE_LIFE
    ),
    RedisKey(
        "{route}:heads",
        "hash",
        "id, end, size and drop of each envelope, and its last 16 bytes",
        Clause.UNDELIVERED,
        _ENVELOPE_LIFE,
    ),
    RedisKey("{route}:bodies", "hash", "the sealed envelopes", Clause.UNDELIVERED, _ENVELOPE_LIFE),
    RedisKey(
        "{route}:expired",
        "hash",
        "tells an owner how many envelopes through which drop were never fetched",
        Clause.UNDELIVERED,
        "until the owner has seen it",
    ),
    RedisKey(
        "{account}:account",
        "hash",
        "genesis, day made, newest device list, devices, a mark while it is being deleted",
        Clause.ACCOUNT,
        _ACCOUNT_LIFE,
    ),
    RedisKey(
        "{account}:lists",
        "hash",
        "lets contacts follow the chain of an account's devices",
        Clause.ACCOUNT,
        "the last 64 are kept",
    ),
    RedisKey(
        "{account}:fresh",
        "zset",
        "which one-time prekeys can be handed out, until which day",
        Clause.ENCRYPTION,
        "until handed out or expired",
    ),
    RedisKey(
        "{account}:records",
        "hash",
        "the one-time prekeys",
        Clause.ENCRYPTION,
        "until handed out or expired",
    ),
    RedisKey(
        "{account}:taken",
        "zset",
        "keeps a taken prekey from coming back",
        Clause.ENCRYPTION,
        "until its expiry day",
    ),
    RedisKey(
        "{account}:standing",
        "hash",
        "signed prekey and seal record of each device",
        Clause.ENCRYPTION,
        "until replaced or expired, or the device leaves",
    ),
    RedisKey(
        "{hushpost}:store",
        "hash",
        "format and random generation of the store; public key and host name of its relays; sums"
        " over all mailboxes, and how often was swept; how far each server's log is rewritten",
        Clause.SERVICE,
        "as long as the store",
    ),
    RedisKey(
        "{hushpost}:sweeper", "string", "which relay sweeps", Clause.SERVICE, "3 minutes, renewed"
    ),
    RedisKey(
        "{hushpost}:migration",
        "hash",
        "how far a move from SQLite has come: state, random id, last account, how many",
        Clause.SERVICE,
        "until the first relay starts after the move",
    ),
    RedisKey(
        "{blank}:blank",
        "string",
        "zeros, which overwrite what a server keeps in memory for replicas that fall behind",
        Clause.SECURITY,
        "less than a second; if the relay dies meanwhile a minute",
    ),
    RedisKey(
        "{node}:wake",
        "channel",
        "tells the relay that an owner is logged in at of a mailbox and a sequence; carries"
        " ephemeral envelopes themselves",
        Clause.SERVICE,
        "none: a channel keeps nothing",
    ),
)

_TAGS: Final = {
    "{route}": r"\{[A-Za-z0-9_-]{22}\}",
    "{account}": r"\{[A-Za-z0-9_-]{43}\}",
    "{hushpost}": r"\{hushpost\}",
    "{blank}": r"\{blank-[0-9]{1,5}\}",
}


_PATTERNS: Final = tuple(
    (
        re.compile(
            _TAGS[key.name[: key.name.index("}") + 1]] + re.escape(key.name.partition("}")[2])
        ),
        key,
    )
    for key in KEYS
    if key.kind != "channel"
)


def declaration_of(name: bytes, kind: str) -> RedisKey | None:
    """Return what declares a key of this name and type; None where nothing does."""
    text = name.decode("ascii", "backslashreplace")
    return next(
        (key for pattern, key in _PATTERNS if key.kind == kind and pattern.fullmatch(text)), None
    )


def undeclared(found: Iterable[tuple[bytes, str]]) -> tuple[str, ...]:
    """Name the keys, given with their types, that are not declared."""
    return tuple(
        f"{kind} {name.decode('ascii', 'backslashreplace')}"
        for name, kind in found
        if declaration_of(name, kind) is None
    )
