"""What reaches the disk of a quiet relay: nothing that its recipient acknowledged in time.

Every write of the relay's process is traced while it carries envelopes that consist of one mark.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from hushpost_proof.harness.relay_process import RelayProcess
from hushpost_proof.quiet.traced_writes import Traced, copies, ended, mapped_files, read_writes
from hushpost_proof.timing.audience import Kind
from hushpost_proof.timing.prober import Prober, Rhythm
from hushpost_proof.timing.trial import ROOMY, audience

MARK = b"<a marked envelope of the experiment>"
# As the operator's command runs it, without the wall of the other experiments: a filter of calls
# ends a process whose calls a tracer changes.
_PROGRAM = "hushpost_server.command"
# The index of the write-ahead log is mapped, by design of SQLite; it is read at the end instead.
_INDEX_SUFFIX = "-shm"


@dataclass(frozen=True, slots=True)
class Trace:
    """What a relay wrote while it carried marked envelopes."""

    carried: int
    accepted: int
    file_writes: int
    marked_writes: int
    socket_writes: int
    marked_files: tuple[str, ...]
    ways_around: tuple[str, ...]

    @property
    def is_untouched(self) -> bool:
        """Whether no mark reached a file, and the trace shows enough to say so."""
        seen = self.file_writes > 0 and self.socket_writes > 0 and not self.ways_around
        return seen and not self.marked_writes and not self.marked_files

    @property
    def is_found(self) -> bool:
        """Whether marks were found in writes and, as the disk has them, in files."""
        return self.marked_writes > 0


async def trace_conversation(
    folder: Path, kind: Kind, *, is_quiet: bool, envelopes: int, connections: int
) -> Trace:
    """Post so many marked envelopes to two people of a kind, over a traced relay."""
    report = folder.with_suffix(".strace")
    await asyncio.to_thread(folder.mkdir, parents=True)
    relay = RelayProcess(
        folder,
        arguments=("--quiet",) if is_quiet else (),
        environment=ROOMY,
        program=_PROGRAM,
        begin=Traced(report),
    )
    await relay.start()
    pid = relay.pid
    assert pid is not None
    try:
        async with audience(relay.url, [kind]) as cases:
            prober = Prober(relay.port, cases, seed=1, mark=MARK)
            rhythm = Rhythm(connections, envelopes, (0.0, 0.25))
            answers = await asyncio.to_thread(prober.probe, rhythm)
            # While it runs: what a stop would erase is to be seen.
            marked = await asyncio.to_thread(_marked_files, folder)
    finally:
        await relay.stop()
    await ended(report, pid)
    accepted = sum(answer.answer[2] == 0x81 for answer in answers)
    return await asyncio.to_thread(_judge, report, len(answers), accepted, marked)


def _judge(report: Path, carried: int, accepted: int, marked: tuple[str, ...]) -> Trace:
    to_files = to_sockets = found = 0
    for write in read_writes(report):
        to_files += write.is_to_file
        to_sockets += not write.is_to_file
        found += write.is_to_file and MARK in write.data
    around = [path for path in mapped_files(report) if not path.endswith(_INDEX_SUFFIX)]
    if copied := copies(report):
        around.append(f"{copied} copies between descriptors")
    return Trace(carried, accepted, to_files, found, to_sockets, marked, tuple(around))


def _marked_files(folder: Path) -> tuple[str, ...]:
    return tuple(
        path.name
        for path in sorted(folder.rglob("*"))
        if path.is_file() and MARK in path.read_bytes()
    )
