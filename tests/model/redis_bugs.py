"""Redis stores with one bug each, which the machine must find.

Each is one script, or one step between scripts, done wrong as a slip of the pen would do it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from unittest.mock import patch

from hushpost_store.redis import accounts
from hushpost_store.redis.scripts import all_scripts


def _slip(
    name: str, right: bytes, wrong: bytes = b""
) -> Callable[[], AbstractContextManager[None]]:
    """Put something else in the place of what a script says once."""

    @contextmanager
    def slip() -> Generator[None]:
        script = all_scripts()[name]
        assert script.text.count(right) == 1, f"{name}.lua is no longer as the slip expects it"
        text = script.text.replace(right, wrong)
        sha = hashlib.sha1(text, usedforsecurity=False).hexdigest().encode()
        with patch.dict(all_scripts(), {name: replace(script, text=text, sha=sha)}):
            yield

    return slip


@contextmanager
def _released_once() -> Generator[None]:
    """Leave to the sweep what was claimed between two steps."""
    with patch.object(accounts, "RELEASES_MAX", 1):
        yield


_FULL = (
    b"elseif queued >= envelopes_max or bytes + size > bytes_max\n"
    b"  or through >= drop_envelopes_max or through_bytes + size > drop_bytes_max then"
)
_FENCE = b"if not is_present(ARGV[1], ARGV[2]) then"

BUGS = {
    "nothing but knocks is ever too much": _slip("enqueue", _FULL, b"elseif false then"),
    "any login may acknowledge": _slip("acknowledge", _FENCE, b"if false then"),
    "a login is every relay's": _slip("read", b" and present[2] == node"),
    "what has ended is delivered": _slip("read", b"* HOUR > now)", b"* HOUR >= now)"),
    "what has not ended is swept": _slip(
        "sweep", b"local now = tonumber(ARGV[1])", b"local now = tonumber(ARGV[1]) + HOUR"
    ),
    "a duplicate is queued": _slip("enqueue", b"known = call('HGET', heads, id)", b"known = false"),
    "a one-use drop is used twice": _slip("enqueue", b" or (used_by ~= '' and used_by ~= id)"),
    "a notice is told once": _slip("open", b"redis.call('HSET', expired, 'n' .. number, packed)"),
    "what Redis ended is told to nobody": _slip("open", b"gather(ref, tonumber(all[at + 1]))"),
    "a taken prekey comes back": _slip(
        "take_prekeys",
        b"redis.call('ZADD', taken, redis.call('ZSCORE', fresh, member), member)",
    ),
}
CROSSING_BUGS = {
    "two relays swap one list": _slip(
        "publish_list", b"if known[2] ~= ARGV[1] then", b"if false then"
    ),
    "what was claimed in vain stays": _released_once,
}
