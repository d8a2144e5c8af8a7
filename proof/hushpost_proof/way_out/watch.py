"""The experiments of the way out: traced and alone, behind the wall, over HTTP, dying.

Each starts real relays and gives a row of the table, its planted defect included.
"""

import asyncio
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hushpost_proof.claim import Row
from hushpost_proof.harness.relay_process import RelayTriedToGetOut, relay_process
from hushpost_proof.way_out.alone import talk
from hushpost_proof.way_out.headers import Answered, ask_everything
from hushpost_proof.way_out.planted_relay import (
    COOKIE,
    CORE_DUMPS,
    KIND_VARIABLE,
    WALL_VARIABLE,
    WAYS_OUT,
)

PLANTED = "hushpost_proof.way_out.planted_relay"
WALLED = "hushpost_proof.harness.walled_relay"
_AT_ONCE = 2
_WATCH_SECONDS_MAX = 150.0
_NEEDED = {
    "strace": "strace (apt-get install strace)",
    "unshare": "unshare (apt-get install util-linux)",
}


@dataclass(frozen=True, slots=True)
class Watched:
    """What one relay called in a network of its own."""

    alone: bool
    messages: int
    calls: int
    attempts: tuple[str, ...]


# -- traced, with loopback alone -------------------------------------------------------------------


def missing() -> str:
    """Name what this machine lacks to trace a relay in a network of its own; empty if nothing."""
    for program, how in _NEEDED.items():
        if shutil.which(program) is None:
            return how
    namespace = subprocess.run([*_unshare(), "true"], capture_output=True, check=False)
    return "" if namespace.returncode == 0 else "leave to make a network namespace"


def _unshare() -> tuple[str, ...]:
    mapped = () if os.geteuid() == 0 else ("--map-root-user",)
    return ("unshare", "--net", *mapped)


