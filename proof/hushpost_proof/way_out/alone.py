"""A relay and two people in a network of their own, with loopback alone; every call traced.

    python -m hushpost_proof.way_out.alone FOLDER [--kind KIND] [--talk]

Run under `unshare --net`. Prints one line of JSON: whether the way out was closed, and what the
relay called from its start to its end. With --talk two people meet, write to each other online and
offline, and a backup is made; without, the relay only starts and stops.
"""

import argparse
import asyncio
import errno
import fcntl
import json
import os
import socket
import ssl
import struct
import sys
from collections.abc import Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

import psutil
from hushpost import Client, Contact, ContactStage, KnockReceived, MessageReceived

from hushpost_proof.harness.relay_process import NO_RATE_LIMITS
from hushpost_proof.harness.waiting import until
from hushpost_proof.way_out.calls import Calls, read_calls, strace
from hushpost_proof.way_out.planted_relay import KIND_VARIABLE

MESSAGES = 20
OFFLINE_MESSAGES = 5
# Traced, everything takes several times as long.
_PATIENCE_SECONDS = 90.0
# <linux/sockios.h>, <linux/if.h>
_SIOCGIFFLAGS = 0x8913
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 0x1
_NOWHERE = ("192.0.2.1", 443)


def raise_loopback() -> None:
    """Switch the loopback interface of a new network namespace on."""
    with socket.socket() as handle:
        request = struct.pack("16sh14x", b"lo", 0)
        (flags,) = struct.unpack_from("h", fcntl.ioctl(handle, _SIOCGIFFLAGS, request), 16)
        fcntl.ioctl(handle, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))


def is_alone() -> bool:
    """Say whether no way leads out of here: then the kernel knows no route."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(_NOWHERE) == errno.ENETUNREACH


class TracedRelay:
    """A relay whose every call is written down, with the commands run beside it."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.url = ""
        self._folder = folder
        self._data = folder / "relay"
        self._environment = {**os.environ, **NO_RATE_LIMITS, KIND_VARIABLE: kind}
        self._program = "planted_relay" if kind else ""
        self._reports: list[Path] = []
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it and wait until it listens."""
        ports = ("--listen-port", "0", "--metrics-port", "0")
        self._process = await self._begin("serve", "--json", *ports)
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), _PATIENCE_SECONDS)
        self.url = json.loads(line)["url"]

    async def stop(self) -> Calls:
        """Have it drain and end; give all that it and the other commands called."""
        assert self._process is not None
        # strace itself shrugs signals off; the relay is its only child.
        for child in psutil.Process(self._process.pid).children():
            child.terminate()
        await asyncio.wait_for(self._process.wait(), _PATIENCE_SECONDS)
        every = [read_calls(report) for report in self._reports]
        counts = sum((calls.counts for calls in every[1:]), every[0].counts)
        return Calls(counts, tuple(one for calls in every for one in calls.attempts))

    def clear_away(self) -> None:
        """Leave no process behind, whatever happened: not the relay either, which strace would."""
        if self._process is None or self._process.returncode is not None:
            return
        for relay in psutil.Process(self._process.pid).children():
            relay.kill()
        self._process.kill()

    async def run(self, *arguments: str) -> None:
        """Run another command of the relay, and wait for its end."""
        process = await self._begin(*arguments)
        if await asyncio.wait_for(process.wait(), _PATIENCE_SECONDS) != 0:
            raise RuntimeError(f"hushpost-relay {arguments[0]} failed")

    async def _begin(self, *arguments: str) -> asyncio.subprocess.Process:
        report = self._folder / f"calls{len(self._reports)}"
        self._reports.append(report)
        module = (
            "hushpost_proof.way_out.planted_relay" if self._program else "hushpost_server.command"
        )
        with (self._folder / "relay.log").open("ab") as log:
            return await asyncio.create_subprocess_exec(
                *strace(report),
                *(sys.executable, "-m", module, *arguments),
                *("--data-folder", str(self._data)),
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env=self._environment,
            )


async def talk(url: str, folder: Path, tls: ssl.SSLContext | None = None) -> int:
    """Have two people meet and write, online and offline; return how many messages arrived."""
    async with await _client("anna", url, folder, tls) as anna:
        async with await _client("bert", url, folder, tls) as bert:
            contact = await _meet(anna, bert)
            for number in range(MESSAGES):
                await anna.send(contact, f"number {number}")
            await _read(bert, MESSAGES)
        for number in range(OFFLINE_MESSAGES):
            await anna.send(contact, f"while you were away, {number}")
        async with await _client("bert", url, folder, tls) as bert:
            await _read(bert, OFFLINE_MESSAGES)
            await bert.delete_account()
    return 1 + MESSAGES + OFFLINE_MESSAGES


async def _client(name: str, url: str, folder: Path, tls: ssl.SSLContext | None) -> Client:
    path, key = folder / f"{name}.vault", sha256(name.encode()).digest()
    if path.exists():
        return await Client.open(path, key=key, tls=tls)
    return await Client.create(path, relay=url, key=key, name=name, tls=tls)


async def _meet(anna: Client, bert: Client) -> Contact:
    contact = await anna.add_contact(await bert.create_invitation())
    await anna.send(contact, "hello")
    async with asyncio.timeout(_PATIENCE_SECONDS):
        async for event in bert.events():
            if isinstance(event, KnockReceived):
                await bert.accept(event.knock)
            if isinstance(event, MessageReceived):
                await bert.consume(event)
                break
    stage = ContactStage.OPEN
    await until(lambda: anna.contact(contact.address).stage is stage, _PATIENCE_SECONDS)
    return anna.contact(contact.address)


async def _read(client: Client, count: int) -> None:
    async with asyncio.timeout(_PATIENCE_SECONDS):
        async for event in client.events():
            count -= isinstance(event, MessageReceived)
            if count == 0:
                await client.consume(event)
                return


async def _watch(folder: Path, kind: str, *, talks: bool) -> dict[str, object]:
    alone = is_alone()
    relay = TracedRelay(folder, kind)
    messages = 0
    try:
        await relay.start()
        if talks:
            messages = await talk(relay.url, folder)
            await relay.run("backup", str(folder / "backup"))
        calls = await relay.stop()
    finally:
        relay.clear_away()
    attempts = [asdict(attempt) for attempt in calls.attempts]
    return {
        "alone": alone,
        "messages": messages,
        "calls": calls.network_calls,
        "attempts": attempts,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Watch one relay and print what it called."""
    parser = argparse.ArgumentParser(prog="python -m hushpost_proof.way_out.alone")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kind", default="")
    parser.add_argument("--talk", action="store_true")
    given = parser.parse_args(arguments)
    given.folder.mkdir(parents=True, exist_ok=True)
    raise_loopback()
    print(json.dumps(asyncio.run(_watch(given.folder, given.kind, talks=given.talk))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
