"""A conversation inside a network namespace of its own, whose link fails and loses packets.

    unshare --net python -m hushpost_proof.rough_link FOLDER SEED

Whatever people, proxy and relay send each other crosses the namespace's own link, so the kernel's
TCP meets the fault: the link is taken down for longer than every timeout, comes back, and then
carries little, late and with losses. Prints what was found as JSON. Needs Linux, root and iproute2.
"""

import argparse
import asyncio
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import Final

from hushpost_proof.conversation import Setting, conversation, is_whole, told
from hushpost_proof.harness.impatience import (
    IMPATIENT_VARIABLE,
    LONGER_THAN_ALL_SECONDS,
    RELAY_SETTINGS,
)

LOSSY_SECONDS: Final = 4.0
# Packets as on an Ethernet, and not of 64 KiB: a queue of a few then drops some of a burst.
_UP: Final = ("ip", "link", "set", "lo", "up", "mtu", "1500")
_DOWN: Final = ("ip", "link", "set", "lo", "down")
_ADD: Final = ("tc", "qdisc", "replace", "dev", "lo", "root")
# Late, out of order and with losses; some kernels have no netem: then a queue of a few packets
# that drops what is over a small rate.
_LOSSY: Final = (
    ("netem", "delay", "20ms", "10ms", "loss", "5%"),
    ("tbf", "rate", "600kbit", "burst", "3kb", "limit", "6kb"),
)


@dataclass(frozen=True, slots=True)
class Crossing:
    """What a run over the failing link showed, and which lossy queue the kernel had."""

    holds: bool
    found: str
    lossy: str


def absent() -> str:
    """Say what is missing to make a namespace, or nothing."""
    for program in ("unshare", "ip", "tc"):
        if which(program) is None:
            return f"{program} is missing (apt-get install iproute2 util-linux)"
    tried = subprocess.run(
        ["unshare", "--net", *_UP], capture_output=True, text=True, check=False, timeout=30
    )
    return "" if tried.returncode == 0 else "network namespaces need Linux and root"


async def cross(folder: Path, seed: int) -> Crossing:
    """Run a conversation in a namespace made for it, and return what it said."""
    process = await asyncio.create_subprocess_exec(
        *("unshare", "--net", sys.executable, "-m", "hushpost_proof.rough_link"),
        *(str(folder), str(seed)),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    if process.returncode != 0:
        return Crossing(False, f"the crossing itself failed ({process.returncode})", "")
    return Crossing(**json.loads(output.splitlines()[-1]))


async def _inside(folder: Path, seed: int) -> Crossing:
    _do(*_UP)
    setting = Setting(seed, pairs=1, relay=RELAY_SETTINGS, people={IMPATIENT_VARIABLE: "1"})
    async with conversation(setting, folder) as scene:
        _do(*_DOWN)
        await asyncio.sleep(LONGER_THAN_ALL_SECONDS)
        _do(*_UP)
        # A kernel's TCP waits up to twice as long as the link was away before it tries again.
        await asyncio.sleep(LONGER_THAN_ALL_SECONDS)
        lossy = next((form for form in _LOSSY if _try(*_ADD, *form)), ())
        await asyncio.sleep(LOSSY_SECONDS)
        dropped = _dropped()
        _try("tc", "qdisc", "del", "dev", "lo", "root")
        outcome = await scene.settle()
    found = f"{told(outcome)}; {dropped} packets dropped by {' '.join(lossy)}"
    return Crossing(is_whole(outcome) and dropped > 0, found, " ".join(lossy))


def _do(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def _try(*command: str) -> bool:
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def _dropped() -> int:
    shown = subprocess.run(
        ["tc", "-s", "-j", "qdisc", "show", "dev", "lo"], check=True, capture_output=True
    )
    return sum(int(queue.get("drops", 0)) for queue in json.loads(shown.stdout))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run inside a namespace."""
    parser = argparse.ArgumentParser(prog="python -m hushpost_proof.rough_link")
    parser.add_argument("folder", type=Path)
    parser.add_argument("seed", type=int)
    given = parser.parse_args(arguments)
    crossing = asyncio.run(_inside(given.folder, given.seed))
    shown = {"holds": crossing.holds, "found": crossing.found, "lossy": crossing.lossy}
    print(json.dumps(shown))
    return 0


if __name__ == "__main__":
    sys.exit(main())
