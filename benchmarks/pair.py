"""A sender and a recipient: sends by number, checks what comes, and counts.

For hushpost a message is complete when it was delivered and ACCEPTED, for a forwarder when it was
delivered. Deliveries must come in order, each once: anything else is a `LoadFailure`, for the
figures of a run that lost or doubled a message would mean nothing.
"""

import struct
from collections.abc import Callable
from time import perf_counter
from typing import Final

from hushpost_wire.frames import ACCEPTED, DELIVER, REFUSED

from benchmarks.client_frames import SubmitFrames, acknowledge_frame
from benchmarks.errors import LoadFailure
from benchmarks.layout import NUMBER_BYTES, TAG_END, TAG_START
from benchmarks.link import Link
from benchmarks.recording import Recording

Refill = Callable[["Pair"], None]


def _no_refill(_pair: "Pair") -> None:
    pass


class Pair:
    """Numbers count from 0 over the life of the pair; `begin` starts a phase.

    With `hold_tags` a delivery is acknowledged only once its message is ACCEPTED, so that the relay
    commits and then deletes every envelope; otherwise at the end of the read it came in.
    """

    __slots__ = (
        "_base",
        "_half",
        "_held",
        "_started",
        "_tags",
        "completed",
        "delivered",
        "frames",
        "hold_tags",
        "receiver",
        "recording",
        "refill",
        "sender",
        "sent",
    )

    def __init__(self, frames: SubmitFrames, sender: Link, receiver: Link | None = None) -> None:
        self.frames: Final = frames
        self.sender: Final = sender
        self.receiver: Link | None = None
        self.hold_tags = False
        self.sent = 0
        self.delivered = 0
        self.completed = 0
        self.recording = Recording()
        self.refill: Refill = _no_refill
        self._base = 0
        self._started: list[float] = []
        self._half: set[int] = set()
        self._held: dict[int, bytes] = {}
        self._tags: list[bytes] = []
        sender.on_read_end = self._refill_now
        if receiver is not None:
            self.attach(receiver)

    def begin(self, recording: Recording, refill: Refill | None = None) -> None:
        """Start a phase; the one before must have been completed."""
        if self.outstanding:
            raise LoadFailure(f"{self.outstanding} messages of the phase before never completed")
        self.recording = recording
        self.refill = refill if refill is not None else _no_refill
        self._base = self.sent
        self._started = []

    @property
    def outstanding(self) -> int:
        """How many messages were sent and are not complete."""
        return self.sent - self.completed

    @property
    def unanswered(self) -> int:
        """While nothing is delivered: how many messages have no verdict yet."""
        return self.outstanding - len(self._half)

    def send(self, count: int, due: float) -> None:
        """Send `count` messages in one write; their time counts from `due`."""
        first = self.sent
        self.sent = first + count
        self._started += [due] * count
        build = self.frames.build
        if count == 1:
            self.sender.write(build(first))
        else:
            self.sender.write(b"".join([build(first + i) for i in range(count)]))

    def attach(self, receiver: Link) -> None:
        """Receive on this link from now on."""
        self.receiver = receiver

    def _refill_now(self) -> None:
        self.refill(self)

    def _note_delivery(self, data: bytes, stop: int) -> int:
        number = int.from_bytes(data[stop - NUMBER_BYTES : stop], "big")
        if number != self.delivered:
            raise LoadFailure(f"message {number} was delivered where {self.delivered} was due")
        self.delivered = number + 1
        return number


class ForwarderPair(Pair):
    """Complete on delivery."""

    __slots__ = ()

    def attach(self, receiver: Link) -> None:
        """Receive on this link from now on."""
        self.receiver = receiver
        receiver.on_binary = self._deliver
        receiver.on_read_end = self._refill_now

    def _deliver(self, data: bytes, _start: int, stop: int) -> None:
        number = self._note_delivery(data, stop)
        self.recording.delivered.append(perf_counter() - self._started[number - self._base])
        self.completed += 1


class RelayPair(Pair):
    """Complete when delivered and ACCEPTED, in whatever order. Acknowledges."""

    __slots__ = ()

    def __init__(self, frames: SubmitFrames, sender: Link, receiver: Link | None = None) -> None:
        super().__init__(frames, sender, receiver)
        sender.on_binary = self._verdict

    def attach(self, receiver: Link) -> None:
        """Receive on this link from now on."""
        self.receiver = receiver
        receiver.on_binary = self._deliver
        receiver.on_read_end = self._acknowledge

    def _deliver(self, data: bytes, start: int, stop: int) -> None:
        if data[start] != DELIVER:
            raise LoadFailure("something other than a DELIVER came to the inbox")
        number = self._note_delivery(data, stop)
        tag = data[start + TAG_START : start + TAG_END]
        self.recording.delivered.append(perf_counter() - self._started[number - self._base])
        half = self._half
        if number in half:
            half.remove(number)
            self.completed += 1
            self._tags.append(tag)
            return
        half.add(number)
        if self.hold_tags:
            self._held[number] = tag
        else:
            self._tags.append(tag)

    def _acknowledge(self) -> None:
        tags = self._tags
        if tags and self.receiver is not None:
            self.receiver.write(acknowledge_frame(tags))
            self._tags = []
        self.refill(self)

    def _verdict(self, data: bytes, start: int, stop: int) -> None:
        if data[start] == REFUSED:
            raise LoadFailure(f"the relay refused a message for reason {data[start + 1]}")
        if data[start] != ACCEPTED:
            raise LoadFailure("something other than a verdict came to the sender")
        count = (stop - start - 4) // 4
        now = perf_counter()
        half = self._half
        base = self._base
        requests: tuple[int, ...] = struct.unpack_from(f">{count}I", data, start + 4)
        for request in requests:
            self.recording.accepted.append(now - self._started[request - base])
            if request in half:
                half.remove(request)
                self.completed += 1
            else:
                half.add(request)
        if self._held:
            self._release()

    def _release(self) -> None:
        accepted = [number for number in self._held if number not in self._half]
        self._tags += [self._held.pop(number) for number in accepted]
        if self._tags:
            assert self.receiver is not None
            self.receiver.write(acknowledge_frame(self._tags))
            self._tags = []
