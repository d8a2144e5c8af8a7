"""The scan of an honest relay: people and bad clients use it, and every surface is read.

What may be where (DESIGN 1): a person's own words and names nowhere, at no time; a client's address
and what a bad client says in clear in memory alone, and `GONE_SECONDS_MAX` after the connection
ended not there either; a drop's secret in no file.
"""

import asyncio
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from hushpost_proof.canary import surfaces
from hushpost_proof.canary.bad_clients import BadClients
from hushpost_proof.canary.canaries import Canary, Kind, make_address, needles_of
from hushpost_proof.canary.new_files import NewFiles
from hushpost_proof.canary.people import Company
from hushpost_proof.canary.scan import CanaryScan, Sighting
from hushpost_proof.harness.capture import frame_at, read_capture
from hushpost_proof.harness.recording_proxy import RecordingProxy
from hushpost_proof.harness.relay_process import RELAY_PROGRAM, RelayProcess, relay_process
from hushpost_proof.memory_image import stopped

# How long after a connection its address, and what was said on it, may be found in memory: the
# relay overwrites every two seconds, on a busy machine when it comes to it.
GONE_SECONDS_MAX: Final = 30.0
_LOOK_AGAIN_SECONDS: Final = 3.0
# So few that a person who writes to somebody away soon finds the drop full.
DROP_ENVELOPES_MAX: Final = 24
_CRASH_SECONDS_MAX: Final = 60.0
SURFACES: Final = (
    *(surfaces.DATABASE, surfaces.WAL, surfaces.SHM, surfaces.OTHER_FILES),
    *(surfaces.BACKUP, surfaces.RESTORED, surfaces.LOG, surfaces.METRICS, surfaces.HEALTH),
    *(surfaces.MEMORY, surfaces.REST, surfaces.CRASH_IMAGE, surfaces.CRASH_TEXT),
    *(surfaces.WIRE, surfaces.HEADERS),
)
# There a connection is open, and the relay must know where its answers go.
_WHILE_CONNECTED: Final = (surfaces.MEMORY, surfaces.CRASH_IMAGE)


@dataclass(slots=True)
class Outcome:
    """What the scan read, what it saw where nothing may be, and what there was beside."""

    scan: CanaryScan
    canaries: list[Canary]
    new_files: list[Path] = field(default_factory=list[Path])
    messages: int = 0
    bad_connections: int = 0
    restarts: int = 0
    gone_after: float = 0.0
    secrets: CanaryScan = field(default_factory=lambda: CanaryScan(()))

    @property
    def kinds(self) -> dict[str, Kind]:
        """Return what each canary is to the relay."""
        return {canary.what: canary.kind for canary in self.canaries}

    @property
    def leaks(self) -> list[Sighting]:
        """Return what was seen where it must not be."""
        return [one for one in self.scan.sightings if not self._may_be(one)]

    @property
    def while_connected(self) -> set[str]:
        """Return what was seen in memory while its connection was open."""
        return {one.what for one in self.scan.sightings if self._may_be(one)}

    def _may_be(self, one: Sighting) -> bool:
        shown = self.kinds[one.what] is not Kind.TOLD_NOBODY
        return shown and one.surface in _WHILE_CONNECTED


def environment(temporary: Path) -> dict[str, str]:
    """Return what the scanned relays run with: reports of crashes, and a drop that is soon full."""
    return {
        "TMPDIR": str(temporary),
        "PYTHONFAULTHANDLER": "1",
        "HUSHPOST_RELAY_DROP_ENVELOPES_MAX": str(DROP_ENVELOPES_MAX),
        "HUSHPOST_RELAY_LOG_LEVEL": "debug",
    }


