"""Two networks joined by a cable that can be pulled: real interfaces, in namespaces of their own.

    this process's namespace                            the island's
    10.99.0.1  on a bridge ----- the cable (veth) ----- 10.99.0.2      servers and relays
    10.99.1.1  ----------------- a second one --------- 10.99.1.2      this program's own way

Pulled, the cable ends at no bridge: packets vanish, nobody is told, and connections hang as they do
when a switch dies. Through the second cable the experiment talks to servers and relays of the
island as its clients there do; servers and relays do not know of it. Needs Linux, iproute2, root or
a kernel that lets everybody have namespaces, and a namespace of the process's own (`way_in`), which
takes everything away at its end.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import IO, Final

from hushpost_proof.harness.lives import Life

HERE: Final = "10.99.0.1"
THERE: Final = "10.99.0.2"
# Where this program reaches the island whatever becomes of the cable.
THERE_FOR_US: Final = "10.99.1.2"
_ENTERED_SECONDS_MAX: Final = 60.0
_LOOK_AGAIN_SECONDS: Final = 0.02
# What an island is made of, tried in a namespace that is gone at once.
_WAYS: Final = (("unshare", "--net"), ("unshare", "--user", "--map-root-user", "--net"))
_TRIAL: Final = "ip link add bridge0 type bridge && ip link add cable0 type veth peer name cable1"


class NotOurNetwork(Exception):
    """The network is the machine's own: nothing is built or cut there."""


def absent() -> str:
    """Say what is missing to make such networks, or nothing."""
    for program in ("unshare", "nsenter", "ip"):
        if which(program) is None:
            return f"{program} is missing (apt-get install iproute2 util-linux)"
    if way_in():
        return ""
    return "network namespaces with bridges and veth pairs were refused: they need Linux, and root"


def way_in() -> tuple[str, ...]:
    """Return what stands before a command that is to have a network of its own; none: ()."""
    for way in _WAYS:
        tried = subprocess.run([*way, "sh", "-c", _TRIAL], capture_output=True, check=False)
        if tried.returncode == 0:
            return way
    return ()


@dataclass(frozen=True, slots=True)
class Island:
    """The other network. `before` stands before a command that is to run there."""

    before: tuple[str, ...]

    def cut(self) -> None:
        """Pull the cable."""
        _do("ip", "link", "set", "cable0", "nomaster")

    def join(self) -> None:
        """Plug the cable in again."""
        _do("ip", "link", "set", "cable0", "master", "bridge0")

    async def begin(
        self,
        program: str,
        arguments: Sequence[str],
        *,
        folder: Path,
        environment: Mapping[str, str],
        errors: IO[bytes],
    ) -> Life:
        """Start a program of the harness there; a `Beginner`."""
        return await asyncio.create_subprocess_exec(
            *self.before,
            sys.executable,
            *("-m", program),
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            env=dict(environment),
            cwd=folder,
        )


@asynccontextmanager
async def island() -> AsyncGenerator[Island]:
    """Have the other network for the time of a block; this one must be ours alone.

    Raises NotOurNetwork where it is that of the machine.
    """
    if others := _in_use():
        raise NotOurNetwork(f"start it by `unshare --net`: {others[0]} is somebody's here")
    holder = await asyncio.create_subprocess_exec("unshare", "--net", "sleep", "infinity")
    try:
        await _entered(holder)
        made = Island(("nsenter", "--target", str(holder.pid), "--net"))
        _join(made.before, str(holder.pid))
        yield made
    finally:
        holder.kill()
        await holder.wait()
        # Its ends of the cables go with it; ours, so that there may be another island.
        _separate()


async def _entered(holder: asyncio.subprocess.Process) -> None:
    """Wait until a process has left our network: before, what is made for it would be ours."""
    async with asyncio.timeout(_ENTERED_SECONDS_MAX):
        while _network_of(f"{holder.pid}") == _network_of("self"):  # noqa: ASYNC110 - no event of ours
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)


def _network_of(process: str) -> str:
    return os.readlink(f"/proc/{process}/ns/net")


def _in_use() -> list[str]:
    """Return the interfaces that are up; in a namespace that was just made none is, but for lo."""
    shown = subprocess.run(
        ["ip", "-o", "link", "show", "up"], capture_output=True, check=True, text=True
    )
    names = [line.split(": ")[1] for line in shown.stdout.splitlines()]
    return [name for name in names if name != "lo"]


def _join(there: Sequence[str], pid: str) -> None:
    _do("ip", "link", "set", "lo", "up")
    _do("ip", "link", "add", "bridge0", "type", "bridge")
    for name in ("cable", "ours"):
        peer = ("peer", "name", f"{name}1", "netns", pid)
        _do("ip", "link", "add", f"{name}0", "type", "veth", *peer)
        _do("ip", "link", "set", f"{name}0", "up")
    _do("ip", "link", "set", "cable0", "master", "bridge0")
    _do("ip", "addr", "add", f"{HERE}/24", "dev", "bridge0")
    _do("ip", "link", "set", "bridge0", "up")
    _do("ip", "addr", "add", "10.99.1.1/24", "dev", "ours0")
    _do(*there, "ip", "link", "set", "lo", "up")
    for name, address in (("cable1", THERE), ("ours1", THERE_FOR_US)):
        _do(*there, "ip", "addr", "add", f"{address}/24", "dev", name)
        _do(*there, "ip", "link", "set", name, "up")


def _separate() -> None:
    for name in ("bridge0", "cable0", "ours0"):
        subprocess.run(["ip", "link", "del", name], capture_output=True, check=False)


def _do(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
