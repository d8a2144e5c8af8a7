"""What is left of envelopes that were acknowledged or expired: in files, and in memory.

An envelope's ciphertext is hunted in pieces of 64 bytes, both as it is and as its sender masked it
on the wire, since the mask lies beside. Any piece in a file is a finding; in memory the pieces are
counted, as a measure of what a look into the process would still give.
"""

import asyncio
import re
import time
from collections.abc import AsyncGenerator, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hushpost_demo.gram_search import GramIndex
from hushpost_wire.frames import SUBMIT, decode_submit

from hushpost_proof.canary import planted_relay, surfaces
from hushpost_proof.harness.capture import frame_at
from hushpost_proof.harness.hunt import files_in
from hushpost_proof.harness.journal import Journal
from hushpost_proof.harness.recording_proxy import RecordingProxy
from hushpost_proof.harness.relay_process import RelayProcess, relay_process
from hushpost_proof.harness.waiting import until
from hushpost_proof.harness.wire_person import WirePerson
from hushpost_proof.harness.wrong_clock import CLOCK_VARIABLE, set_clock
from hushpost_proof.memory_image import read_image, stopped

PIECE_BYTES: Final = 64
PROGRAM: Final = "hushpost_proof.canary.planted_relay"
# Of each kind: delivered at once, fetched later, never fetched.
EACH: Final = 40
# The relay's promise (docs/spec/store.md, "Deletion").
GONE_SECONDS_MAX: Final = 30.0
_FORTNIGHT_SECONDS: Final = 16 * 86_400
_SETTLE_SECONDS_MAX: Final = 60.0
_LOOK_AGAIN_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Left:
    """How much of so many envelopes was found."""

    envelopes: int
    whole: int
    in_part: int
    pieces: int
    pieces_max: int
    bytes_read: int

    def __str__(self) -> str:
        return (
            f"{self.whole} of {self.envelopes} whole, {self.in_part} in part,"
            f" {self.pieces / self.pieces_max:.1%} of all pieces"
        )


class Remains:
    """Hunts for the pieces of some envelopes, each in several forms."""

    def __init__(self, envelopes: Sequence[Sequence[bytes]]) -> None:
        """Take for each envelope the forms in which it was seen; all of one size."""
        self._owners: dict[bytes, tuple[int, int]] = {}
        self._sizes: dict[tuple[int, int], int] = {}
        for number, forms in enumerate(envelopes):
            for kind, form in enumerate(forms):
                for start in range(0, len(form) - PIECE_BYTES + 1, PIECE_BYTES):
                    self._owners[form[start : start + PIECE_BYTES]] = (number, kind)
                self._sizes[number, kind] = len(form) // PIECE_BYTES
        self._envelopes = len(envelopes)
        self._index = GramIndex(self._owners)

    def in_memory(self, pid: int) -> Left:
        """Search the image of a process."""
        with stopped(pid):
            return self.among(piece.data for piece in read_image(pid))

    def in_files(self, folder: Path) -> Left:
        """Search every file of a folder."""
        return self.among(path.read_bytes() for path in files_in(folder))

    def among(self, stretches: Iterable[bytes]) -> Left:
        """Search some bytes."""
        found: set[bytes] = set()
        bytes_read = 0
        for data in stretches:
            bytes_read += len(data)
            found |= self._index.search(data).keys()
        pieces: dict[tuple[int, int], int] = {}
        for piece in found:
            owner = self._owners[piece]
            pieces[owner] = pieces.get(owner, 0) + 1
        whole = {number for (number, kind), n in pieces.items() if n == self._sizes[number, kind]}
        return Left(
            self._envelopes,
            len(whole),
            len({number for number, _ in pieces}),
            len(found),
            len(self._owners),
            bytes_read,
        )


@dataclass(frozen=True, slots=True)
class Course:
    """What was left of the envelopes at each stage."""

    queued_in_files: Left
    gone_from_files_after: float
    memory_later_after: float
    files: Left
    memory_at_once: Left
    memory_later: Left
    expired: int

    @property
    def is_gone_from_files(self) -> bool:
        """Whether no piece is in any file within the bound."""
        return self.files.pieces == 0 and self.gone_from_files_after <= GONE_SECONDS_MAX


