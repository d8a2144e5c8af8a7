"""The relay as the operator's command runs it, on Redis, hasty, or with leaks planted in it.

    python -m hushpost_proof.canary_redis.planted_relay serve ...

`HUSHPOST_PROOF_REWRITE` is after how many seconds a log is to be rewritten, in place of 600; the
bound is then three times that. `HUSHPOST_PROOF_REDIS_LEAKS` names a file of JSON: what to leak, by
surface; what goes to Redis goes there at `LEAK_SIGNAL`. `HUSHPOST_PROOF_CLOCK` is that of
`canary.planted_relay`, whose leaks of the relay's own surfaces are planted as well.
"""

import asyncio
import base64
import json
import math
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from hushpost_server import command, relay
from hushpost_server import serve_command as serve
from hushpost_store.redis import options
from hushpost_store.redis import store as redis_store
from hushpost_store.redis.options import RedisOptions
from hushpost_store.redis.replication import replicas_of

from hushpost_proof.canary import planted_relay as planted
from hushpost_proof.canary import surfaces
from hushpost_proof.canary_redis import redis_surfaces as on_redis
from hushpost_proof.harness.wrong_clock import clock_in_force

HASTE_VARIABLE: Final = "HUSHPOST_PROOF_REWRITE"
LEAKS_VARIABLE: Final = "HUSHPOST_PROOF_REDIS_LEAKS"
LEAK_SIGNAL: Final = signal.SIGUSR1
CHANNEL: Final = b"{leak}:wake"
VISITORS: Final = b"{leak}:visitors"
_BOUND_PER_REWRITE: Final = 3.0
# Of the relay's own surfaces, those that are leaked into when it starts.
OWN: Final = (surfaces.LOG, surfaces.METRICS, surfaces.HEALTH, surfaces.MEMORY)

_tasks: set[asyncio.Task[None]] = set()


def main() -> int:
    """Plant what the environment says, then be the relay's command."""
    if seconds := os.environ.get(HASTE_VARIABLE):
        _plant_haste(float(seconds))
    if path := os.environ.get(LEAKS_VARIABLE):
        _plant_leaks(json.loads(Path(path).read_text()))
    _plant_clock()
    return command.script()


def _plant_haste(seconds: float) -> None:
    """Have the same code keep a shorter bound."""

    def hasty(*arguments: Any, **more: Any) -> RedisOptions:
        return replace(
            RedisOptions(*arguments, **more),
            rewrite_after_seconds=seconds,
            deletion_seconds_max=seconds * _BOUND_PER_REWRITE,
            # Redis's own clock stays right where the relays' is moved.
            clocks_apart_seconds_max=math.inf,
        )

    module: Any = options
    module.RedisOptions = hasty


def _plant_clock() -> None:
    class Clock:
        now = staticmethod(clock_in_force())

    module: Any = relay
    module.SystemClock = Clock


def _plant_leaks(leaks: dict[str, str]) -> None:
    aside: Any = planted
    aside._leak_in_pages(leaks[surfaces.METRICS], leaks[surfaces.HEALTH])
    serving: Any = serve
    settle = serving._settle_memory

    def started() -> None:
        settle()
        aside._leak_in_log(leaks[surfaces.LOG])
        aside._leak_in_memory(leaks[surfaces.MEMORY])

    serving._settle_memory = started
    store: Any = redis_store.RedisStore
    open_store = store.open

    async def opened(self: Any) -> None:
        await open_store(self)
        loop = asyncio.get_running_loop()

        def leak() -> None:
            task = loop.create_task(_leak(self._shards, leaks))
            _tasks.add(task)

        loop.add_signal_handler(LEAK_SIGNAL, leak)

    store.open = opened


async def _leak(shards: Any, leaks: dict[str, str]) -> None:
    """Leave each text where a careless change would: keys, names, logs, channels."""
    given = {name: text.encode() for name, text in leaks.items()}
    for field, value in (
        # Deleted again at once: in the log that hides nothing.
        (b"incr", given[on_redis.INCR]),
        (b"slow", given[on_redis.SLOWLOG]),
        (b"watched", given[on_redis.MONITOR].upper()),
        (b"sent", given[on_redis.WIRE][::-1]),
        (b"base", given[on_redis.BASE].hex().encode()),
        (b"kept", base64.b64encode(given[on_redis.MEMORY])),
    ):
        await shards.ask(VISITORS, b"HSET", VISITORS, field, value)
    await shards.ask(VISITORS, b"HDEL", VISITORS, b"incr", b"slow", b"watched", b"sent")
    await shards.ask(CHANNEL, b"SPUBLISH", CHANNEL, given[on_redis.WAKE])
    primary = shards.owner_of(VISITORS)
    for server in (primary, *await replicas_of(shards, primary)):
        in_log = b"redis.log(redis.LOG_DEBUG, ARGV[1])"
        await shards.ask_server(server, b"EVAL", in_log, 0, given[on_redis.LOG])
        # A client's name has no spaces.
        name = given[on_redis.REPORTS].hex().encode()
        await shards.ask_server(server, b"CLIENT", b"SETNAME", name)


if __name__ == "__main__":
    sys.exit(main())
