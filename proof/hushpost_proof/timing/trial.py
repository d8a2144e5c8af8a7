"""One trial: a relay, its audience and a prober, each in a process or thread of its own."""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hushpost_wire.ttl import TtlClass

from hushpost_proof.harness.relay_process import RELAY_PROGRAM, RelayProcess
from hushpost_proof.timing.answers import Answer
from hushpost_proof.timing.audience import Kind
from hushpost_proof.timing.leaky_relay import LEAK_VARIABLE
from hushpost_proof.timing.prober import Case, Prober, Rhythm

_READY_SECONDS_MAX = 60.0
# What is posted to who never reads must not fill up before the trial ends.
ROOMY = {
    "HUSHPOST_RELAY_DROP_ENVELOPES_MAX": "1000000",
    "HUSHPOST_RELAY_DROP_BYTES_MAX": str(1 << 34),
    "HUSHPOST_RELAY_MAILBOX_ENVELOPES_MAX": "1000000",
    "HUSHPOST_RELAY_MAILBOX_BYTES_MAX": str(1 << 34),
    # One stranger fills what strangers may.
    "HUSHPOST_RELAY_KNOCKS_PER_DAY": "1",
}
LEAKY_PROGRAM = "hushpost_proof.timing.leaky_relay"


@dataclass(frozen=True, slots=True)
class Trial:
    """What is tried: against which relay, on whom, how. `leak` plants a defect (leaky_relay)."""

    kinds: Sequence[Kind]
    rhythm: Rhythm
    seed: int
    is_quiet: bool = False
    leak: str = ""
    environment: Mapping[str, str] = field(default_factory=dict[str, str])


async def attempt(trial: Trial, folder: Path) -> Sequence[Answer]:
    """Carry out a trial in a folder that does not exist yet, and return all answers."""
    await asyncio.to_thread(folder.mkdir, parents=True)
    environment = {**ROOMY, **trial.environment}
    if trial.leak:
        environment[LEAK_VARIABLE] = trial.leak
    relay = RelayProcess(
        folder,
        arguments=("--quiet",) if trial.is_quiet else (),
        environment=environment,
        program=LEAKY_PROGRAM if trial.leak else RELAY_PROGRAM,
    )
    await relay.start()
    try:
        async with audience(relay.url, trial.kinds) as cases:
            prober = Prober(relay.port, cases, seed=trial.seed)
            return await asyncio.to_thread(prober.probe, trial.rhythm)
    finally:
        await relay.stop()


@asynccontextmanager
async def audience(url: str, kinds: Sequence[Kind]) -> AsyncGenerator[dict[str, Case]]:
    """Run the audience's process; gives where each of them is posted to."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "hushpost_proof.timing.audience", url, *kinds),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), _READY_SECONDS_MAX)
        places = json.loads(line)
        yield {name: _case(place) for name, place in places.items()}
    finally:
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), _READY_SECONDS_MAX)
        except TimeoutError:
            process.kill()
            await process.wait()


def _case(place: Mapping[str, Any]) -> Case:
    route = bytes.fromhex(place["route"]) if place["route"] is not None else None
    return Case(route, bytes.fromhex(place["secret"]), TtlClass(place["ttl"]))
