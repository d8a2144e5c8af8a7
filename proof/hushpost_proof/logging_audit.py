"""Faults with a secret in their message, at every place of a relay: what of it reaches its output.

The relay runs at DEBUG in a process of its own, standard output and standard error go to files. The
hunt knows the secret in its guises; that it finds one is shown by a relay that leaks, and by the
one switch that lets libraries log what they like.
"""

import asyncio
import contextlib
import json
import os
import secrets
import signal
import sys
import time
import urllib.request
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from hushpost_server.inventory_check import undeclared_lines
from hushpost_wire.account_records import NO_PREVIOUS
from hushpost_wire.control import (
    DeviceLists,
    DropKind,
    FetchDeviceList,
    PrekeyCount,
    Prekeys,
    PublishPrekeys,
    TakePrekeys,
)
from hushpost_wire.prekey_records import PrekeyKind

from hushpost_proof.claim import Row
from hushpost_proof.faulty_relay import FATAL, FAULTS, SECRET
from hushpost_proof.harness.device import TestDevice, dial, envelope_for
from hushpost_proof.harness.hunt import hunt_words
from hushpost_proof.harness.waiting import until

WORDS = tuple(word.encode() for word in ("Alice Canary", "canary.example", "5550199", "127.9.8.7"))
_START_SECONDS_MAX = 60.0
_STRIKE_SECONDS_MAX = 60.0
_ENVIRONMENT = {
    "HUSHPOST_RELAY_SWEEP_INTERVAL_SECONDS": "0.2",
    "HUSHPOST_RELAY_LOG_LEVEL": "debug",
    "PYTHONFAULTHANDLER": "1",
    "PYTHONWARNINGS": "always",
    "PYTHONASYNCIODEBUG": "1",
}


