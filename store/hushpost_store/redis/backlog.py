"""What a server keeps in memory of what was written, long after it was deleted.

A primary keeps the last of it for replicas that fall behind (`repl-backlog-size`, a megabyte by
default), until as much was written after it; on a quiet server that is never. So it is filled with
zeros, which replicas take into theirs. And what scripts were given stays with their interpreter
until its collector comes by, which takes fifty scripts and more.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from hushpost_store.redis import answers
from hushpost_store.redis.address import Address
from hushpost_store.redis.command import ServerError
from hushpost_store.redis.shards import Shards

# Of a larger backlog the rest is left to what is written anyway: this also goes into the logs.
FILLED_BYTES_MAX: Final = 16 << 20
_BLANK: Final = bytes(256 << 10)
# If the relay dies in between.
_BLANK_SECONDS: Final = 60
# Each of three primaries is found after three names or so; of a thousand the rarest after 10,000.
_NAMES_MAX: Final = 16_384


async def overwrite(shards: Shards, primary: Address) -> int:
    """Fill a primary's backlog; how many bytes it took, 0 where it has none. Raises StoreFault."""
    said = answers.blob(await shards.ask_server(primary, b"INFO", b"replication")).decode()
    figures = dict(line.split(":", 1) for line in said.splitlines() if ":" in line)
    if figures.get("role") != "master" or figures.get("repl_backlog_active") != "1":
        return 0
    # It is freed in blocks, and only when what is left has its size without the oldest.
    size = min(int(figures["repl_backlog_size"]), FILLED_BYTES_MAX) + 2 * len(_BLANK)
    key = key_at(shards, primary)
    filled = 0
    try:
        while filled < size:
            await shards.ask(key, b"SET", key, _BLANK, b"EX", _BLANK_SECONDS)
            filled += len(_BLANK)
    except ServerError:
        return filled  # full: what frees room is not held up by this
    finally:
        await shards.ask(key, b"UNLINK", key)
    return filled


async def collect(shards: Shards, server: Address) -> None:
    """Have a server free what its scripts no longer use: some milliseconds. Raises StoreFault."""
    with suppress(ServerError):  # a server or a user of it that may not: it comes by itself
        await shards.ask_server(server, b"EVAL", b"collectgarbage() return 1", 0)


def key_at(shards: Shards, primary: Address) -> bytes:
    """Return a key whose slot this primary owns. Raises ServerError where it owns none."""
    for number in range(_NAMES_MAX):
        key = b"{blank-%d}:blank" % number
        if shards.owner_of(key) == primary:
            return key
    raise ServerError("a server owns no slot any more")