async def scan_relay(folder: Path, seed: int) -> Outcome:
    """Have everything happen that can, and read everything; raises when the relay fails."""
    chance = random.Random(seed)
    addresses, bad = (
        [make_address(chance) for _ in range(3)],
        BadClients(make_address(chance), chance),
    )
    temporary = folder / "tmp"
    temporary.mkdir()
    async with RecordingProxy(folder / "wire", addresses=addresses) as proxy:
        company = Company(folder, proxy.url, chance)
        canaries = company.canaries() + bad.canaries()
        canaries += [Canary(f"address {one}", Kind.ADDRESS, one) for one in addresses]
        outcome = Outcome(CanaryScan(needles_of(canaries)), canaries)
        async with relay_process(
            folder, public_host=proxy.host, environment=environment(temporary)
        ) as relay:
            proxy.lead_to(relay.port)
            with NewFiles([temporary]) as new_files:
                await _Visit(outcome, relay, company, bad, temporary).everything()
                outcome.new_files = new_files.names()
        outcome.messages = company.said
        outcome.bad_connections = bad.connections
    await asyncio.to_thread(look_at_wire, outcome.scan, folder / "wire")
    outcome.secrets = await asyncio.to_thread(_hunt_secrets, folder)
    return outcome


class _Visit:
    """The order of events, and what is read between them."""

    def __init__(
        self,
        outcome: Outcome,
        relay: RelayProcess,
        company: Company,
        bad: BadClients,
        temporary: Path,
    ) -> None:
        self._outcome = outcome
        self._scan = outcome.scan
        self._relay = relay
        self._company = company
        self._bad = bad
        self._temporary = temporary

    async def everything(self) -> None:
        """Live through it all."""
        company = self._company
        await company.arrive("writer", "friend", "stranger", "pest")
        await company.befriend()
        await company.knock()
        talk = asyncio.create_task(company.chat())
        await asyncio.to_thread(surfaces.look_at_memory, self._scan, self._pid)
        await talk
        await self._look()
        await company.step_ratchets()
        await company.leave("friend")
        await company.write_to_nobody_there(DROP_ENVELOPES_MAX + 6)
        await self._look()
        await copy_relay(self._scan, self._relay)
        await self._disasters()
        await company.arrive("friend")
        await company.displace()
        await company.fall_out()
        await self._misbehave()
        await company.leave_all()
        await self._await_gone()
        await self._look()
        await self._crash()

    async def _await_gone(self) -> None:
        """Read the memory of a relay that nobody is connected to, until nothing is found."""
        began = time.monotonic()
        shown = {what for what, kind in self._outcome.kinds.items() if kind is not Kind.TOLD_NOBODY}
        while True:
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
            self._scan.forget(surfaces.REST, shown)
            waited = self._outcome.gone_after = time.monotonic() - began
            await asyncio.to_thread(surfaces.look_at_memory, self._scan, self._pid, surfaces.REST)
            if waited >= GONE_SECONDS_MAX or not self._scan.seen(surfaces.REST):
                return

    async def _disasters(self) -> None:
        for end in (self._relay.stop, self._relay.kill):
            await end()
            await asyncio.to_thread(surfaces.look_at_files, self._scan, self._relay.data_folder)
            await self._relay.start()
            self._outcome.restarts += 1

    async def _misbehave(self) -> None:
        bad = self._bad
        bad.port = self._relay.port
        await bad.misbehave()
        # What they said may still be there now, and must not be `GONE_SECONDS_MAX` later.
        await asyncio.to_thread(surfaces.look_at_memory, self._scan, self._pid)
        # A ping's answer must carry what the ping did (RFC 6455, 5.5.3), and to whom it was sent
        # the library repeats the reason of a close: both go back to who said it, at once.
        heard = bytes(bad.answers)
        for place in ("ping", "close reason"):
            heard = heard.replace(bad.marks[place].encode(), b"")
        self._scan.look(surfaces.HEADERS, "all answers", heard)
        asked = f"{bad.marks['path']}={bad.marks['query']}"
        await surfaces.look_at_pages(self._scan, self._relay.metrics_url, asked)

    async def _crash(self) -> None:
        """Kill it by SIGABRT in the middle of work, and read what it leaves behind."""
        company, relay = self._company, self._relay
        await company.arrive("writer", "friend")
        work = asyncio.create_task(company.chat_a_little())
        await asyncio.sleep(0.3)
        await asyncio.to_thread(crash, self._scan, relay, signal.SIGABRT)
        await relay.kill()
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        await company.leave_all()
        await asyncio.to_thread(surfaces.look_at_files, self._scan, relay.data_folder)
        await asyncio.to_thread(surfaces.look_at_files, self._scan, relay.log_path, surfaces.LOG)

    async def _look(self) -> None:
        """Read files and pages, as they are now."""
        relay = self._relay
        await asyncio.to_thread(surfaces.look_at_files, self._scan, relay.data_folder)
        await asyncio.to_thread(
            surfaces.look_at_temporary,
            self._scan,
            self._temporary,
            self._pid,
            allowed=(relay.data_folder, relay.log_path),
        )
        await surfaces.look_at_pages(self._scan, relay.metrics_url)

    @property
    def _pid(self) -> int:
        assert self._relay.pid is not None
        return self._relay.pid