@dataclass(frozen=True, slots=True)
class Life:
    """One relay with planted faults: where its output goes, and which faults have struck."""

    folder: Path
    process: asyncio.subprocess.Process

    @property
    def log(self) -> str:
        """What came to standard error."""
        return (self.folder / "stderr").read_text(errors="backslashreplace")

    def struck(self) -> set[str]:
        """Which faults have struck."""
        return {path.name for path in (self.folder / "struck").iterdir()}

    def leaked(self) -> set[str]:
        """Which words of the secret are in its output."""
        found = hunt_words(self.folder / "stderr", WORDS)
        return {trace.what for trace in found | hunt_words(self.folder / "stdout", WORDS)}

    async def start(self) -> dict[str, str]:
        """Wait until it says where it listens; raises TimeoutError where it never does."""
        async with asyncio.timeout(_START_SECONDS_MAX):
            while "\n" not in (text := (self.folder / "stdout").read_text()):
                if self.process.returncode is not None:
                    raise TimeoutError(self.log[-2_000:])
                await asyncio.sleep(0.02)
        where: dict[str, str] = json.loads(text.splitlines()[0])
        return where

    async def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Stop it, if it still runs, and wait."""
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(number)
        await self.process.wait()


@asynccontextmanager
async def life(
    folder: Path, faults: Sequence[str], more: Mapping[str, str] | None = None
) -> AsyncGenerator[Life]:
    """Run a relay with these faults; whatever happens, no process is left."""
    (folder / "struck").mkdir(parents=True)
    planted = {"HUSHPOST_FAULTS": ",".join(faults), "HUSHPOST_STRUCK": str(folder / "struck")}
    with (folder / "stdout").open("wb") as printed, (folder / "stderr").open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "hushpost_proof.faulty_relay", "serve", "--json"),
            *("--listen-port", "0", "--metrics-port", "0"),
            *("--data-folder", str(folder / "relay")),
            stdout=printed,
            stderr=errors,
            env={**os.environ, **_ENVIRONMENT, **planted, **(more or {})},
        )
    running = Life(folder, process)
    try:
        yield running
    finally:
        await running.end(signal.SIGKILL)


async def audit(folder: Path) -> list[Row]:
    """Strike a relay with every fault, and read what it printed."""
    # Each waits more than it works.
    return await asyncio.gather(
        _goes_on(folder / "goes-on"),
        *(_ends(folder / name, name) for name in FATAL),
        _controls(folder / "leaky"),
    )


async def _goes_on(folder: Path) -> Row:
    async with life(folder, tuple(FAULTS)) as relay:
        where = await relay.start()
        deadline = time.monotonic() + _STRIKE_SECONDS_MAX
        while time.monotonic() < deadline and relay.struck() | {"at-exit"} < FAULTS.keys():
            await _provoke(where)
        # Still a relay: what failed has failed once.
        await asyncio.sleep(0.7)
        answered = await asyncio.to_thread(_get, f"{where['metrics']}/health")
        await relay.end()
    missed = FAULTS.keys() - relay.struck()
    odd, leaked = undeclared_lines(relay.log), relay.leaked()
    lines = relay.log.splitlines()
    first = f": {odd[0][:80]}" if odd else ""
    return Row(
        f"faults with a secret in their message, at {len(FAULTS)} places of a relay at DEBUG",
        len(relay.struck()),
        f"{len(lines)} lines, {len(odd)} undeclared{first}; words of the secret found:"
        f" {len(leaked)}; never struck: {', '.join(sorted(missed)) or 'none'}",
        holds=not missed
        and not odd
        and not leaked
        and '"status"' in answered
        and relay.process.returncode == 0,
    )


async def _ends(folder: Path, name: str) -> Row:
    async with life(folder, (name,)) as relay:
        with contextlib.suppress(TimeoutError):
            await relay.start()
        if name == "abort":
            await asyncio.wait_for(relay.process.wait(), _START_SECONDS_MAX)
        await relay.end()
    odd = undeclared_lines(relay.log)
    # Python's own crash report names files, lines and functions; there is no way to declare it.
    crashed = name == "abort" and "Fatal Python error: Aborted" in relay.log
    leaked = relay.leaked()
    told = "its crash report" if crashed else f"{len(odd)} undeclared lines"
    return Row(
        f"a fault that ends the relay ({name}), with a secret in its message",
        len(relay.struck()),
        f"status {relay.process.returncode}, {told}; words of the secret found: {len(leaked)}",
        holds=relay.struck() == {name}
        and relay.process.returncode not in (0, None)
        and not leaked
        and (crashed if name == "abort" else not odd and "unhandled origin=program" in relay.log),
    )


async def _controls(folder: Path) -> Row:
    found = 0
    unsafe = {"HUSHPOST_RELAY_UNSAFE_THIRD_PARTY_LOGS": "true"}
    announced = False
    for name, more in (("leak", {"HUSHPOST_LEAK": "1"}), ("unsafe", unsafe)):
        async with life(folder / name, ("loud-library",), more) as relay:
            where = await relay.start()
            await until(lambda: bool(relay.struck()), _STRIKE_SECONDS_MAX)
            await asyncio.sleep(0.7)
            health = json.loads(await asyncio.to_thread(_get, f"{where['metrics']}/health"))
            await relay.end()
        found += len(relay.leaked()) == len(WORDS)
        if more is unsafe:
            announced = "third_party_logs_unsafe" in relay.log
            announced = announced and health["third_party_logs_held"] is False
    return Row(
        "controls: a relay that leaks, and libraries let loose by the unsafe switch",
        2,
        f"found {found} of 2; the switch is {'' if announced else 'NOT '}announced at the start"
        " and in health",
        holds=found == 2 and announced,
    )


async def _provoke(where: Mapping[str, str]) -> None:
    """Go all ways through a relay; each may be the one that fails."""
    device = TestDevice(where["url"])
    today = int(time.time() // 86_400)
    device.lists = [device.make_list(1, NO_PREVIOUS, day=today)]
    for step in (_write, _ask, _look):
        with contextlib.suppress(Exception):
            async with asyncio.timeout(3):
                await step(device, where, today)


async def _write(device: TestDevice, where: Mapping[str, str], today: int) -> None:
    async with device.inbox(create=True) as wire:
        record = device.prekey(PrekeyKind.ONE_TIME, issue=today, expiry=today + 7)
        await wire.ask(PublishPrekeys(id=wire.id(), one_time=(record,)), PrekeyCount)
        secret = await device.open_drop(wire, DropKind.CONTACT)
        async with dial(where["url"], "/v1/post") as post:
            await post.submit(envelope_for(device.route, secret, now=time.time()))


async def _ask(device: TestDevice, where: Mapping[str, str], _: int) -> None:
    async with dial(where["url"], "/v1/post") as post:
        fetch = FetchDeviceList(id=post.id(), account=device.account_id, after_version=0)
        await post.ask(fetch, DeviceLists)
        await post.ask(TakePrekeys(id=post.id(), account=device.account_id), Prekeys)
        # Of an account that is not here: refused, by an answer of its own.
        unknown = TestDevice(where["url"]).account_id
        await post.send(TakePrekeys(id=post.id(), account=unknown))
        await post.receive()


async def _look(device: TestDevice, where: Mapping[str, str], _: int) -> None:
    for page in ("metrics", "health"):
        with contextlib.suppress(OSError):
            await asyncio.to_thread(_get, f"{where['metrics']}/{page}")
    async with device.inbox() as wire:
        await wire.submit(envelope_for(device.route, secrets.token_bytes(32), now=time.time()))


def _get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as answer:
        text: str = answer.read().decode()
    return text


assert all(word.decode() in SECRET for word in WORDS)
