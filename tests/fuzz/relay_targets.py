"""Fuzz targets of the relay: a socket's bytes from the first on, and what an operator writes."""

from __future__ import annotations

import functools
import os
import tempfile
from pathlib import Path
from unittest.mock import patch

from hushpost_server.configuration import Configuration
from hushpost_server.configuration_loading import load_configuration
from hushpost_server.errors import ConfigurationInvalid
from hushpost_server.frame_scanner import FrameScanner, Payload, RawFrame
from hushpost_server.logging import EventLog
from hushpost_server.relay import RelayServer
from hushpost_store.memory import MemoryStore
from hushpost_wire import control
from hushpost_wire.identifiers import AccountId
from hushpost_wire.limits import MESSAGE_BYTES_MAX
from websockets.speedups import apply_mask

from tests.fuzz.target import Target
from tests.fuzz.wire_targets import SUBMIT
from tests.model.relay_client import Link
from tests.model.still_loop import Pipe, StillLoop, call
from tests.server.conftest import quiet

REQUEST = (
    b"GET /v1/post HTTP/1.1\r\nHost: relay.example\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: hushpost.v1\r\n\r\n"
)


def _frame(opcode: int, payload: bytes) -> bytes:
    """Give a client's frame with a mask of zeros."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2)
    return bytes([opcode]) + length + bytes(4) + payload


FRAMES = (
    _frame(0x82, SUBMIT),
    _frame(0x81, b'{"type":"take_prekeys","id":1,"account":"' + b"A" * 43 + b'"}'),
    _frame(0x02, SUBMIT[:50]) + _frame(0x89, b"ping") + _frame(0x80, SUBMIT[50:]),
    _frame(0x88, b"\x03\xe8"),
)


def _feed(data: bytes, *cuts: int) -> tuple[list[Payload | RawFrame], FrameScanner]:
    scanner = FrameScanner(payload_bytes_max=MESSAGE_BYTES_MAX, unmask=apply_mask)
    found: list[Payload | RawFrame] = []
    for start, end in zip((0, *cuts), (*cuts, len(data)), strict=True):
        if end > start:
            found += scanner.feed(data[start:end])
        assert len(scanner) <= MESSAGE_BYTES_MAX + 14, "more is buffered than a frame can have"
    return found, scanner


def scanner(data: bytes) -> None:
    """However the bytes are cut into reads, the same frames come out in the same order."""
    cut = data[0] % (len(data) + 1) if data else 0
    whole, one = _feed(data)
    pieces, two = _feed(data, cut, min(len(data), cut + 3))
    if one.flooded or two.flooded:
        return  # how many small frames are too many is counted by the read
    # What follows a refused frame is handed on as it comes.
    assert _flat(whole) == _flat(pieces)
    assert one.rejected == two.rejected


def _flat(found: list[Payload | RawFrame]) -> list[tuple[object, bytes]]:
    flat: list[tuple[object, bytes]] = []
    for item in found:
        kind, data = ("raw", item.data) if isinstance(item, RawFrame) else item
        if flat and kind == "raw" == flat[-1][0]:
            flat[-1] = ("raw", flat[-1][1] + data)
        else:
            flat.append((kind, data))
    return flat


class _Noted:
    """A sink for a log whose lines are looked at."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def takes(self, level: int) -> bool:
        """Take all."""
        return level >= 0

    def put(self, level: int, line: str) -> None:
        """Keep a line."""
        self.lines.append(f"{level} {line}")


