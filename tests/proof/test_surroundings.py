"""What a process sees of clock and disk is changed while it runs, and nothing else is."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hushpost_proof.harness import small_disk, surroundings
from hushpost_proof.harness.impatience import IMPATIENT_VARIABLE
from hushpost_proof.harness.small_disk import SmallDisk
from hushpost_proof.harness.wrong_clock import CLOCK_VARIABLE, WrongClock, clock_in_force, set_clock

Require = Callable[[bool, str], None]
DAY = 86_400
_LOOK = """
import sqlite3, sys, time
from pathlib import Path
below = Path(sys.argv[1])
before = time.monotonic()
print(time.time())
connection = sqlite3.connect(below / "database", isolation_level=None)
for name in ("first", "second"):
    if name == "second":
        Path(sys.argv[2]).touch()
    try:
        connection.execute(f"CREATE TABLE {name} (a)")
        print("written")
    except sqlite3.OperationalError as error:
        print(error.sqlite_errorname)
(below.parent / "beside").write_text("x")
try:
    (below / "another").write_text("x")
except OSError as error:
    print(error.strerror)
Path(sys.argv[2]).unlink()
connection.execute("CREATE TABLE third (a)")
print("written")
"""


def test_a_process_sees_another_clock_and_a_disk_that_refuses(
    tmp_path: Path, require: Require
) -> None:
    """A day ahead; and from a moment on nothing is written below the folder, and later again."""
    require(not surroundings.absent(), surroundings.absent())
    built = surroundings.build(tmp_path)
    below = tmp_path / "disk"
    below.mkdir()
    told = built.environment("process", below)
    set_clock(built.clock, DAY)
    ended = subprocess.run(
        [sys.executable, "-c", _LOOK, str(below), told["HUSHPOST_READ_ONLY"]],
        env={**os.environ, **told, **built.preload},
        capture_output=True,
        text=True,
        check=True,
    )
    seen, *written = ended.stdout.splitlines()
    assert abs(float(seen) - time.time() - DAY) < 60
    assert written[0] == "written"
    assert written[1].startswith(("SQLITE_READONLY", "SQLITE_IOERR", "SQLITE_CANTOPEN"))
    assert written[2:] == ["Read-only file system", "written"]
    built.set_read_only("process", is_read_only=True)
    assert Path(told["HUSHPOST_READ_ONLY"]).exists()
    built.set_read_only("process", is_read_only=False)
    assert not Path(told["HUSHPOST_READ_ONLY"]).exists()


def test_a_given_clock_is_wrong_by_what_the_file_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Right without a file, a day off with it, and the system's own where none is named."""
    path = tmp_path / "clock"
    assert abs(WrongClock(path).now() - time.time()) < 60
    set_clock(path, -DAY)
    assert abs(WrongClock(path).now() - time.time() + DAY) < 60
    assert clock_in_force() is time.time
    monkeypatch.setenv(CLOCK_VARIABLE, str(path))
    assert abs(clock_in_force()() - time.time() + DAY) < 60


def test_a_small_disk_is_full_and_then_is_not(tmp_path: Path, require: Require) -> None:
    """The ballast takes every byte; without it there is room."""
    require(not small_disk.absent(), small_disk.absent())
    with small_disk.small_disk(tmp_path / "disk", 1 << 20) as disk:
        assert isinstance(disk, SmallDisk)
        disk.fill()
        with pytest.raises(OSError, match="No space"):
            (disk.folder / "letter").write_bytes(bytes(1 << 14))
        disk.empty()
        (disk.folder / "letter").write_bytes(bytes(1 << 14))


def test_shortened_timeouts_are_those_that_are_there() -> None:
    """In a process that is told so every one is cut, and one that was renamed is an error."""
    look = (
        "from hushpost_proof.harness import impatience as i;"
        "i.shorten_if_told();"
        "import hushpost.transport_link as t, hushpost_wire.client_protocol as p;"
        "assert (t.OPEN_SECONDS_MAX, p.ANSWER_SECONDS_MAX) == (1.0, 2);"
        "i._TIMEOUTS = (('hushpost.transport_link', 'GONE', 1),);"
        "\ntry: i.shorten_if_told()\nexcept i.TimeoutUnknown: print('unknown')"
    )
    environment = {**os.environ, IMPATIENT_VARIABLE: "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    told = subprocess.run(
        [sys.executable, "-c", look], env=environment, capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == "unknown"
