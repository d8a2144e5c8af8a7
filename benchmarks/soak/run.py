"""One run of the soak: a relay, people who stay, people who come and go, and the charts of both.

The load runs at the lowest priority, so that the relay is never short of a processor for it.
"""

import asyncio
import json
import os
import sys
import time
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from hushpost_proof.harness.relay_process import NO_RATE_LIMITS

from benchmarks.soak.counted import read_tally
from benchmarks.soak.relay import CLOCK_VARIABLE, LEAK_VARIABLE
from benchmarks.soak.slope import Trend, trend
from benchmarks.soak.stepping_clock import SteppingClock
from benchmarks.soak.vital_signs import TOLERANCES, Chart, Sign

# A day in 14 seconds: in half an hour every kind of record comes to its end, most of them often.
STEP_SECONDS = 0.6
# The clients remember the ids of messages longest (45 days); before that, vaults, and what they
# load of them, grow by design.
CLIENT_WARM_UP_DAYS = 50.0
_CLIENTS_GROW_AT_FIRST = (Sign.MEMORY, Sign.DATABASE)
# Of the whole: what fills caches, arenas and the first pages of a database.
WARM_UP_SHARE = 0.3
SAMPLE_SECONDS = 1.0
LOAD_NICENESS = 10
_START_SECONDS_MAX = 60.0
_END_SECONDS_MAX = 60.0
# Time limits of a connection that a step of the clock would end at once.
_SETTINGS = {
    "HUSHPOST_RELAY_LOGIN_SECONDS_MAX": "300",
    "HUSHPOST_RELAY_PING_INTERVAL_SECONDS": "3600",
    "HUSHPOST_RELAY_PING_TIMEOUT_SECONDS": "3600",
    "HUSHPOST_RELAY_POST_SECONDS_MAX": "86400",
    "HUSHPOST_RELAY_SWEEP_INTERVAL_SECONDS": "1",
}
# What a run must have done, or flat figures would show nothing.
_REQUIRED = (
    "accounts made",
    "accounts deleted",
    "envelopes accepted",
    "envelopes acknowledged",
    "notices of expired mail",
    "logins that read nothing",
    "openings of a vault",
    "messages written",
    "messages read",
)


