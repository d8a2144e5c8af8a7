"""The network calls of a process, as the kernel saw them (strace), and which of them lead out.

Listening, accepting and answering on an accepted connection lead nowhere that nobody came from.
Everything else does: a connection, a message to an address, a socket that is no listener's, the
files that a resolver reads. `strace -f` follows every thread and child.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# What is traced: every call of the network, and what opens files.
TRACED = "%network,open,openat,io_uring_setup"
# Files that are read to resolve a name, and for nothing else.
RESOLVER_FILES = ("/etc/resolv.conf", "/etc/hosts", "/etc/host.conf", "/etc/gai.conf")
_LINE = re.compile(r"^\d+\s+(?:<\.\.\. )?(\w+)(?: resumed>.*|\((.*))$")
_ADDRESS = re.compile(r"sa_family=AF_(?:INET|INET6|UNIX)\b")
# Calls that only serve who has come.
_SERVING = frozenset(
    {
        "bind",
        "listen",
        "accept",
        "accept4",
        "getsockname",
        "getpeername",
        "getsockopt",
        "setsockopt",
        "shutdown",
        "recvfrom",
        "recvmsg",
        "recvmmsg",
        "socketpair",
    }
)
_OPENING = frozenset({"open", "openat"})


@dataclass(frozen=True, slots=True)
class Attempt:
    """A call that leads out of the process."""

    call: str
    detail: str

    def __str__(self) -> str:
        return f"{self.call}({self.detail[:120]}"


@dataclass(frozen=True, slots=True)
class Calls:
    """What a process called: how often each, and what leads out."""

    counts: Counter[str]
    attempts: tuple[Attempt, ...]

    @property
    def network_calls(self) -> int:
        """How many calls of the network there were."""
        return sum(times for call, times in self.counts.items() if call not in _OPENING)


def strace(report: Path) -> tuple[str, ...]:
    """Give the words to put before a command, so that its calls are written to `report`.

    What goes through the rings of io_uring would be seen by nobody, so there are none: the event
    loop, which wants one for its own files, does without.
    """
    traced = ("-e", f"trace={TRACED}", "-e", "inject=io_uring_setup:error=ENOSYS")
    return ("strace", "-f", "-qq", "-s", "256", *traced, "-o", str(report))


def read_calls(report: Path) -> Calls:
    """Read what strace wrote."""
    return sort_calls(report.read_text(errors="replace").splitlines())


def sort_calls(lines: Sequence[str]) -> Calls:
    """Tell what leads out from what serves; a call that is not known leads out."""
    counts: Counter[str] = Counter()
    attempts: list[Attempt] = []
    for line in lines:
        match = _LINE.match(line)
        if match is None or match[2] is None:
            continue  # signals, exits, and the second half of a call that was told before
        call, arguments = match[1], match[2]
        counts[call] += 1
        if _leads_out(call, arguments):
            attempts.append(Attempt(call, arguments))
    return Calls(counts, tuple(attempts))


def _leads_out(call: str, arguments: str) -> bool:
    if call in _OPENING:
        return any(f'"{file}"' in arguments for file in RESOLVER_FILES)
    if call == "io_uring_setup":
        return "ENOSYS" not in arguments
    if call == "socket":
        return not re.match(r"AF_INET6?, SOCK_STREAM\b", arguments)
    if call in ("sendto", "sendmsg"):
        return bool(_ADDRESS.search(arguments)) or "MSG_FASTOPEN" in arguments
    return call not in _SERVING
