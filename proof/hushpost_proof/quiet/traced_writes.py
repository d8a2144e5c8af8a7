"""Every write of a process, with its bytes, as the kernel saw it (strace).

The tracer stands beside the process and not above it, so that signals reach the process itself.
What could reach a file in another way is traced too, and counted: mappings of files that may be
written to, and copies from one descriptor to another.
"""

import asyncio
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from hushpost_proof.harness.lives import Life
from hushpost_proof.harness.waiting import until

PROGRAM: Final = "strace"
_WRITES: Final = "write,pwrite64,writev,pwritev,pwritev2"
# Ways around a write. io_uring would be another: it is refused, and the event loop does without.
_COPIES: Final = "sendfile,copy_file_range,splice,tee,vmsplice,mmap,io_uring_setup"
# Longer than the largest write: nothing of one is left out of the report.
_BYTES_MAX: Final = str(1 << 20)
_CALL: Final = re.compile(r"^\d+ +(?:<\.\.\. )?(\w+)[( ]")
_TARGET: Final = re.compile(r"^\d+ +\w+\(\d+<([^>]*)>")
_QUOTED: Final = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')
_MAPPED: Final = re.compile(r"PROT_[A-Z_|]*WRITE.*MAP_SHARED(?:_VALIDATE)?, \d+<([^>]*)>")
_ENDED: Final = re.compile(r"^(\d+) +\+\+\+ ")


_TAIL_BYTES: Final = 4096
_END_SECONDS_MAX: Final = 30.0


class TraceUnreadable(Exception):
    """The report does not say what was written; it shows nothing."""


@dataclass(frozen=True, slots=True)
class Write:
    """One write: to a path (`/...`), or to what is no file, and the bytes."""

    target: str
    data: bytes

    @property
    def is_to_file(self) -> bool:
        """Whether it went to the file system, and not to a socket, pipe or event counter."""
        return self.target.startswith("/")


def is_missing() -> bool:
    """Whether this machine cannot trace."""
    return sys.platform != "linux" or shutil.which(PROGRAM) is None


class Traced:
    """Begins processes under trace; their reports go to `report`."""

    def __init__(self, report: Path) -> None:
        self.report = report

    async def __call__(
        self,
        program: str,
        arguments: Sequence[str],
        *,
        folder: Path,
        environment: Mapping[str, str],
        errors: IO[bytes],
    ) -> Life:
        """Begin; see `Beginner`."""
        trace = f"trace={_WRITES},{_COPIES}"
        return await asyncio.create_subprocess_exec(
            *(PROGRAM, "-D", "-f", "-q", "-y", "-xx", "-s", _BYTES_MAX),
            *("-e", trace, "-e", "signal=none", "-e", "inject=io_uring_setup:error=ENOSYS"),
            *("-o", str(self.report)),
            *(sys.executable, "-m", program, *arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            env=dict(environment),
            cwd=folder,
        )


def read_writes(report: Path) -> Iterator[Write]:
    """Yield every write in the order of the report; raises `TraceUnreadable`."""
    with report.open(errors="strict") as lines:
        for line in lines:
            call = _CALL.match(line)
            if call is None or call.group(1) not in _WRITES.split(","):
                continue
            if line.split(maxsplit=2)[1].startswith("<..."):
                continue  # how a call ended whose bytes stood in the line before
            target = _TARGET.match(line)
            pieces = _QUOTED.findall(line)
            if target is None or any(cut for _, cut in pieces):
                raise TraceUnreadable("a write's target or bytes are not in the report")
            data = b"".join(_bytes_of(piece) for piece, _ in pieces)
            yield Write(os.fsdecode(_bytes_of(target.group(1))), data)


async def ended(report: Path, pid: int) -> None:
    """Wait until the report has the end of the process that `pid` was."""

    def is_over() -> bool:
        with report.open("rb") as file:
            file.seek(max(0, report.stat().st_size - _TAIL_BYTES))
            tail = file.read().decode(errors="replace").splitlines()
        ends = (_ENDED.match(line) for line in tail)
        return any(end is not None and int(end.group(1)) == pid for end in ends)

    await until(is_over, _END_SECONDS_MAX)


def mapped_files(report: Path) -> frozenset[str]:
    """Return the files that were mapped to be written to, where no call shows what is written."""
    found = (_MAPPED.search(line) for line in report.read_text().splitlines())
    return frozenset(os.fsdecode(_bytes_of(match.group(1))) for match in found if match)


def copies(report: Path) -> int:
    """Count the calls that copy from one descriptor to another unseen."""
    calls = (_CALL.match(line) for line in report.read_text().splitlines())
    copying = {"sendfile", "copy_file_range", "splice", "tee", "vmsplice"}
    return sum(call is not None and call.group(1) in copying for call in calls)


def _bytes_of(shown: str) -> bytes:
    return bytes.fromhex(shown.replace("\\x", ""))
