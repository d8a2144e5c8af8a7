r"""The mark of a Redis into which another store moves (docs/spec/store.md, "Moving").

A hash `{hushpost}:migration`, there from before the first account until the first relay starts::

    (none) --> going --> closing --> done --> (none): the first relay has taken over
                  \---------\---------\--> undoing --> (none)

`going`: accounts up to `cursor` are there; `closing`: all of it was read back and is equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from hushpost_store import errors
from hushpost_store.redis import answers
from hushpost_store.redis.durable_run import write_durably
from hushpost_store.redis.keys import MIGRATION_KEY
from hushpost_store.redis.shards import Shards


class ArrivalState(StrEnum):
    """How far a migration has come, as Redis has it."""

    GOING = "going"
    CLOSING = "closing"
    DONE = "done"
    UNDOING = "undoing"


@dataclass(frozen=True, slots=True)
class ArrivalMark:
    """The mark; accounts in the order of their ids up to `cursor` have been read back.

    From `closing` on `envelopes` and `digest` are those of all that has arrived.
    """

    state: ArrivalState
    migration_id: bytes
    cursor: bytes = b""
    accounts: int = 0
    envelopes: int = 0
    digest: bytes = b""


# Atomic, so that of a relay that starts, an undoing and two migrations one alone wins.
_TAKE_OVER: Final = b"""
local state = redis.call('HGET', KEYS[1], 'state')
if state == 'done' then redis.call('DEL', KEYS[1]) end
return state
"""
# Also where memory is full, which may be why somebody wants to go back.
_UNDO: Final = b"""#!lua flags=allow-oom
if redis.call('HGET', KEYS[1], 'id') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'state', 'undoing')
return 1
"""
# The first argument: whose mark must stand there; empty: none may.
_PUT: Final = b"""
if (redis.call('HGET', KEYS[1], 'id') or '') ~= ARGV[1] then return 0 end
if redis.call('HGET', KEYS[1], 'state') == 'undoing' then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
return 1
"""


async def read(shards: Shards) -> ArrivalMark | None:
    """Return the mark; None where nothing is under way. Raises StoreDamaged, StoreFault."""
    found = answers.fields(await shards.ask(MIGRATION_KEY, b"HGETALL", MIGRATION_KEY))
    if not found:
        return None
    try:
        return ArrivalMark(
            ArrivalState(found[b"state"].decode("ascii")),
            found[b"id"],
            found[b"cursor"],
            int(found[b"accounts"]),
            int(found[b"envelopes"]),
            found[b"digest"],
        )
    except (KeyError, ValueError) as fault:
        raise errors.StoreDamaged("the mark of a migration in Redis cannot be read") from fault


async def begin(shards: Shards, mark: ArrivalMark) -> bool:
    """Write the first mark; durable on return. False where another migration has begun."""
    return await _put(shards, b"", mark)


async def put(shards: Shards, mark: ArrivalMark) -> None:
    """Write a mark over the one before of the same migration; durable on return.

    Raises StoreMoved where another stands there, or none: what is in Redis is not this migration's
    any more, and nothing of it may be touched.
    """
    if not await _put(shards, mark.migration_id, mark):
        raise errors.StoreMoved(
            "this migration is not the one that Redis has any more: meanwhile it was undone, a"
            " relay took it over, Redis was emptied, or another migration began"
        )


async def _put(shards: Shards, instead_of: bytes, mark: ArrivalMark) -> bool:
    done = await write_durably(
        *(shards, MIGRATION_KEY, b"EVAL", _PUT, 1, MIGRATION_KEY, instead_of),
        *(b"state", mark.state.encode(), b"id", mark.migration_id, b"cursor", mark.cursor),
        *(b"accounts", mark.accounts, b"envelopes", mark.envelopes, b"digest", mark.digest),
    )
    return answers.number(done) == 1


async def remove(shards: Shards) -> None:
    """Take the mark away; durable on return."""
    await write_durably(shards, MIGRATION_KEY, b"DEL", MIGRATION_KEY)


async def take_over(shards: Shards) -> None:
    """Make a relay the owner of what has arrived. Raises StoreMoved while it is half there."""
    state = await write_durably(shards, MIGRATION_KEY, b"EVAL", _TAKE_OVER, 1, MIGRATION_KEY)
    if state is None or state == ArrivalState.DONE.encode():
        return
    if state == ArrivalState.UNDOING.encode():
        raise errors.StoreMoved(
            "a migration into it is being undone: run the same `hushpost-relay migrate --undo`"
            " again to finish that"
        )
    raise errors.StoreMoved(
        "a migration into it is half done: run the same `hushpost-relay migrate` again, where the"
        " old data folder is, to finish it; or the same with --undo to go back"
    )


async def begin_undoing(shards: Shards, migration_id: bytes) -> bool:
    """Keep relays away while what has arrived is removed; False where one has taken over."""
    done = await write_durably(
        shards, MIGRATION_KEY, b"EVAL", _UNDO, 1, MIGRATION_KEY, migration_id
    )
    return answers.number(done) == 1
