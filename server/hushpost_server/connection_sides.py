"""What stands on either side of a connection: the session behind it, the relay around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from hushpost_wire.close_codes import CloseCode
from hushpost_wire.control import Role

from hushpost_server.frame_scanner import Payload
from hushpost_server.receive_buffer import ReceiveBuffer
from hushpost_server.unsent import Unsent

if TYPE_CHECKING:
    from hushpost_server.listener import Connection


class Session(Protocol):
    """What stands behind an open connection."""

    def received(self, batch: list[Payload]) -> None:
        """Take the messages of one read; (is text, payload) each."""

    def pong(self) -> None:
        """Note that a ping was answered."""

    def write_paused(self) -> None:
        """Push nothing more until `write_resumed`: the peer reads too slowly."""

    def write_resumed(self) -> None:
        """Push again: the peer caught up."""

    def lost(self) -> None:
        """Forget the connection: it is gone. Called once."""


class Host(Protocol):
    """What a connection needs of the relay."""

    handshake_seconds_max: float
    slow_reader_seconds: float
    write_buffer_bytes_max: int
    receive_buffer: ReceiveBuffer
    unsent: Unsent

    def came(self, connection: Connection) -> None:
        """Let a connection make its handshake, now or in its turn, or turn it back."""

    def arrived(self, connection: Connection, address: str) -> CloseCode | None:
        """Count a new connection; a code means that it is to be turned away with it."""

    def client_address(self, header: str | None, address: str) -> str:
        """Return the address that limits apply to, behind a proxy the one it names."""
        ...

    proxy_address_header: str

    def opened(self, connection: Connection, role: Role) -> Session:
        """Make the session of a connection whose handshake is done."""
        ...

    def ended(self, connection: Connection, code: int | None) -> None:
        """Count a connection out."""

    def failed(self, connection: Connection, error: Exception) -> None:
        """Note that handling a connection raised what it never should."""
