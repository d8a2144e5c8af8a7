"""What a listener without keys can count: TCP segments on the loopback device, and TLS records.

Segments are taken from the device itself (a packet socket, which the system grants to root alone);
records from the recorded bytes of a connection. RFC 8446, section 5.1: type, version, length.
"""

import socket
import struct
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_ALL_IP = 0x0800
_OUTGOING = 4
_APPLICATION_DATA = 23
RECORD_HEADER = 5
_SNIFF_SECONDS = 0.2


def records(stream: bytes) -> Iterator[int]:
    """Yield the sizes of the records with application data in one direction of a connection."""
    position = 0
    while position + RECORD_HEADER <= len(stream):
        kind, _, length = struct.unpack_from(">BHH", stream, position)
        position += RECORD_HEADER + length
        if kind == _APPLICATION_DATA and position <= len(stream):
            yield length


@dataclass(slots=True)
class Tap:
    """Payload sizes of the TCP segments to one port and from it."""

    port: int
    to_port: list[int] = field(default_factory=list[int])
    from_port: list[int] = field(default_factory=list[int])
    _seen: set[bytes] = field(default_factory=set[bytes])

    def take(self, packet: bytes) -> None:
        """Count one IP packet, as it came from the device."""
        header = (packet[0] & 0x0F) * 4
        if packet[9] != socket.IPPROTO_TCP:
            return
        total = int.from_bytes(packet[2:4], "big")
        source, target = struct.unpack_from(">HH", packet, header)
        payload = total - header - (packet[header + 12] >> 4) * 4
        # Ports and sequence number: what is sent again under load is counted once.
        name = packet[header : header + 8]
        if payload <= 0 or name in self._seen:
            return
        self._seen.add(name)
        if target == self.port:
            self.to_port.append(payload)
        elif source == self.port:
            self.from_port.append(payload)


@contextmanager
def tapped(port: int) -> Generator[Tap | None]:
    """Count the segments of a port until the context ends; None where that is not permitted."""
    try:
        sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ALL_IP))
    except (AttributeError, PermissionError):
        yield None
        return
    tap, ending = Tap(port), threading.Event()
    sniffer.bind(("lo", _ALL_IP))
    sniffer.settimeout(_SNIFF_SECONDS)

    def listen() -> None:
        while not ending.is_set():
            try:
                packet, address = sniffer.recvfrom(1 << 16)
            except TimeoutError:
                continue
            if address[2] != _OUTGOING:  # each passes twice
                tap.take(packet)

    thread = threading.Thread(target=listen)
    thread.start()
    try:
        yield tap
    finally:
        ending.set()
        thread.join()
        sniffer.close()