async def follow(folder: Path, *, keeping: bool, wait_seconds: float = GONE_SECONDS_MAX) -> Course:
    """Send envelopes, have them acknowledged or expire, and look what is left of them.

    `keeping`: by a relay that overwrites nothing, in memory or in freed pages.
    """
    clock = folder / "clock"
    more = {CLOCK_VARIABLE: str(clock), "HUSHPOST_RELAY_SWEEP_INTERVAL_SECONDS": "0.5"}
    if keeping:
        more[planted_relay.KEEPS_VARIABLE] = "yes"
    async with (
        RecordingProxy(folder / "wire") as proxy,
        relay_process(folder, public_host=proxy.host, environment=more, program=PROGRAM) as relay,
        _pair(folder, proxy) as (writer, reader),
    ):
        proxy.lead_to(relay.port)
        await _meet(writer, reader)
        async with _posting(writer):
            async with _listening(reader):
                await _write(writer, received=EACH)
            await _write(writer)
            queued = _sent(folder / "wire")[EACH:]
            in_files = await asyncio.to_thread(Remains(queued).in_files, relay.data_folder)
            async with _listening(reader):
                await until(lambda: reader.received == 2 * EACH, _SETTLE_SECONDS_MAX)
            await _write(writer)
        set_clock(clock, _FORTNIGHT_SECONDS)
        expired = await _await_expiry(relay)
        course = await _look(folder, relay, wait_seconds)
        return Course(in_files, *course, expired)


async def _look(
    folder: Path, relay: RelayProcess, wait: float
) -> tuple[float, float, Left, Left, Left]:
    remains = Remains(_sent(folder / "wire"))
    assert relay.pid is not None
    at_once = await asyncio.to_thread(remains.in_memory, relay.pid)
    began = time.monotonic()
    files = await asyncio.to_thread(remains.in_files, relay.data_folder)
    while files.pieces and time.monotonic() - began < wait:
        await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        files = await asyncio.to_thread(remains.in_files, relay.data_folder)
    took = time.monotonic() - began
    later = await asyncio.to_thread(remains.in_memory, relay.pid)
    while later.pieces and time.monotonic() - began < wait:
        await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        later = await asyncio.to_thread(remains.in_memory, relay.pid)
    return took, time.monotonic() - began, files, at_once, later


def _sent(wire: Path) -> list[list[bytes]]:
    """Return the envelopes posted so far, in order: as they are, and as they were masked."""
    found: dict[bytes, list[bytes]] = {}
    for path in sorted(wire.glob("*.up")):
        stream = path.read_bytes()
        position = stream.find(b"\r\n\r\n") + 4
        while frame := frame_at(stream, position):
            _, payload, position = frame
            if payload[:1] == bytes([SUBMIT]):
                envelope = decode_submit(payload).envelope
                masked = stream[position - len(envelope) : position]
                found.setdefault(envelope, [envelope, masked])
    return list(found.values())


@asynccontextmanager
async def _pair(
    folder: Path, proxy: RecordingProxy
) -> AsyncGenerator[tuple[WirePerson, WirePerson]]:
    with Journal(folder, "writer", 1) as one, Journal(folder, "reader", 1) as other:
        yield WirePerson("writer", proxy.url, one), WirePerson("reader", proxy.url, other)


async def _meet(writer: WirePerson, reader: WirePerson) -> None:
    await writer.register()
    await reader.register()
    await writer.befriend(reader)


async def _write(writer: WirePerson, received: int = 0) -> None:
    """Write and wait until all is accepted, and received where somebody listens."""
    for _ in range(EACH):
        writer.write()
    if received:
        await until(lambda: writer.is_settled, _SETTLE_SECONDS_MAX)
    await until(lambda: not writer.outbox.letters, _SETTLE_SECONDS_MAX)


@asynccontextmanager
async def _listening(person: WirePerson) -> AsyncGenerator[None]:
    async with _task(person.listen()):
        yield
        # What was received last is acknowledged by now, and its connection still open.
        await asyncio.sleep(0.2)


@asynccontextmanager
async def _posting(person: WirePerson) -> AsyncGenerator[None]:
    async with _task(person.post()):
        yield


@asynccontextmanager
async def _task(work: Coroutine[None, None, None]) -> AsyncGenerator[None]:
    task = asyncio.get_running_loop().create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _await_expiry(relay: RelayProcess) -> int:
    """Return how many envelopes the relay says have expired, once it is all of them."""
    expired = 0
    async with asyncio.timeout(_SETTLE_SECONDS_MAX):
        while expired < EACH:
            page = await surfaces.fetch(relay.metrics_url, "/metrics")
            (figure,) = re.findall(rb"^hushpost_expired_total (\d+)$", page, re.MULTILINE)
            expired = int(figure)
            await asyncio.sleep(0.1)
    return expired
