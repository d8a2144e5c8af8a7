"""Runs targets side by side, each for its share of the time."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from tests.fuzz import corpus
from tests.fuzz.all_targets import TARGETS
from tests.fuzz.plain_driver import bound_memory, fuzz

PROCESSES = 2
FINDINGS = Path("fuzz-findings")
# Starting an instrumented process takes seconds; less time than this is not worth them.
GUIDED_SECONDS_MIN = 10.0


@dataclass(frozen=True)
class Report:
    """What came of one target."""

    target: str
    plain: int
    guided: int
    found: str = ""
    path: str = ""


def run(name: str, seconds: float, seed: int, guided: bool) -> Report:
    """Fuzz one target for its time."""
    target = TARGETS[name]
    share = seconds / 2 if guided else seconds
    outcome = fuzz(target, corpus.inputs_of(target), seed=seed, seconds=share)
    if outcome.finding is not None:
        kept = corpus.keep(FINDINGS, name, outcome.finding.data)
        return Report(name, outcome.executions, 0, outcome.finding.what, str(kept))
    if not guided:
        return Report(name, outcome.executions, 0)
    executions, found, path = _run_guided(name, share, seed)
    return Report(name, outcome.executions, executions, found, path)


def _run_guided(name: str, seconds: float, seed: int) -> tuple[int, str, str]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tests.fuzz.coverage_driver"]
        arguments = [name, str(max(1, round(seconds))), str(seed), folder]
        done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
        said = done.stdout + done.stderr
        count = re.search(r"number_of_executed_units:\s*(\d+)", said)
        executions = int(count[1]) if count is not None else 0
        if done.returncode == 0:
            return executions, "", ""
        crashes = [path for path in Path(folder).iterdir() if path.is_file()]
        path = str(corpus.keep(FINDINGS, name, crashes[0].read_bytes())) if crashes else ""
        return executions, said[-3000:], path


def run_all(names: Sequence[str], seconds: float, seed: int, guided: bool) -> list[Report]:
    """Fuzz targets side by side, all in so many seconds."""
    share = seconds * PROCESSES / len(names)
    guided = guided and share >= GUIDED_SECONDS_MIN
    # Spawned: a fork of a process with an event loop would share it.
    spawned = get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, mp_context=spawned, initializer=bound_memory) as pool:
        jobs = [pool.submit(run, name, share, seed, guided) for name in names]
        return [job.result() for job in jobs]


def has_atheris() -> bool:
    """Say whether guided fuzzing is possible here."""
    return importlib.util.find_spec("atheris") is not None
