"""Tests of hushpost_proof.harness.wall, in processes that stand behind it."""

import platform
import signal
import subprocess
import sys

import pytest

PREPARE = "from hushpost_proof.harness.wall import build_wall; kind = build_wall(); import socket\n"
WITHIN = {
    "listening and answering": """
import threading
listener = socket.create_server(("127.0.0.1", 0))
pair = socket.socketpair()
pair[0].send(b"x"); pair[1].recv(1)
print(kind)
""",
    "an event loop that listens": """
import asyncio, uvloop
async def serve():
    await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
uvloop.run(serve())
print(kind)
""",
}
OUT = {
    "a connection": "socket.create_connection(('127.0.0.1', 9))",
    "a connection past Python": (
        "import ctypes; s = socket.socket()\n"
        "ctypes.CDLL(None).connect(s.fileno(), b'\\2\\0\\0\\x09\\x7f\\0\\0\\1' + bytes(8), 16)"
    ),
    "a connection of another loop": (
        "import asyncio, uvloop\n"
        "async def out(): await asyncio.open_connection('192.0.2.1', 443)\n"
        "uvloop.run(out())"
    ),
    "a datagram": "socket.socket(type=socket.SOCK_DGRAM)",
    "a local socket": "socket.socket(socket.AF_UNIX)",
    "a name": "socket.getaddrinfo('telemetry.invalid', 443)",
    "a name of another loop": (
        "import asyncio, uvloop\n"
        "async def out(): await asyncio.get_running_loop().getaddrinfo('telemetry.invalid', 443)\n"
        "uvloop.run(out())"
    ),
}
_FILTERED = sys.platform == "linux" and platform.machine() in ("x86_64", "aarch64")


def run(code: str) -> subprocess.CompletedProcess[str]:
    """Run code behind the wall."""
    return subprocess.run(
        [sys.executable, "-c", PREPARE + code], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("what", WITHIN)
def test_a_listener_lives_behind_the_wall(what: str) -> None:
    """What a relay needs passes, and the wall says of what it is made."""
    ended = run(WITHIN[what])
    assert (ended.returncode, ended.stdout.strip()) == (0, "seccomp" if _FILTERED else "audit hook")


@pytest.mark.parametrize("what", OUT)
def test_a_try_to_get_out_is_the_end(what: str) -> None:
    """By whatever library, in whatever loop: the process dies of SIGSYS at the call."""
    if not _FILTERED:
        pytest.skip("what libraries do outside of Python needs a seccomp filter to be seen")
    assert run(OUT[what]).returncode == -signal.SIGSYS
