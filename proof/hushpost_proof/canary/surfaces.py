"""Where a relay could leave something, and how each of these places is read.

files         database, write-ahead log, its index, every file of the data folder and of backups
temporary     what was made in the folder for temporary files, and files that are only open
log           standard error at level debug
pages         metrics and health
memory        every mapping of the running process
crash report  what the process says when it dies, and its image at that moment
wire          all that went either way, as an eavesdropper has it
"""

import asyncio
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from hushpost_proof.canary.scan import CanaryScan
from hushpost_proof.harness.hunt import files_in
from hushpost_proof.memory_image import has_ended, read_image, stopped

DATABASE, WAL, SHM = "database", "write-ahead log", "log index"
OTHER_FILES, BACKUP, RESTORED = "other files", "backup", "restored folder"
TEMPORARY, LOG, METRICS, HEALTH = "temporary files", "log at debug", "metrics", "health"
MEMORY, REST, CRASH_IMAGE, CRASH_TEXT = "memory", "memory at rest", "crash image", "crash report"
WIRE, HEADERS = "wire", "answers"

_BY_NAME = {"relay.db": DATABASE, "relay.db-wal": WAL, "relay.db-shm": SHM}
# It takes milliseconds on an idle machine.
_PAGE_SECONDS_MAX = 60.0


def look_at_files(scan: CanaryScan, folder: Path, surface: str = "") -> None:
    """Read every file of a data folder whole, freed pages included, as a thief would."""
    for path in files_in(folder):
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            continue  # a log that was cut, or a probe, since the folder was listed
        scan.look(surface or _BY_NAME.get(path.name, OTHER_FILES), path.name, data)


def look_at_temporary(scan: CanaryScan, folder: Path, pid: int, allowed: Sequence[Path]) -> None:
    """Read the folder for temporary files, and what the process has open elsewhere or nameless."""
    for path in files_in(folder):
        scan.look(TEMPORARY, path.name, path.read_bytes())
    for path, link in _open_files(pid):
        known = any(Path(link).is_relative_to(place) for place in allowed)
        if not known or link.endswith("(deleted)"):
            scan.look(TEMPORARY, link, path.read_bytes())


def _open_files(pid: int) -> Iterator[tuple[Path, str]]:
    for path in Path(f"/proc/{pid}/fd").iterdir():
        try:
            link = os.readlink(path)
            is_file = link.startswith("/") and path.is_file()
        except FileNotFoundError:
            continue
        if is_file:
            yield path, link


def look_at_memory(scan: CanaryScan, pid: int, surface: str = MEMORY) -> None:
    """Read the image of a process that runs; raises `ImageUnreadable`."""
    with stopped(pid):
        look_at_image(scan, pid, surface)


def look_at_image(scan: CanaryScan, pid: int, surface: str) -> None:
    """Read the image of a process that stands still."""
    for piece in read_image(pid):
        name = piece.mapping.name or "anonymous"
        scan.look(surface, f"{name} {piece.mapping.rights} {piece.address:#x}", piece.data)


async def look_at_pages(scan: CanaryScan, metrics_url: str, asked: str = "") -> None:
    """Fetch metrics and health, asking with words that must not come back."""
    for surface, path in ((METRICS, "/metrics"), (HEALTH, "/health")):
        scan.look(surface, path, await fetch(metrics_url, f"{path}?{asked}"))
    scan.look(HEALTH, "an unknown page", await fetch(metrics_url, f"/{asked}"))


async def fetch(url: str, path: str, local_address: str = "127.0.0.1") -> bytes:
    """Return the whole answer to a GET, head and body."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(
        parts.hostname, parts.port, local_addr=(local_address, 0)
    )
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        async with asyncio.timeout(_PAGE_SECONDS_MAX):
            return await reader.read(-1)
    finally:
        writer.close()


def await_report(log: Path, said: int, pid: int, seconds_max: float) -> bytes:
    """Return what a dying process added to its log by its end; raises `TimeoutError`."""
    deadline = time.monotonic() + seconds_max
    while time.monotonic() < deadline:
        if has_ended(pid):
            return log.read_bytes()[said:]
        time.sleep(0.05)
    raise TimeoutError("the relay survived the signal that was to crash it")