async def watch(folder: Path, kind: str = "", *, talks: bool = False) -> Watched:
    """Run one relay, with the defect `kind`, in a network of its own, and read what it called."""
    process = await asyncio.create_subprocess_exec(
        *_unshare(),
        *(sys.executable, "-m", "hushpost_proof.way_out.alone", str(folder), "--kind", kind),
        *(("--talk",) if talks else ()),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await asyncio.wait_for(process.communicate(), _WATCH_SECONDS_MAX)
    if process.returncode != 0:
        raise RuntimeError(f"the relay could not be watched; see {folder}/relay.log")
    told = json.loads(output)
    attempts = tuple(f"{one['call']}({one['detail']}"[:160] for one in told["attempts"])
    return Watched(told["alone"], told["messages"], told["calls"], attempts)


async def traced(folder: Path) -> Row:
    """Hold a whole conversation, every call of the relay written down."""
    seen = await watch(folder / "traced", talks=True)
    found = (
        f"{seen.messages} messages, backup and drain with loopback alone: {seen.calls} calls of "
        f"the network, {len(seen.attempts)} lead out"
    )
    found = "\n".join([found, *seen.attempts[:5]])
    holds = seen.alone and seen.messages > 0 and seen.calls > 0 and not seen.attempts
    return Row("every call of a relay from start to drain, traced", seen.calls, found, holds)


async def planted_and_traced(folder: Path) -> Row:
    """Each way out, planted, must be found in the trace."""
    places = asyncio.Semaphore(_AT_ONCE)

    async def one(number: int, kind: str) -> bool:
        async with places:
            return bool((await watch(folder / f"planted{number}", kind)).attempts)

    verdicts = await asyncio.gather(*(one(*item) for item in enumerate(WAYS_OUT)))
    missed = [kind for kind, is_found in zip(WAYS_OUT, verdicts, strict=True) if not is_found]
    found = f"{sum(verdicts)} of {len(verdicts)} found" + "".join(f"; missed: {m}" for m in missed)
    return Row("control: relays that call home, traced", len(verdicts), found, not missed)


# -- behind the wall of the suite's relays ---------------------------------------------------------


async def walled(folder: Path) -> Row:
    """Hold a conversation through a relay that would die of its first try to get out."""
    folder = _fresh(folder / "walled")
    async with relay_process(folder, program=WALLED) as relay:
        messages = await talk(relay.url, folder)
        kind = _wall_of(relay.pid)
    found = f"{messages} messages; the relay lived to its drain; wall: {kind}"
    return Row("a conversation with outbound calls denied", messages, found, holds=messages > 0)


def _wall_of(pid: int | None) -> str:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return "audit hook"
    return "seccomp" if "Seccomp:\t2" in status else "audit hook"


async def planted_and_walled(folder: Path) -> Row:
    """Each way out, planted, must be the end of the relay behind the wall."""
    places = asyncio.Semaphore(_AT_ONCE)

    async def one(number: int, kind: str) -> bool:
        async with places:
            return await dies_at_the_wall(_fresh(folder / f"wall{number}"), kind)

    verdicts = await asyncio.gather(*(one(*item) for item in enumerate(WAYS_OUT)))
    missed = [kind for kind, died in zip(WAYS_OUT, verdicts, strict=True) if not died]
    found = f"{sum(verdicts)} of {len(verdicts)} died" + "".join(f"; lived: {m}" for m in missed)
    return Row("control: relays that call home, denied", len(verdicts), found, not missed)


async def dies_at_the_wall(folder: Path, kind: str) -> bool:
    """Say whether a relay with this defect is ended by the wall before it serves."""
    planted = {KIND_VARIABLE: kind, WALL_VARIABLE: "1"}
    try:
        async with relay_process(folder, program=PLANTED, environment=planted):
            return False
    except RelayTriedToGetOut:
        return True


# -- what it answers over HTTP ---------------------------------------------------------------------


async def answers(folder: Path, *, kind: str = "") -> list[Answered]:
    """Ask a relay, with the defect `kind`, for every kind of answer."""
    async with relay_process(
        _fresh(folder), program=PLANTED, environment={KIND_VARIABLE: kind}
    ) as relay:
        return await ask_everything(relay.port, int(relay.metrics_url.rpartition(":")[2]))


async def headers(folder: Path) -> Row:
    """Every kind of answer, and none with a header that marks; a planted cookie is found."""
    honest, planted = await asyncio.gather(
        answers(folder / "headers"), answers(folder / "cookie", kind=COOKIE)
    )
    undeclared = [f"{one.what}: {header}" for one in honest for header in one.undeclared]
    cookies = {header for one in planted for header in one.undeclared}
    statuses = sorted({one.status for one in honest if one.status})
    found = (
        f"statuses {', '.join(map(str, statuses))}; {len(undeclared)} headers beyond the form of "
        f"the answer; planted: {len(cookies)} of 2 found"
    )
    found = "\n".join([found, *undeclared[:5]])
    return Row("answers over HTTP", len(honest), found, not undeclared and len(cookies) == 2)


# -- how it dies -----------------------------------------------------------------------------------


async def crashes(folder: Path) -> Row:
    """Crash relays: they leave no core dump, and one that is let does."""
    with _core_dumps_allowed() as allowed:
        times = {number: await leaves_core(folder, number) for number in _CRASHES}
        control = await leaves_core(folder, signal.SIGSEGV, kind=CORE_DUMPS)
    left = [number.name for number, dumped in times.items() if dumped]
    found = f"{len(left)} core dumps; control, let dump: {'1 found' if control else 'none'}"
    if not allowed:
        found += " (this system allows no process a core dump)"
    names = ", ".join(number.name for number in _CRASHES)
    return Row(f"relay ended by {names}", len(times), found, not left and (control or not allowed))


_CRASHES: Sequence[signal.Signals] = (signal.SIGSEGV, signal.SIGABRT, signal.SIGQUIT)


@contextmanager
def _core_dumps_allowed() -> Generator[bool]:
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    try:
        yield hard == resource.RLIM_INFINITY
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))


async def leaves_core(folder: Path, number: signal.Signals, *, kind: str = "") -> bool:
    """Crash a relay by a signal; say whether the kernel or its folder tells of a core dump."""
    folder = _fresh(folder / f"crash-{kind or 'relay'}-{number.name}".replace(" ", "-"))
    return await asyncio.to_thread(_crash, folder, number, {KIND_VARIABLE: kind})


def _crash(folder: Path, number: signal.Signals, environment: Mapping[str, str]) -> bool:
    ports = ("--listen-port", "0", "--metrics-port", "0")
    with (folder / "relay.log").open("wb") as log:
        relay = subprocess.Popen(
            [sys.executable, "-m", PLANTED, "serve", "--json", *ports, "--data-folder", "relay"],
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=folder,
            env={**os.environ, **environment},
        )
    assert relay.stdout is not None
    with relay.stdout:
        if not relay.stdout.readline():
            raise RuntimeError(f"the relay did not start; see {folder}/relay.log")
        relay.send_signal(number)
        _, status = os.waitpid(relay.pid, 0)
    relay.returncode = -os.WTERMSIG(status)
    cores = [path for path in folder.rglob("*") if "core" in path.name]
    for core in cores:
        core.unlink()
    return os.WCOREDUMP(status) or bool(cores)


def _fresh(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
