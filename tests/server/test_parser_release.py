"""Tests of letting the library's machine go."""

import gc
import weakref

from hushpost_server.parser_release import release
from websockets.server import ServerProtocol

BAD = b"GET / HTTP/1.1\r\nnot a header\r\n\r\n"
GOOD = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def _outlives_its_user(head: bytes, *, released: bool) -> bool:
    gc.collect()
    gc.disable()
    try:
        machine = ServerProtocol()
        machine.receive_data(head)
        machine.events_received()
        seen = weakref.ref(machine)
        if released:
            release(machine)
        del machine
        return seen() is not None
    finally:
        gc.enable()


def test_a_released_machine_is_gone_with_its_last_user() -> None:
    """Without the collector the machine stays, after good input and bad; released, it does not."""
    for head in (GOOD, BAD):
        assert _outlives_its_user(head, released=False)
        assert not _outlives_its_user(head, released=True)