class SoakFailed(Exception):
    """A process of the run ended by itself, or did not start."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run does. Leaks are planted in relay and clients: values of `Sign`, with commas."""

    seconds: float
    leak: str = ""
    client_leak: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """One figure of one process, judged over the span after its warm-up."""

    process: str
    sign: Sign
    trend: Trend

    @property
    def is_flat(self) -> bool:
        """Whether it grew by no more than the tolerance."""
        return self.trend.is_flat(TOLERANCES[self.sign])


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run showed; `unjudged` names what it was too short for."""

    readings: tuple[Reading, ...]
    counts: Counter[str]
    days: float
    unjudged: tuple[str, ...]

    @property
    def idle(self) -> tuple[str, ...]:
        """What was to be done and never was: then nothing is shown."""
        return tuple(what for what in _REQUIRED if not self.counts[what])

    @property
    def growing(self) -> tuple[Reading, ...]:
        """What grew by more than its tolerance."""
        return tuple(reading for reading in self.readings if not reading.is_flat)

    @property
    def is_clean(self) -> bool:
        """Whether all was done and nothing grew."""
        return not self.idle and not self.growing


async def soak(plan: Plan, folder: Path) -> Outcome:
    """Carry out a plan in an empty folder."""
    clock = SteppingClock(time.time(), STEP_SECONDS)
    began = time.monotonic()
    charts: list[Chart] = []
    async with _everyone(plan, folder, clock, charts) as processes:
        while (second := time.monotonic() - began) < plan.seconds:
            for chart in charts:
                chart.note(second)
            for name, process in processes.items():
                if process.returncode is not None:
                    raise SoakFailed(_obituary(folder, name, process.returncode))
            await asyncio.sleep(SAMPLE_SECONDS)
    for name, process in processes.items():
        if process.returncode != 0:
            raise SoakFailed(_obituary(folder, name, process.returncode))
    return judge(plan, clock, charts, _counts(folder))


def judge(
    plan: Plan, clock: SteppingClock, charts: Sequence[Chart], counts: Counter[str]
) -> Outcome:
    """Judge each figure over what came after its warm-up."""
    readings: list[Reading] = []
    unjudged: list[str] = []
    for chart in charts:
        for sign in Sign:
            warm_up = plan.seconds * WARM_UP_SHARE
            if chart.name == "clients" and sign in _CLIENTS_GROW_AT_FIRST and not plan.client_leak:
                warm_up = max(warm_up, clock.seconds(CLIENT_WARM_UP_DAYS))
            if warm_up > plan.seconds * 0.7:
                unjudged.append(f"{chart.name}: {sign}")
                continue
            readings.append(Reading(chart.name, sign, trend(chart.since(sign, warm_up))))
    return Outcome(tuple(readings), counts, clock.days(plan.seconds), tuple(unjudged))


def _counts(folder: Path) -> Counter[str]:
    return read_tally(folder / "residents.json") + read_tally(folder / "guests.json")


@asynccontextmanager
async def _everyone(
    plan: Plan, folder: Path, clock: SteppingClock, charts: list[Chart]
) -> AsyncGenerator[dict[str, asyncio.subprocess.Process]]:
    data = folder / "relay"
    processes: dict[str, asyncio.subprocess.Process] = {}
    try:
        relay = processes["relay"] = await _start_relay(plan, folder, data, clock)
        url = await _url(relay, folder)
        arguments = (str(folder), url, clock.to_text())
        leak = ("--leak", plan.client_leak) if plan.client_leak else ()
        clients = await _start(folder, "residents", *arguments, *leak)
        processes["residents"] = clients
        processes["guests"] = await _start(folder, "guests", *arguments)
        charts.append(Chart("relay", relay.pid, data))
        charts.append(Chart("clients", clients.pid, folder / "vaults"))
        yield processes
        for process in (processes["guests"], clients):
            assert process.stdin is not None
            process.stdin.close()
            await asyncio.wait_for(process.wait(), _END_SECONDS_MAX)
        relay.terminate()
        await asyncio.wait_for(relay.wait(), _END_SECONDS_MAX)
    finally:
        for process in processes.values():
            if process.returncode is None:
                process.kill()
            await process.wait()


async def _start_relay(
    plan: Plan, folder: Path, data: Path, clock: SteppingClock
) -> asyncio.subprocess.Process:
    environment = {**_SETTINGS, CLOCK_VARIABLE: clock.to_text(), LEAK_VARIABLE: plan.leak}
    return await _start(
        folder,
        "relay",
        *("serve", "--json", "--listen-port", "0", "--metrics-port", "0"),
        *("--data-folder", str(data)),
        environment=environment,
        niceness=0,
    )


async def _start(
    folder: Path,
    module: str,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    niceness: int = LOAD_NICENESS,
) -> asyncio.subprocess.Process:
    with (folder / f"{module}.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", f"benchmarks.soak.{module}"),
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            env={**os.environ, **NO_RATE_LIMITS, **(environment or {})},
        )
    if niceness:
        os.setpriority(os.PRIO_PROCESS, process.pid, niceness)
    return process


async def _url(relay: asyncio.subprocess.Process, folder: Path) -> str:
    assert relay.stdout is not None
    line = await asyncio.wait_for(relay.stdout.readline(), _START_SECONDS_MAX)
    if not line:
        raise SoakFailed(_obituary(folder, "relay", await relay.wait()))
    url: str = json.loads(line)["url"]
    return url


def _obituary(folder: Path, name: str, status: int | None) -> str:
    tail = (folder / f"{name}.log").read_text(errors="replace")[-2_000:]
    return f"{name} ended by itself ({status}):\n{tail}"