class _Relay:
    """A relay that listens on a still loop for the whole run."""

    def __init__(self) -> None:
        self.loop = StillLoop()
        self.log = _Noted()
        self.relay = RelayServer(
            quiet(
                public_host="relay.example",
                prefix_connects_per_second=0,
                prefix_connections_max=0,
                connection_controls_per_second=0,
                sweep_interval_seconds=3_600,
            ),
            store=MemoryStore(),
            log=EventLog(self.log),
        )
        task = self.loop.create_task(self.relay.start())
        self.loop.settle()
        task.result()
        self.neighbour = self._neighbour()
        self.log.lines.clear()

    def _neighbour(self) -> Link:
        pipe = call(self.loop)
        assert pipe is not None
        link = Link(self.loop, pipe, control.Role.POST)
        self._exchange(link)
        assert link.hello is not None
        return link

    def _exchange(self, link: Link) -> None:
        for _ in range(4):
            self.loop.settle()
            link.pump()

    def receive(self, pipe: Pipe, pieces: list[bytes]) -> None:
        """Have a stranger say something."""
        for piece in pieces:
            self.loop.call_soon(pipe.arrive, piece)
            self.loop.settle()
        pipe.read()

    def neighbour_is_served(self) -> None:
        """Look after another connection: it is answered as before."""
        if not self.neighbour.open:
            self.neighbour = self._neighbour()
        request = control.FetchDeviceList(id=self.neighbour.id(), account=_NOBODY, after_version=0)
        self.neighbour.ask(request)
        self.neighbour.say()
        self._exchange(self.neighbour)
        answers = [event for event in self.neighbour.take() if isinstance(event, control.Error)]
        assert [answer.id for answer in answers] == [request.id], "a neighbour was not answered"


_NOBODY = AccountId(bytes(32))


@functools.cache
def _relay() -> _Relay:
    return _Relay()


def socket(data: bytes) -> None:
    """Whatever a stranger says from the first byte on, nothing fails but its own connection."""
    served = _relay()
    pipe = call(served.loop)
    assert pipe is not None
    cut = data[-1] if data else 0
    served.receive(pipe, [data[:cut], data[cut:]])
    assert not served.loop.faults, served.loop.faults
    assert not served.log.lines, served.log.lines
    served.neighbour_is_served()
    pipe.abort()
    served.loop.settle()
    assert len(served.relay.reception) == 1, "a connection that ended is still counted"


def configuration(data: bytes) -> None:
    """Load what an operator writes: it is a configuration, or is refused with words."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "relay.toml"
        file.write_bytes(data)
        with patch.dict(os.environ, {"XDG_CONFIG_HOME": folder}):
            _judge_configuration(file)


def environment(data: bytes) -> None:
    """Load what stands in the environment, here lines of NAME=value."""
    variables: dict[str, str] = {}
    for line in data.replace(b"\0", b"").decode(errors="surrogateescape").splitlines():
        name, equals, value = line.partition("=")
        if equals and name:
            variables["HUSHPOST_RELAY_" + name] = value
    with (
        tempfile.TemporaryDirectory() as folder,
        patch.dict(os.environ, {"XDG_CONFIG_HOME": folder, **variables}),
    ):
        _judge_configuration(None)


def _judge_configuration(file: Path | None) -> None:
    try:
        read = load_configuration(file)
    except ConfigurationInvalid as refused:
        said = str(refused)
    else:
        again = Configuration.model_validate(read.model_dump())
        assert again.model_dump() == read.model_dump(), "a configuration that is not itself"
        return
    assert said, "refused without a word"


TOML = b"""listen_port = 8440
store = "memory"
data_folder = "data"
registration = "token"
registration_tokens = ["0123456789abcdef"]
sweep_interval_seconds = 1.5
metrics = false
"""
ENVIRONMENT = b"""LISTEN_PORT=8440
REGISTRATION_TOKENS=["0123456789abcdef"]
registration=token
METRICS=no
"""

TARGETS = (
    Target("scanner", scanner, lambda: [b"".join(FRAMES), *FRAMES]),
    Target("socket", socket, lambda: [REQUEST, *(REQUEST + frame for frame in FRAMES)]),
    Target("configuration", configuration, lambda: [TOML], text=True),
    Target("environment", environment, lambda: [ENVIRONMENT], text=True),
)
