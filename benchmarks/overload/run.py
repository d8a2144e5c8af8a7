"""One run: a relay, established contacts, and flood after flood, each beside its own quiet time.

The relay has one core to itself, contacts and floods share another, the floods at the lowest
priority, so that what is measured is the relay and not the want of a processor (where it
may, at real-time priority: the rest of the machine is kept away). Limits are those that an operator
gets who sets none.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.overload.floods import FLOODS
from benchmarks.overload.outcomes import UNTOLD, Outcomes
from benchmarks.processor_time import resident_bytes
from benchmarks.recording import percentile

PAIRS = 10
MESSAGES_A_SECOND = 100.0
# What the issue of a flood is judged by.
TIMES_QUIET = 3.0
P99_SECONDS = 0.025
MEMORY_BYTES_MAX = 384 * 1024 * 1024
_RELAY_CORE, _LOAD_CORE = 0, 1
_FLOOD_NICENESS = 19
_SAMPLE_SECONDS = 0.1
_START_SECONDS_MAX = 60.0
_PREPARE_SECONDS_MAX = 240.0
_FLOOD_MORE_SECONDS_MAX = 90.0
# Before the quiet time: what the preparation left in queues is worked off.
_SETTLE_SECONDS = 1.0


class OverloadFailed(Exception):
    """A process of the run ended, or an established contact was cut off or refused."""


@dataclass(frozen=True, slots=True)
class Latency:
    """How long messages between established contacts took over a span, in seconds."""

    messages: int
    p50: float
    p99: float
    accepted_p99: float
    refused: int

    @classmethod
    def of(cls, told: dict[str, list[float] | int]) -> "Latency":
        """Sum up what the contacts told; what still waits has waited at least so long."""
        waiting = _floats(told["waiting"])
        delivered = sorted(_floats(told["delivered"]) + waiting)
        accepted = sorted(_floats(told["accepted"]) + waiting)
        if not delivered:
            raise OverloadFailed("no message went between established contacts")
        return cls(
            len(delivered),
            percentile(delivered, 50),
            percentile(delivered, 99),
            percentile(accepted, 99),
            refused if isinstance(refused := told["refused"], int) else 0,
        )


def _floats(value: list[float] | int) -> list[float]:
    return value if isinstance(value, list) else []


@dataclass(frozen=True, slots=True)
class Finding:
    """What one flood did."""

    flood: str
    seconds: float
    quiet: Latency
    flooded: Latency
    memory: int
    outcomes: Outcomes

    @property
    def allowed(self) -> float:
        """How long the 99th percentile may be."""
        return max(TIMES_QUIET * self.quiet.p99, P99_SECONDS)

    @property
    def faults(self) -> tuple[str, ...]:
        """What did not hold."""
        found: list[str] = []
        if self.flooded.p99 > self.allowed:
            found.append(f"p99 {self.flooded.p99 * 1000:.1f} ms")
        if self.flooded.refused:
            found.append(f"{self.flooded.refused} messages of contacts refused")
        if self.memory > MEMORY_BYTES_MAX:
            found.append(f"{self.memory >> 20} MiB")
        if self.outcomes.counts[UNTOLD]:
            found.append(f"{self.outcomes.counts[UNTOLD]} refused in silence")
        return tuple(found)


async def overload(
    floods: Sequence[str], folder: Path, *, quiet_seconds: float, flood_seconds: float
) -> AsyncGenerator[Finding]:
    """Flood a relay of its own with each flood; give each finding when it is made."""
    for number, name in enumerate(floods):
        async with (
            _relay(folder / str(number), FLOODS[name].settings) as (relay, url),
            _contacts(url) as contacts,
            _flood(name, url, flood_seconds) as flood,
        ):
            await asyncio.sleep(_SETTLE_SECONDS)
            await _told_by(contacts)
            await asyncio.sleep(quiet_seconds)
            quiet = Latency.of(await _told_by(contacts))
            _say(flood, "go")
            memory, outcomes = await _watch(relay.pid, flood, flood_seconds)
            flooded = Latency.of(await _told_by(contacts))
        yield Finding(name, flood_seconds, quiet, flooded, memory, outcomes)


async def _watch(
    pid: int, flood: asyncio.subprocess.Process, seconds: float
) -> tuple[int, Outcomes]:
    """Wait for a flood's end; return the most memory that the relay held meanwhile."""
    assert flood.stdout is not None
    end = asyncio.ensure_future(flood.stdout.readline())
    most = 0
    async with asyncio.timeout(seconds + _FLOOD_MORE_SECONDS_MAX):
        while not end.done():
            most = max(most, resident_bytes(pid))
            await asyncio.wait([end], timeout=_SAMPLE_SECONDS)
    if not end.result():
        raise OverloadFailed(f"the flood ended by itself ({await flood.wait()})")
    return most, Outcomes.from_json(end.result())


