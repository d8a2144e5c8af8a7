"""One experiment in a process of its own, so that nothing of it reaches the next.

    python -m hushpost_proof.experiment NAME FOLDER SEED [--long]

prints its rows as the last line of its output, as JSON.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from hushpost_proof.claim import Claim, Effort, Row
from hushpost_proof.registry import named

# A busy machine gets ten times what an idle one takes, and what it takes to start.
_PATIENCE = 10
_START_SECONDS = 120
# The long effort has no estimate: a run that hangs for four hours hangs.
_LONG_SECONDS_MAX = 4 * 3600
_TAIL_CHARACTERS = 2_000


@dataclass(frozen=True, slots=True)
class Finding:
    """What one claim's experiment showed, and how long it took."""

    claim: Claim
    rows: tuple[Row, ...]
    seconds: float

    @property
    def holds(self) -> bool:
        """Whether there are rows and each one held."""
        return bool(self.rows) and all(row.holds for row in self.rows)


async def investigate(claim: Claim, effort: Effort) -> Finding:
    """Run the experiment of `claim` in a process of its own; what it leaves running is killed."""
    began = time.monotonic()
    arguments = [claim.name, str(effort.folder), str(effort.seed)]
    log = effort.folder.with_suffix(".log")
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "hushpost_proof.experiment", *arguments),
            *(["--long"] if effort.is_long else []),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )
        limit = _LONG_SECONDS_MAX if effort.is_long else claim.seconds * _PATIENCE + _START_SECONDS
        try:
            output, _ = await asyncio.wait_for(process.communicate(), limit)
            rows = _rows(output) if process.returncode == 0 else _failed(log, process.returncode)
        except TimeoutError:
            rows = (Row("the experiment itself", 1, f"it did not end in {limit} s", holds=False),)
        finally:
            _kill_group(process.pid)
            await process.wait()
    return Finding(claim, rows, time.monotonic() - began)


def _rows(output: bytes) -> tuple[Row, ...]:
    return tuple(Row(**row) for row in json.loads(output.splitlines()[-1]))


def _failed(log: Path, status: int | None) -> tuple[Row, ...]:
    tail = log.read_text(errors="replace")[-_TAIL_CHARACTERS:].strip()
    return (Row("the experiment itself", 1, f"it failed ({status}): {tail}", holds=False),)


def _kill_group(leader: int) -> None:
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        return


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one experiment here and print its rows."""
    parser = argparse.ArgumentParser(prog="python -m hushpost_proof.experiment")
    parser.add_argument("name")
    parser.add_argument("folder", type=Path)
    parser.add_argument("seed", type=int)
    parser.add_argument("--long", action="store_true")
    given = parser.parse_args(arguments)
    given.folder.mkdir(parents=True, exist_ok=True)
    claim = named(given.name)

    async def prove() -> Sequence[Row]:
        return await claim.prove(Effort(given.folder, given.seed, given.long))

    rows = asyncio.run(prove())
    print(json.dumps([asdict(row) for row in rows]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
