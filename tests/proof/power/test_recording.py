"""What a process did is on the tape, whole and in order: the disk built of all of it is its own."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from socket import create_server, socket

import pytest
from hushpost_proof.power.disk import Disk
from hushpost_proof.power.recording import (
    Kind,
    RecorderAbsent,
    Tape,
    TapeDamaged,
    build_recorder,
    can_record,
    note,
    note_folder,
    read_tape,
    recorded,
)

_PROGRAM = """
import os, shutil, socket, sqlite3, sys
from pathlib import Path
os.chdir(sys.argv[1])
Path("a").write_bytes(b"hello")
with open("a", "r+b", buffering=0) as file:
    file.seek(2); file.write(b"LL"); file.truncate(4); os.fsync(file.fileno())
with open("a", "ab", buffering=0) as file:
    file.write(b"+")
os.mkdir("in"); os.rename("a", "in/b"); os.link("in/b", "c")
Path("gone").touch(); os.unlink("gone")
shutil.copyfile("c", "copied")
descriptor = os.open("v", os.O_CREAT | os.O_RDWR)
os.writev(descriptor, [b"one", b"two"]); os.pwritev(descriptor, [b"T", b"W"], 3)
with open("kept", "w") as file: file.write("trunc")
with open("kept", "w") as file: file.write("new")
folder = os.open(".", os.O_RDONLY); os.fsync(folder)
base = sqlite3.connect("data.db", isolation_level=None)
base.execute("PRAGMA journal_mode = WAL"); base.execute("CREATE TABLE t (x)")
base.execute("INSERT INTO t VALUES (zeroblob(9000))"); base.close()
with socket.create_connection(("127.0.0.1", int(sys.argv[2]))) as connection:
    connection.sendall(b"promise"); connection.recv(100)
"""


@pytest.fixture
def tape(tmp_path: Path, require: Callable[[bool, str], None]) -> Tape:
    """Record a small program that does everything."""
    require(can_record(), "recording needs Linux and a C compiler (cc)")
    watched = tmp_path / "disk"
    watched.mkdir()
    (watched / "before").write_bytes(b"was there")
    log = tmp_path / "tape"
    note_folder(log, watched)
    with create_server(("127.0.0.1", 0)) as server:
        answering = threading.Thread(target=_answer, args=(server,))
        answering.start()
        subprocess.run(
            [sys.executable, "-c", _PROGRAM, str(watched), str(server.getsockname()[1])],
            env={**os.environ, **recorded(build_recorder(tmp_path), watched, log)},
            check=True,
        )
        answering.join()
    note(log, "ended")
    return read_tape(watched, log)


def _answer(server: socket) -> None:
    with server.accept()[0] as connection:
        connection.recv(100)
        connection.sendall(b"thanks")


def test_the_disk_of_everything_is_the_real_one(tape: Tape) -> None:
    """With all changes kept the built folder is byte for byte what the process left."""
    disk = Disk(tape)
    moment = disk.moment(disk.end)
    built = disk.shelf(moment).image(moment.open).files
    real = {
        str(path.relative_to(tape.folder)): None if path.is_dir() else path.read_bytes()
        for path in tape.folder.rglob("*")
    }
    assert dict(built) == real
    assert built["in/b"] == b"heLL+"
    assert built["kept"] == b"new"


def test_what_was_sent_and_heard_stands_in_its_place(tape: Tape) -> None:
    """The promise leaves after the database was synced, and the answer comes after it."""
    kinds = [operation.kind for operation in tape.operations]
    sent = next(i for i, one in enumerate(tape.operations) if one.kind is Kind.SENT)
    assert tape.operations[sent].second == b"promise"
    heard = next(i for i, one in enumerate(tape.operations) if one.kind is Kind.RECEIVED)
    assert tape.operations[heard].second == b"thanks"
    assert max(i for i, kind in enumerate(kinds) if kind is Kind.SYNCED) < sent < heard
    assert tape.operations[-1].first == "ended"


def test_what_was_there_before_is_certain(tape: Tape) -> None:
    """The least disk holds what the folder held, and what was synced: no more."""
    disk = Disk(tape)
    least = disk.shelf(disk.moment(disk.end)).image(()).files
    assert least["before"] == b"was there"
    assert least["kept"] == b""


def test_a_record_that_was_cut_off_is_left_out(tape: Tape) -> None:
    """A killed process leaves half a record; what is no record at all is an error."""
    log = tape.folder.parent / "tape"
    data = log.read_bytes()
    log.write_bytes(data[:-2])
    assert read_tape(tape.folder, log).operations == tape.operations[:-1]
    log.write_bytes(data[:4] + b"?" + data[5:])
    with pytest.raises(TapeDamaged):
        read_tape(tape.folder, log)


def test_where_nothing_can_be_recorded_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a compiler nothing is recorded; in CI that is an error, elsewhere a reason."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RecorderAbsent):
        build_recorder(tmp_path)
    monkeypatch.setenv("CI", "true")
    with pytest.raises(RecorderAbsent):
        can_record()
    monkeypatch.setenv("CI", "false")
    assert not can_record()
