"""What the operator's commands look at where mail is kept in Redis (docs/operating.md).

Each opens connections, looks, and closes them. Nothing is changed, and relays may run meanwhile.
Belongs to the extra `redis`: imported by who has asked `redis_place.require_packages`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from hushpost_store.errors import StoreError
from hushpost_store.redis.onlooker import (
    Damaged,
    all_undeclared,
    damaged_parts,
    held_account,
    looked_into,
)
from hushpost_store.redis.options import RedisOptions
from hushpost_store.redis.shards import Shards

from hushpost_server.account_reference import AccountReference
from hushpost_server.configuration import Configuration
from hushpost_server.errors import CheckFailed, FolderUnusable, OperatorError, ProductionFailed
from hushpost_server.redis_place import redis_options
from hushpost_server.subpoena import Subpoena
from hushpost_server.subpoena_redis import subpoena_of

T = TypeVar("T")


def produce(
    configuration: Configuration, reference: AccountReference, *, host: str, today: int
) -> Subpoena:
    """Return all there is about an account. Raises ProductionFailed, StoreUnfit."""
    held = _look(
        configuration, lambda shards: held_account(shards, reference.account_id), ProductionFailed
    )
    return subpoena_of(held, reference, host=host, today=today)


def undeclared(configuration: Configuration) -> tuple[str, ...]:
    """Name whatever Redis holds that hushpost never declared. Raises FolderUnusable, StoreUnfit."""
    return _look(configuration, all_undeclared, FolderUnusable)


def damage(configuration: Configuration) -> Damaged:
    """Read all that Redis holds, and say what does not fit. Raises CheckFailed, StoreUnfit."""
    return _look(configuration, damaged_parts, CheckFailed)


def _look(
    configuration: Configuration,
    work: Callable[[Shards], Awaitable[T]],
    failure: type[OperatorError],
) -> T:
    options = redis_options(configuration)
    try:
        return asyncio.run(_looked(options, work))
    except StoreError as error:
        raise failure(f"Redis was not looked through: {error}") from None


async def _looked(options: RedisOptions, work: Callable[[Shards], Awaitable[T]]) -> T:
    async with looked_into(options) as shards:
        return await work(shards)
