"""A relay that does what it must not: it calls home, asks for a name, writes to the system's log.

    HUSHPOST_PROOF_WAY_OUT=KIND python -m hushpost_proof.way_out.planted_relay serve ...

With HUSHPOST_PROOF_WALL=1 it stands behind the wall that the relays of the suite stand behind.
"""

import asyncio
import os
import socket
import sys
import urllib.request
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from logging.handlers import SysLogHandler
from typing import Any

from hushpost_server import listener, serve_command
from hushpost_server.command import script
from hushpost_server.relay import RelayServer

from hushpost_proof.harness.wall import build_wall

KIND_VARIABLE = "HUSHPOST_PROOF_WAY_OUT"
WALL_VARIABLE = "HUSHPOST_PROOF_WALL"
# TEST-NET-1 and a reserved name: nobody is there (RFC 5737, RFC 2606).
_NOWHERE = "192.0.2.1"
_NO_NAME = "telemetry.invalid"
_PATIENCE_SECONDS = 0.2


async def _connect() -> None:
    async with asyncio.timeout(_PATIENCE_SECONDS):
        await asyncio.open_connection(_NOWHERE, 443)


async def _connect_in_a_thread() -> None:
    def connect() -> None:
        socket.create_connection((_NOWHERE, 443), timeout=_PATIENCE_SECONDS).close()

    await asyncio.to_thread(connect)


async def _datagram() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as sender:
        sender.sendto(b"version=1", (_NOWHERE, 8125))


async def _name() -> None:
    await asyncio.get_running_loop().getaddrinfo(_NO_NAME, 443)


async def _update_check() -> None:
    def check() -> None:
        urllib.request.urlopen(f"http://{_NOWHERE}/latest", timeout=_PATIENCE_SECONDS).close()

    await asyncio.to_thread(check)


async def _system_log() -> None:
    SysLogHandler("/dev/log").close()


WAYS_OUT: Mapping[str, Callable[[], Awaitable[None]]] = {
    "a connection": _connect,
    "a connection from a thread": _connect_in_a_thread,
    "a datagram": _datagram,
    "a name": _name,
    "a check for updates": _update_check,
    "the system's log": _system_log,
}


def _change(owner: Any, name: str, replacement: object) -> None:
    """Put something else in the place of a part of the product."""
    setattr(owner, name, replacement)


def _plant(way: Callable[[], Awaitable[None]]) -> None:
    start = RelayServer.start

    async def starting(relay: RelayServer) -> None:
        await start(relay)
        with suppress(OSError, TimeoutError):
            await way()

    _change(RelayServer, "start", starting)


def _plant_cookie() -> None:
    protocol_class: Any = vars(listener)["ServerProtocol"]
    accept = protocol_class.accept

    def accepting(protocol: Any, request: Any) -> Any:
        response = accept(protocol, request)
        response.headers["Set-Cookie"] = "visitor=1"
        response.headers["Server"] = "hushpost/0.1"
        return response

    _change(protocol_class, "accept", accepting)


COOKIE = "a cookie"
CORE_DUMPS = "core dumps"


def _permit_core_dumps() -> bool:
    return True


def main() -> int:
    """Be the relay's command, with a defect."""
    if os.environ.get(WALL_VARIABLE):
        build_wall()
    kind = os.environ[KIND_VARIABLE]
    if kind == COOKIE:
        _plant_cookie()
    elif kind == CORE_DUMPS:
        _change(serve_command, "forbid_core_dumps", _permit_core_dumps)
    elif kind:
        _plant(WAYS_OUT[kind])
    return script()


if __name__ == "__main__":
    sys.exit(main())