async def copy_relay(
    scan: CanaryScan, relay: RelayProcess, program: str = RELAY_PROGRAM, **more: str
) -> None:
    """Make a backup of a running relay, restore it elsewhere, and read both."""
    backup, restored = relay.folder / "backup", relay.folder / "restored"
    for source, arguments, surface in (
        (relay.data_folder, ("backup", str(backup)), surfaces.BACKUP),
        (restored, ("restore", str(backup)), surfaces.RESTORED),
    ):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", program, *arguments, "--data-folder", str(source)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, **more},
        )
        output, _ = await process.communicate()
        assert process.returncode == 0, output
        scan.look(surface, "what the command said", output)
        made = backup if surface == surfaces.BACKUP else restored
        await asyncio.to_thread(surfaces.look_at_files, scan, made, surface)


def crash(scan: CanaryScan, relay: RelayProcess, number: signal.Signals) -> None:
    """Read the image of a relay at work, send the signal, and read the report it leaves."""
    assert relay.pid is not None
    said = relay.log_path.stat().st_size
    with stopped(relay.pid):
        surfaces.look_at_image(scan, relay.pid, surfaces.CRASH_IMAGE)
        relay.send(number)
    report = surfaces.await_report(relay.log_path, said, relay.pid, _CRASH_SECONDS_MAX)
    scan.look(surfaces.CRASH_TEXT, relay.log_path.name, report)


def look_at_wire(scan: CanaryScan, folder: Path) -> None:
    """Read all that was captured: as it went, and what the masks of the clients hide of it."""
    for path in sorted(folder.iterdir()):
        stream = path.read_bytes()
        scan.look(surfaces.WIRE, path.name, stream)
        scan.look(surfaces.WIRE, f"{path.name}, unmasked", b"\n".join(_payloads(stream)))


def _payloads(stream: bytes) -> Iterator[bytes]:
    """Yield what every frame carries behind the head of a stream, text and control frames too."""
    position = stream.find(b"\r\n\r\n") + 4
    while position >= 4 and (frame := frame_at(stream, position)):
        _, payload, position = frame
        yield payload


def _hunt_secrets(folder: Path) -> CanaryScan:
    """Hunt the secrets of all drops that were used in everything that the relay wrote.

    But for those of knock drops, which their owners publish within their seal records.
    """
    secrets = {bytes(submit.drop_secret) for submit in read_capture(folder / "wire").submits}
    canaries = [Canary(secret.hex(), Kind.SECRET, data=secret) for secret in secrets]
    said = CanaryScan(needles_of(canaries))
    for path in (folder / "wire").glob("*.up"):
        for payload in _payloads(path.read_bytes()):
            if payload.startswith(b"{"):
                said.look(surfaces.WIRE, path.name, payload)
    private = [canary for canary in canaries if canary.what not in said.seen(surfaces.WIRE)]
    scan = CanaryScan(needles_of(private))
    for name in ("relay", "backup", "restored"):
        surfaces.look_at_files(scan, folder / name)
    surfaces.look_at_files(scan, folder / "relay.log", surfaces.LOG)
    return scan
