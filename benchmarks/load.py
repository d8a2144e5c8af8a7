"""The load: a process of its own that does what it is ordered on stdin and answers on stdout.

    orchestrator --order, one line--> load ==messages==> forwarder or relay
                 <-figures, one line--      <=========

It stops at the first message lost, doubled, out of order or refused.

    python -m benchmarks.load
"""

import asyncio
import gc
import json
import os
import sys
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

import uvloop
from hushpost_wire.records import DropSecret, Route
from hushpost_wire.ttl import DEFAULT_TTL, not_after

from benchmarks.client_frames import SubmitFrames
from benchmarks.closed_loop import closed_loop
from benchmarks.errors import BenchmarkFailure, LoadFailure
from benchmarks.forwarder_link import open_forwarded
from benchmarks.idle import idle
from benchmarks.layout import NUMBER_BYTES
from benchmarks.offline import offline
from benchmarks.open_loop import open_loop
from benchmarks.orders import (
    FORWARDER,
    RELAY,
    ClosedLoop,
    Connect,
    Disconnect,
    Idle,
    Offline,
    OpenLoop,
    Order,
    decode_order,
)
from benchmarks.pair import ForwarderPair, Pair, RelayPair
from benchmarks.people import Person, open_post
from benchmarks.recording import Figures


@dataclass(slots=True)
class Target:
    """A server that the load is connected to."""

    order: Connect
    pairs: list[Pair]
    people: list[Person]


class Load:
    """Carries out orders, one at a time."""

    def __init__(self) -> None:
        self._targets: dict[str, Target] = {}

    async def obey(self, order: Order) -> Figures:
        """Do it and return what it showed."""
        if isinstance(order, Connect):
            self._targets[order.target] = await _connect(order)
            return {}
        if isinstance(order, Idle):
            figures, links = await idle(order)
            await asyncio.gather(*(link.close() for link in links))
            return figures
        target = self._targets[order.target]
        if isinstance(order, Disconnect):
            await _disconnect(self._targets.pop(order.target))
            return {}
        gc.collect()
        gc.disable()  # a pause of the load's own would look like one of the server
        try:
            return await _measure(order, target)
        finally:
            gc.enable()


async def _measure(order: ClosedLoop | OpenLoop | Offline, target: Target) -> Figures:
    pairs = target.pairs[: order.pairs]
    for pair in pairs:
        pair.hold_tags = not isinstance(order, Offline) and order.hold_tags
    if isinstance(order, ClosedLoop):
        return await closed_loop(
            pairs,
            window=order.window,
            seconds=order.seconds,
            server_pid=target.order.pid,
            store_pids=target.order.store_pids,
        )
    if isinstance(order, OpenLoop):
        return await open_loop(
            pairs, per_second=order.per_second, seconds=order.seconds, rests=order.rests
        )
    return await offline(
        pairs,
        target.people[: order.pairs],
        target.order.url,
        messages=order.messages,
        window=order.window,
    )


async def _connect(order: Connect) -> Target:
    target = Target(order, [], [])
    for _ in range(order.pairs):
        if order.kind == RELAY:
            await _add_relay_pair(target)
        elif order.kind == FORWARDER:
            await _add_forwarder_pair(target)
        else:
            raise BenchmarkFailure(f"no kind of server is called {order.kind!r}")
    return target


async def _add_relay_pair(target: Target) -> None:
    url = target.order.url
    person = Person.make()
    inbox = await person.open_inbox(url, create=True)
    drop = await person.register(inbox)
    frames = _frames(target.order.envelope_bytes, drop.route, drop.secret)
    target.people.append(person)
    target.pairs.append(RelayPair(frames, await open_post(target.order.post_url or url), inbox))


async def _add_forwarder_pair(target: Target) -> None:
    route = Route(os.urandom(16))
    receiver = await open_forwarded(target.order.url, route)
    sender = await open_forwarded(target.order.url, b"")
    frames = _frames(target.order.envelope_bytes, route, DropSecret(bytes(32)))
    target.pairs.append(ForwarderPair(frames, sender, receiver))


def _frames(envelope_bytes: int, route: Route, secret: DropSecret) -> SubmitFrames:
    return SubmitFrames(
        route=route,
        drop_secret=secret,
        ttl_class=DEFAULT_TTL,
        not_after=not_after(DEFAULT_TTL, time.time()),
        filler=os.urandom(envelope_bytes - NUMBER_BYTES),
    )


async def _disconnect(target: Target) -> None:
    for pair in target.pairs:
        await pair.sender.close()
        if pair.receiver is not None:
            await pair.receiver.close()


async def _or_trouble(work: Coroutine[Any, Any, Figures], trouble: asyncio.Future[None]) -> Figures:
    task = asyncio.ensure_future(work)
    either: set[asyncio.Future[Any]] = {task, trouble}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if trouble.done():
        task.cancel()
        trouble.result()
    return task.result()


async def main() -> None:
    """Obey orders until stdin ends."""
    loop = asyncio.get_running_loop()
    trouble: asyncio.Future[None] = loop.create_future()

    def caught(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        # What a protocol raised: the event loop would only log it, and the phase would wait.
        error = context.get("exception") or LoadFailure(str(context.get("message")))
        if not trouble.done():
            trouble.set_exception(error)

    loop.set_exception_handler(caught)
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    load = Load()
    while line := await reader.readline():
        try:
            answer: dict[str, Any] = await _or_trouble(
                load.obey(decode_order(line.decode())), trouble
            )
        except Exception as error:  # noqa: BLE001 - the edge of the process: say what happened
            answer = {"failure": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    uvloop.run(main())
