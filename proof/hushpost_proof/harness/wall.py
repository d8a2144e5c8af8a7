"""A wall around a process: it may listen and answer, and dies at its first try to get out.

What makes a connection, sends to an address, or makes a socket of a kind that a listener has no use
for, ends the process by SIGSYS, in whatever library or thread it happens: a seccomp filter, which
any user may put over itself and which nothing takes away again (Linux on x86-64 and ARM64). An
audit hook says first what Python code was about to do. Elsewhere the audit hook alone stands, which
does not see what libraries do outside of Python.

A name cannot be looked up from within: the resolver asks over a socket, and looks at the machine's
addresses by one.
"""

import ctypes
import ipaddress
import os
import platform
import signal
import struct
import sys
from typing import Any, Final

# <linux/seccomp.h>, <linux/prctl.h>, <linux/filter.h>
_PR_SET_NO_NEW_PRIVS: Final = 38
_PR_SET_SECCOMP: Final = 22
_SECCOMP_MODE_FILTER: Final = 2
_KILL: Final = 0x80000000
_ALLOW: Final = 0x7FFF0000
_ERRNO: Final = 0x00050000
_ENOSYS: Final = 38
_LOAD: Final = 0x20
_EQUAL: Final = 0x15
_ANY_BIT: Final = 0x45
_AND: Final = 0x54
_RETURN: Final = 0x06
# struct seccomp_data: nr, arch, instruction pointer, six arguments of eight bytes.
_NUMBER_AT: Final = 0
_ARCH_AT: Final = 4
_ARGUMENTS_AT: Final = 16

_MSG_FASTOPEN: Final = 0x20000000
_SOCK_STREAM: Final = 1
_TYPE_BITS: Final = 0xF
_FAMILIES: Final = (2, 10)  # AF_INET, AF_INET6
_X32_BIT: Final = 0x40000000

# By machine: AUDIT_ARCH, then the numbers of the calls.
_MACHINES: Final = {
    "x86_64": (
        0xC000003E,
        {"socket": 41, "connect": 42, "sendto": 44, "sendmsg": 46, "sendmmsg": 307},
    ),
    "aarch64": (
        0xC00000B7,
        {"socket": 198, "connect": 203, "sendto": 206, "sendmsg": 211, "sendmmsg": 269},
    ),
}
_IO_URING_SETUP: Final = 425  # the same everywhere; through its rings, calls pass no filter

_CONNECTING: Final = frozenset(
    {"socket.connect", "socket.sendto", "socket.gethostbyname", "socket.gethostbyaddr"}
)


def build_wall() -> str:
    """Wall this process in, and all it starts; return what stands: `seccomp` or `audit hook`."""
    sys.addaudithook(_watch)
    return "seccomp" if _filter_calls() else "audit hook"


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event in _CONNECTING or (event == "socket.getaddrinfo" and _is_name(arguments[0])):
        os.write(2, f"WALL: tried {event}\n".encode())
        os.kill(os.getpid(), getattr(signal, "SIGSYS", signal.SIGTERM))


def _is_name(host: object) -> bool:
    if host in (None, "", b""):
        return False
    try:
        ipaddress.ip_address(host.decode() if isinstance(host, bytes) else str(host))
    except ValueError:
        return True
    return False


def _filter_calls() -> bool:
    machine = _MACHINES.get(platform.machine())
    if machine is None or not sys.platform.startswith("linux"):
        return False
    program = _program(*machine)
    code = ctypes.create_string_buffer(program, len(program))

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))

    given = Program(len(program) // 8, ctypes.addressof(code))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    if prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    status: int = prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(given), 0, 0)
    return status == 0


def _program(arch: int, numbers: dict[str, int]) -> bytes:
    """Assemble the filter: each rule either decides, or leaves the call to the next one."""
    rules = [
        _step(_LOAD, _ARCH_AT),
        _step(_EQUAL, arch, 1, 0),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER_AT),
        _step(_ANY_BIT, _X32_BIT, 0, 1),
        _step(_RETURN, _KILL),
        *_decide(_IO_URING_SETUP, [_step(_RETURN, _ERRNO | _ENOSYS)]),
        *_decide(numbers["connect"], [_step(_RETURN, _KILL)]),
        *_decide(numbers["sendmmsg"], [_step(_RETURN, _KILL)]),
        *_decide(numbers["sendto"], _unless_no_address()),
        *_decide(numbers["sendmsg"], _unless_no_flag()),
        *_decide(numbers["socket"], _unless_stream()),
        _step(_RETURN, _ALLOW),
    ]
    return b"".join(rules)


def _decide(number: int, rules: list[bytes]) -> list[bytes]:
    return [_step(_EQUAL, number, 0, len(rules)), *rules]


def _unless_no_address() -> list[bytes]:
    """Let `sendto` pass on a connection: its fifth argument, the address, is null."""
    low = _ARGUMENTS_AT + 8 * 4
    return [
        _step(_LOAD, low),
        _step(_EQUAL, 0, 0, 2),
        _step(_LOAD, low + 4),
        _step(_EQUAL, 0, 1, 0),
        _step(_RETURN, _KILL),
        _step(_RETURN, _ALLOW),
    ]


def _unless_no_flag() -> list[bytes]:
    """Let `sendmsg` pass unless it opens a connection; datagrams have no socket here."""
    return [
        _step(_LOAD, _ARGUMENTS_AT + 8 * 2),
        _step(_ANY_BIT, _MSG_FASTOPEN, 0, 1),
        _step(_RETURN, _KILL),
        _step(_RETURN, _ALLOW),
    ]


def _unless_stream() -> list[bytes]:
    """Let a stream socket of the Internet families be made: a listener needs one."""
    return [
        _step(_LOAD, _ARGUMENTS_AT),
        _step(_EQUAL, _FAMILIES[0], 1, 0),
        _step(_EQUAL, _FAMILIES[1], 0, 3),
        _step(_LOAD, _ARGUMENTS_AT + 8),
        _step(_AND, _TYPE_BITS),
        _step(_EQUAL, _SOCK_STREAM, 1, 0),
        _step(_RETURN, _KILL),
        _step(_RETURN, _ALLOW),
    ]


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)
