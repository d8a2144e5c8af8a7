"""The same scan of relays that leak: each leak must be found on its surface, or the scan is blind.

And of a relay whose every kind of error quotes a canary: there nothing may be found.
"""

import asyncio
import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hushpost_wire.limits import POST_PATH
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from hushpost_proof.canary import planted_relay, surfaces
from hushpost_proof.canary.canaries import Canary, Kind, make_character, needles_of
from hushpost_proof.canary.new_files import NewFiles
from hushpost_proof.canary.relay_scan import copy_relay, crash, environment, look_at_wire
from hushpost_proof.canary.scan import CanaryScan, Sighting
from hushpost_proof.harness.recording_proxy import RecordingProxy
from hushpost_proof.harness.relay_process import relay_process
from hushpost_proof.harness.waiting import until

PROGRAM: Final = "hushpost_proof.canary.planted_relay"
LEAKING: Final = (
    *(surfaces.DATABASE, surfaces.WAL, surfaces.SHM, surfaces.OTHER_FILES, surfaces.TEMPORARY),
    *(surfaces.BACKUP, surfaces.RESTORED, surfaces.LOG, surfaces.METRICS, surfaces.HEALTH),
    *(surfaces.MEMORY, surfaces.CRASH_IMAGE, surfaces.CRASH_TEXT, surfaces.WIRE, surfaces.HEADERS),
)
# Said by a careless client and masked on its way: shows that the wire is read through the masks.
SAID: Final = "said by a client"
# Each of these takes moments on an idle machine; a busy one gets a hundred times that.
_SECONDS_MAX: Final = 60.0
# A connection's end, a thread's, a task's and a finalizer's, and what was printed.
_FAULT_EVENTS: Final = ("connection_failed", "unhandled origin=thread", "unhandled origin=event")


@dataclass(frozen=True, slots=True)
class Controls:
    """What was planted where, what of it the scan saw, and where in memory it was."""

    planted: frozenset[str]
    seen: frozenset[str]
    memory_kinds: frozenset[str]
    file_seen_in_passing: bool

    @property
    def all_seen(self) -> bool:
        """Whether every leak was found."""
        return self.planted == self.seen and self.file_seen_in_passing


async def scan_leaking(folder: Path, seed: int) -> Controls:
    """Scan a relay with a leak on every surface."""
    chance = random.Random(seed)
    texts = {surface: make_character(chance).sayings[0] for surface in (*LEAKING, SAID)}
    texts[surfaces.CRASH_IMAGE] = texts[surfaces.MEMORY]
    canaries = [Canary(name, Kind.TOLD_NOBODY, text) for name, text in texts.items()]
    scan = CanaryScan(needles_of(canaries))
    temporary, leaks = folder / "tmp", folder / "leaks.json"
    temporary.mkdir()
    leaks.write_text(json.dumps(texts))
    more = environment(temporary) | {planted_relay.LEAKS_VARIABLE: str(leaks)}
    async with RecordingProxy(folder / "wire") as proxy:
        with NewFiles([temporary]) as new_files:
            async with relay_process(
                folder, public_host=proxy.host, environment=more, program=PROGRAM
            ) as relay:
                proxy.lead_to(relay.port)
                await _speak(proxy.url, texts[SAID])
                scan.look(surfaces.HEADERS, "a handshake", await _handshake(relay.port))
                await surfaces.look_at_pages(scan, relay.metrics_url)
                assert relay.pid is not None
                await asyncio.to_thread(surfaces.look_at_memory, scan, relay.pid)
                await copy_relay(scan, relay, PROGRAM, **more)
                relay.send(planted_relay.FILES_SIGNAL)
                await until((relay.data_folder / planted_relay.NOTES_NAME).exists, _SECONDS_MAX)
                surfaces.look_at_files(scan, relay.data_folder)
                allowed = (relay.data_folder, relay.log_path)
                surfaces.look_at_temporary(scan, temporary, relay.pid, allowed)
                await asyncio.to_thread(crash, scan, relay, planted_relay.CRASH_SIGNAL)
                await relay.kill()
            passing = any(path.name.startswith("relay-spool-") for path in new_files.names())
        scan.look(surfaces.LOG, "relay.log", (folder / "relay.log").read_bytes())
    look_at_wire(scan, folder / "wire")
    return _judged(scan, passing)


def _judged(scan: CanaryScan, passing: bool) -> Controls:
    places = {
        one.surface
        for one in scan.sightings
        # The text of a surface counts only there, and that of the crash image is the memory's.
        if one.what == (surfaces.MEMORY if one.surface == surfaces.CRASH_IMAGE else one.surface)
    }
    if SAID in scan.seen(surfaces.WIRE):
        places.add(SAID)
    kinds = {
        kind
        for one in scan.sightings
        if one.surface == surfaces.MEMORY and one.what == surfaces.MEMORY
        for kind in _memory_kinds(one)
    }
    return Controls(frozenset((*LEAKING, SAID)), frozenset(places), frozenset(kinds), passing)


def _memory_kinds(one: Sighting) -> list[str]:
    """Return which of the leaks in memory this is, by how it was written there."""
    if "reversed" in one.encoding:
        return ["anonymous"]
    if "Base64" in one.encoding:
        return ["heap"]
    return ["private file"] if one.where.startswith("/") else []


async def scan_faulty(folder: Path, seed: int) -> tuple[CanaryScan, list[str]]:
    """Have a relay fail in every way with errors that quote a canary; return also what it told."""
    text = make_character(random.Random(seed)).sayings[0]
    scan = CanaryScan(needles_of([Canary("a quoted text", Kind.TOLD_NOBODY, text)]))
    temporary = folder / "tmp"
    temporary.mkdir()
    more = environment(temporary) | {planted_relay.FAULTS_VARIABLE: text}
    async with relay_process(folder, environment=more, program=PROGRAM) as relay:
        await _speak(relay.url, "hello")

        def told() -> list[str]:
            log = relay.log_path.read_text()
            return [event for event in _FAULT_EVENTS if event in log]

        await until(lambda: len(told()) == len(_FAULT_EVENTS), _SECONDS_MAX)
        events = told()
    scan.look(surfaces.LOG, "relay.log", (folder / "relay.log").read_bytes())
    surfaces.look_at_files(scan, folder / "relay")
    return scan, events


async def _speak(url: str, text: str) -> None:
    """Send a text frame, masked as clients do, and see the connection closed or answered."""
    async with connect(
        url + POST_PATH, subprotocols=[Subprotocol("hushpost.v1")], compression=None, proxy=None
    ) as socket:
        await socket.recv()
        await socket.send(text)
        try:
            async with asyncio.timeout(1):
                await socket.recv()
        except (TimeoutError, ConnectionClosed):
            return


async def _handshake(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        f"GET {POST_PATH} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Protocol: hushpost.v1\r\n\r\n".encode()
    )
    try:
        async with asyncio.timeout(_SECONDS_MAX):
            return await reader.readuntil(b"\r\n\r\n")
    finally:
        writer.close()
