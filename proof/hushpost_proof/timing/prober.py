"""Whoever posts and measures: raw sockets, prebuilt frames, and the kernel's own clock.

Each answer is dated by the kernel when its segment arrives (SO_TIMESTAMPNS), so that no turn of the
prober's own scheduling blurs what it measures. Linux alone gives that for TCP.
"""

import base64
import os
import random
import select
import selectors
import socket
import struct
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from hushpost_wire.frames import ACCEPTED, REFUSED, Submit, encode_submit
from hushpost_wire.identifiers import DropSecret, Route, envelope_id
from hushpost_wire.limits import POST_PATH
from hushpost_wire.ttl import TtlClass, not_after

from hushpost_proof.timing.answers import Answer

# linux/socket.h; Python has no name for it.
_SO_TIMESTAMPNS: Final = 35
_CHUNK_BYTES: Final = 1 << 16
_ANSWER_SECONDS_MAX: Final = 30.0
_ENVELOPE_BYTES: Final = 4096


class ProbeFailed(Exception):
    """The relay did not answer as a relay does; the experiment shows nothing."""


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of try: where it posts. Without a route, to a new made-up one each time."""

    route: bytes | None
    secret: bytes
    ttl: TtlClass = TtlClass.FORTNIGHT


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When and how tries are made.

    A round is one try on each free connection. `pause_seconds` lies before each round, drawn anew.
    `at_once`: so many envelopes make one try, written together; it ends with the last verdict.
    `alone`: all tries of a round are of one case, as from an attacker on a relay at rest.
    `before_tick`: a round begins so long (drawn anew) before the relay's next tick, known from the
    answers so far.
    """

    connections: int
    tries: int
    pause_seconds: tuple[float, float] = (0.0, 0.0)
    at_once: int = 1
    alone: bool = False
    before_tick: tuple[float, float] | None = None
    tick_seconds: float = 0.25


