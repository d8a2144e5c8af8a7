"""Established contacts: pairs that write to each other at a steady pace, and how long it takes.

    python -m benchmarks.overload.contacts URL PAIRS A-SECOND

Prints `ready`, then for each line of input one line of JSON: the latencies since the line before,
in seconds from the moment a message was due until it was delivered, and until it was accepted; how
many are still under way. Every pair has an address of its own (127.0.1.1, 127.0.2.1, ...).
"""

import asyncio
import gc
import json
import os
import sys
import time
from time import perf_counter

import uvloop
from hushpost_wire.frames import ACCEPTED, DELIVER, REFUSED
from hushpost_wire.ttl import DEFAULT_TTL, not_after

from benchmarks.client_frames import SubmitFrames, acknowledge_frame
from benchmarks.errors import LoadFailure
from benchmarks.layout import NUMBER_BYTES, TAG_END, TAG_START
from benchmarks.link import Link
from benchmarks.people import Person, open_post

ENVELOPE_BYTES = 4096


class Pair:
    """One contact writes, the other reads and acknowledges."""

    def __init__(self, post: Link, inbox: Link, frames: SubmitFrames) -> None:
        self._post = post
        self._inbox = inbox
        self._frames = frames
        self._undelivered: dict[int, float] = {}
        self._unaccepted: dict[int, float] = {}
        self._number = 0
        self.delivered: list[float] = []
        self.accepted: list[float] = []
        self.refused = 0
        post.on_binary = self._verdict
        inbox.on_binary = self._deliver

    @classmethod
    async def meet(cls, url: str, source: str) -> "Pair":
        """Make both ends, from an address."""
        reader = Person.make()
        inbox = await reader.open_inbox(url, create=True, source=source)
        drop = await reader.register(inbox)
        frames = SubmitFrames(
            route=drop.route,
            drop_secret=drop.secret,
            ttl_class=DEFAULT_TTL,
            not_after=not_after(DEFAULT_TTL, time.time()),
            filler=os.urandom(ENVELOPE_BYTES - NUMBER_BYTES),
        )
        return cls(await open_post(url, source=source), inbox, frames)

    def send(self, due: float) -> None:
        """Send the next message; its time counts from `due`."""
        for link in (self._post, self._inbox):
            if link.closed is not None:
                raise LoadFailure(f"an established contact was cut off: {link.closed}")
        self._undelivered[self._number] = self._unaccepted[self._number] = due
        self._post.write(self._frames.build(self._number))
        self._number += 1

    @property
    def waiting(self) -> list[float]:
        """Since when messages wait that were not delivered yet."""
        return list(self._undelivered.values())

    def _deliver(self, data: bytes, start: int, stop: int) -> None:
        if data[start] != DELIVER:
            raise LoadFailure("something other than a DELIVER came to a contact")
        number = int.from_bytes(data[stop - NUMBER_BYTES : stop], "big")
        self.delivered.append(perf_counter() - self._undelivered.pop(number))
        self._inbox.write(acknowledge_frame([data[start + TAG_START : start + TAG_END]]))

    def _verdict(self, data: bytes, start: int, stop: int) -> None:
        if data[start] == REFUSED:
            self.refused += 1
            return
        if data[start] != ACCEPTED:
            raise LoadFailure("something other than a verdict came to a contact")
        now = perf_counter()
        for at in range(start + 4, stop, 4):
            request = int.from_bytes(data[at : at + 4], "big")
            self.accepted.append(now - self._unaccepted.pop(request))


class Contacts:
    """All pairs, written to in turn."""

    def __init__(self, pairs: list[Pair], per_second: float) -> None:
        self._pairs = pairs
        self._interval = 1 / per_second

    async def write(self) -> None:
        """Keep the pace for ever: what is late is sent at once; its time counts from its due."""
        start, sent = perf_counter(), 0
        while True:
            due = start + sent * self._interval
            wait = due - perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            self._pairs[sent % len(self._pairs)].send(due)
            sent += 1

    def take(self) -> dict[str, list[float] | int]:
        """Give what was measured since the last call; what waits counts as long as it waits."""
        now = perf_counter()
        found: dict[str, list[float] | int] = {
            "delivered": [t for p in self._pairs for t in p.delivered],
            "accepted": [t for p in self._pairs for t in p.accepted],
            "waiting": [now - since for p in self._pairs for since in p.waiting],
            "refused": sum(p.refused for p in self._pairs),
        }
        for pair in self._pairs:
            pair.delivered, pair.accepted, pair.refused = [], [], 0
        return found


async def main() -> None:
    """Write at the pace until the input ends."""
    url, count, rate = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    pairs = [await Pair.meet(url, f"127.0.{number + 1}.1") for number in range(count)]
    contacts = Contacts(pairs, rate)
    gc.collect()
    gc.freeze()  # a pause of the meter's own would look like one of the relay
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    writing = asyncio.get_running_loop().create_task(contacts.write())
    writing.add_done_callback(lambda task: task.cancelled() or sys.exit(str(task.exception())))
    print("ready", flush=True)
    while await reader.readline():
        print(json.dumps(contacts.take()), flush=True)
    writing.cancel()


if __name__ == "__main__":
    uvloop.run(main())