async def _told_by(contacts: asyncio.subprocess.Process) -> dict[str, list[float] | int]:
    _say(contacts, "tell")
    assert contacts.stdout is not None
    line = await contacts.stdout.readline()
    if not line:
        raise OverloadFailed(f"the contacts ended ({await contacts.wait()})")
    told: dict[str, list[float] | int] = json.loads(line)
    return told


def _say(process: asyncio.subprocess.Process, word: str) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{word}\n".encode())


@asynccontextmanager
async def _relay(
    folder: Path, settings: Mapping[str, str]
) -> AsyncGenerator[tuple[asyncio.subprocess.Process, str]]:
    arguments = ("serve", "--json", "--listen-port", "0", "--metrics-port", "0")
    async with _process(
        ("hushpost_server.command", *arguments, "--data-folder", str(folder / "relay")),
        core=_RELAY_CORE,
        environment=settings,
    ) as process:
        line = await _line(process, _START_SECONDS_MAX)
        # The event loop before the thread that writes, as if each had a core.
        _prefer(process.pid, 2)
        yield process, json.loads(line)["url"]


@asynccontextmanager
async def _contacts(url: str) -> AsyncGenerator[asyncio.subprocess.Process]:
    module = ("benchmarks.overload.contacts", url, str(PAIRS), str(MESSAGES_A_SECOND))
    async with _process(module, core=_LOAD_CORE) as process:
        await _line(process, _START_SECONDS_MAX)
        yield process


@asynccontextmanager
async def _flood(name: str, url: str, seconds: float) -> AsyncGenerator[asyncio.subprocess.Process]:
    module = ("benchmarks.overload.flood", name, url, str(seconds))
    async with _process(module, core=_LOAD_CORE, niceness=_FLOOD_NICENESS) as process:
        await _line(process, _PREPARE_SECONDS_MAX)
        yield process


async def _line(process: asyncio.subprocess.Process, seconds_max: float) -> bytes:
    assert process.stdout is not None
    line = await asyncio.wait_for(process.stdout.readline(), seconds_max)
    if not line:
        raise OverloadFailed(f"a process ended before it was ready ({await process.wait()})")
    return line


@asynccontextmanager
async def _process(
    module: Sequence[str],
    *,
    core: int,
    niceness: int = 0,
    environment: Mapping[str, str] | None = None,
) -> AsyncGenerator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *module),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 24,
        env={**os.environ, **(environment or {})},
    )
    try:
        if core in os.sched_getaffinity(0):
            # Before it has started a second thread: threads inherit the core.
            os.sched_setaffinity(process.pid, {core})
        if niceness:
            os.setpriority(os.PRIO_PROCESS, process.pid, niceness)
        else:
            _prefer(process.pid, 1)
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def _prefer(pid: int, priority: int) -> None:
    """Put the first thread of a process, and those it makes from now on, above all others."""
    with suppress(PermissionError):  # only root may keep the rest of the machine away
        os.sched_setscheduler(pid, os.SCHED_RR, os.sched_param(priority))