class _Post:
    """One connection, on which at most one try is unanswered."""

    def __init__(self, port: int, address: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), source_address=(address, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self.asked: tuple[str, int] | None = None
        self._gathered = b""
        self._verdicts = 0
        self._greet()

    def _greet(self) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        head = (
            f"GET {POST_PATH} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: hushpost.v1\r\n\r\n"
        )
        self.socket.sendall(head.encode())
        seen = b""
        while not seen.endswith(b"}"):
            chunk = self.socket.recv(_CHUNK_BYTES)
            if not chunk:
                raise ProbeFailed("the relay ended a handshake")
            seen += chunk
        self.socket.setblocking(False)

    def ask(self, case: str, frames: bytes, verdicts: int) -> None:
        """Send a try that ends with so many verdicts."""
        self.asked = (case, time.time_ns())
        self._verdicts = verdicts
        rest = memoryview(frames)
        while rest:
            try:
                rest = rest[self.socket.send(rest) :]
            except BlockingIOError:
                select.select([], [self.socket], [], _ANSWER_SECONDS_MAX)

    def take(self) -> Answer | None:
        """Read what came; the answer once it is whole."""
        data, ancillary, _, _ = self.socket.recvmsg(_CHUNK_BYTES, 64)
        if not data or self.asked is None:
            raise ProbeFailed("the relay closed, or answered what was not asked")
        self._gathered += data
        if _verdicts_in(self._gathered) < self._verdicts:
            return None
        whole, self._gathered = self._gathered, b""
        (case, sent), self.asked = self.asked, None
        seconds, nanoseconds = struct.unpack("qq", ancillary[0][2])
        return Answer(case, sent, seconds * 10**9 + nanoseconds, whole, len(data))


def _verdicts_in(stream: bytes) -> int:
    """Count the verdicts in whole frames; raises `ProbeFailed` for anything else."""
    position = verdicts = 0
    while position + 4 <= len(stream):
        length, header = stream[position + 1], 2
        if length == 126:
            length, header = int.from_bytes(stream[position + 2 : position + 4], "big"), 4
        kind = stream[position + header : position + header + 1]
        if kind not in {bytes([ACCEPTED]), bytes([REFUSED]), b""}:
            raise ProbeFailed("that is no verdict")
        position += header + length
        if position <= len(stream):
            verdicts += (length - 4) // 4 if kind == bytes([ACCEPTED]) else 1
    return verdicts


class Prober:
    """A crowd of post connections of one attacker. Blocking: call it from a thread.

    With a `mark` each envelope consists of nothing but its repetitions and a number between them.
    """

    def __init__(
        self, port: int, cases: Mapping[str, Case], *, seed: int, mark: bytes = b""
    ) -> None:
        self._port = port
        self._mark = mark
        self._cases = cases
        self._chance = random.Random(seed)
        self._selector = selectors.DefaultSelector()
        self._posts: list[_Post] = []
        self._answers: list[Answer] = []
        self._deck: list[str] = []

    def probe(self, rhythm: Rhythm) -> Sequence[Answer]:
        """Make the tries and return their answers. Raises `ProbeFailed`."""
        try:
            self._connect(rhythm.connections)
            self._run(rhythm)
        finally:
            self._selector.close()
            for post in self._posts:
                post.socket.close()
        return self._answers

    def _connect(self, connections: int) -> None:
        for number in range(connections):
            post = _Post(self._port, f"127.0.1.{1 + number % 250}")
            self._posts.append(post)
            self._selector.register(post.socket, selectors.EVENT_READ, post)

    def _run(self, rhythm: Rhythm) -> None:
        made = 0
        while made < rhythm.tries:
            dealt = self._deal(rhythm)
            tries = [self._try(self._cases[name], rhythm.at_once) for name in dealt]
            self._chance.shuffle(self._posts)
            self._listen(self._pause(rhythm))
            for post, name, frames in zip(self._posts, dealt, tries, strict=True):
                post.ask(name, frames, rhythm.at_once)
            made += len(dealt)
            self._await_all()

    def _deal(self, rhythm: Rhythm) -> list[str]:
        """Give each connection a case: equal shares, in an order on which nothing depends."""
        wanted = 1 if rhythm.alone else rhythm.connections
        while len(self._deck) < wanted:
            fresh = list(self._cases)
            self._chance.shuffle(fresh)
            self._deck += fresh
        dealt, self._deck = self._deck[:wanted], self._deck[wanted:]
        self._chance.shuffle(dealt)
        return dealt * rhythm.connections if rhythm.alone else dealt

    def _pause(self, rhythm: Rhythm) -> float:
        pause = self._chance.uniform(*rhythm.pause_seconds)
        if rhythm.before_tick is None or not self._answers:
            return pause
        since = (time.time_ns() - self._answers[-1].came_ns) / 1e9
        aim = self._chance.uniform(*rhythm.before_tick)
        return pause + (-aim - since - pause) % rhythm.tick_seconds

    def _listen(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._take(left)

    def _await_all(self) -> None:
        end = time.monotonic() + _ANSWER_SECONDS_MAX
        while any(post.asked for post in self._posts):
            if time.monotonic() > end:
                raise ProbeFailed("an answer is missing")
            self._take(0.1)

    def _take(self, seconds: float) -> None:
        for key, _ in self._selector.select(seconds):
            answer = key.data.take()
            if answer is not None:
                self._answers.append(answer)

    def _envelope(self) -> bytes:
        if not self._mark:
            return os.urandom(_ENVELOPE_BYTES)
        unit = self._mark + os.urandom(8).hex().encode()
        return (unit * (_ENVELOPE_BYTES // len(unit) + 1))[:_ENVELOPE_BYTES]

    def _try(self, case: Case, envelopes: int) -> bytes:
        route = case.route if case.route is not None else os.urandom(16)
        frames: list[bytes] = []
        for request in range(1, envelopes + 1):
            envelope = self._envelope()
            submit = Submit(
                int(case.ttl),
                request,
                Route(route),
                DropSecret(case.secret),
                envelope_id(envelope),
                not_after(case.ttl, time.time()),
                envelope,
            )
            payload = encode_submit(submit)
            # A mask of zeros is a mask: what is sent is what is meant.
            frames.append(b"\x82\xfe" + struct.pack(">H", len(payload)) + bytes(4) + payload)
        return b"".join(frames)
