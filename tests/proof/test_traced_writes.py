"""The trace of a process's writes: what went where, byte for byte."""

import asyncio
import os
from pathlib import Path

import pytest
from hushpost_proof.quiet.traced_writes import (
    Traced,
    TraceUnreadable,
    copies,
    ended,
    is_missing,
    mapped_files,
    read_writes,
)

PROGRAM = """
import mmap, os, sys
def main():
    with open("plain", "wb", 0) as file:
        file.write(b"secret" * 1000)
        os.pwritev(file.fileno(), [b"in", b"side"], 3)
        os.truncate("plain", 8192)
    with open("plain", "r+b") as file:
        mmap.mmap(file.fileno(), 0).close()
    with open("plain", "rb") as file, open("copy", "wb") as copy:
        os.sendfile(copy.fileno(), file.fileno(), 0, 100)
    read, write = os.pipe()
    os.write(write, b"to nobody's file")
main()
"""


async def test_writes_are_read_whole_with_their_targets(tmp_path: Path) -> None:
    """Files, pipes, vectors, mappings and copies are told apart, and nothing is cut."""
    if is_missing():
        assert os.environ.get("CI") != "true", "CI skips nothing: install strace"
        pytest.skip("needs strace (apt-get install strace)")
    (tmp_path / "program.py").write_text(PROGRAM)
    report = tmp_path / "report"
    with (tmp_path / "errors").open("wb") as errors:
        process = await Traced(report)(
            "program", (), folder=tmp_path, environment=dict(os.environ), errors=errors
        )
    assert await asyncio.wait_for(process.wait(), 30) == 0
    await ended(report, process.pid)
    writes = list(read_writes(report))
    to_plain = [w.data for w in writes if w.target == str(tmp_path / "plain")]
    assert to_plain == [b"secret" * 1000, b"inside"]
    assert b"to nobody's file" in [w.data for w in writes if not w.is_to_file]
    assert str(tmp_path / "plain") in mapped_files(report)
    assert copies(report) == 1


def test_a_cut_report_is_no_evidence(tmp_path: Path) -> None:
    """A write whose bytes are not all there is an error and not a clean bill."""
    report = tmp_path / "report"
    report.write_text('12 write(3<\\x2f\\x61>, "\\x61\\x62"..., 9) = 9\n')
    with pytest.raises(TraceUnreadable):
        list(read_writes(report))
