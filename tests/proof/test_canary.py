"""Tests of the canary scan's machinery; its experiments run in `make prove`."""

import random
import sqlite3
import tempfile
from pathlib import Path

import pytest
from hushpost_proof.canary.bad_clients import BadClients
from hushpost_proof.canary.canaries import (
    Canary,
    Kind,
    make_address,
    make_character,
    needles_of,
    sockaddr,
)
from hushpost_proof.canary.new_files import NewFiles, NotWatchable
from hushpost_proof.canary.relay_scan import Outcome
from hushpost_proof.canary.remains import PIECE_BYTES, Remains
from hushpost_proof.canary.scan import CanaryScan
from hushpost_proof.canary.vault_controls import kept_things_found, old_rows_found


def test_people_are_unmistakable_and_come_from_the_seed() -> None:
    """One seed, one person; another seed, nobody with a word in common."""
    one, again, other = (make_character(random.Random(seed)) for seed in (1, 1, 2))
    assert one == again
    assert not set(one.name.split()) & set(other.name.split())
    assert all(len(saying) > 20 for saying in one.sayings)


@pytest.mark.parametrize("spelling", ["+49 123 456-789", "49123456789", "0049123456789"])
def test_a_number_is_found_however_it_is_written(spelling: str) -> None:
    """Spaces, dashes and the country's prefix make no other number of it."""
    scan = CanaryScan(needles_of([Canary("phone", Kind.TOLD_NOBODY, "+49 123 456-789")]))
    scan.look("file", "here", spelling.encode("utf-16-le"))
    assert scan.seen("file") == {"phone"}


@pytest.mark.parametrize(
    "written",
    [
        b"peer 127.201.199.177:5",
        b"127%2E201.199%2E177",
        b"\\u0031\\u0032\\u0037.201.199.177",
        bytes.fromhex("b1c7c93f 01000000"),
    ],
)
def test_an_address_is_found(written: bytes) -> None:
    """As text, escaped in part, and as the integer that Python makes of it."""
    scan = CanaryScan(needles_of([Canary("a", Kind.ADDRESS, "127.201.199.177")]))
    scan.look("file", "here", b".." + written + b"..")
    assert scan.seen("file") == {"a"}


def test_a_socket_address_is_as_the_kernel_writes_it() -> None:
    """Family, port in network order, address."""
    assert sockaddr("127.1.2.3", 258).hex() == "0200010" + "27f010203"
    assert make_address(random.Random(3)).startswith("127.")


def test_what_was_not_read_is_told() -> None:
    """A scan counts what it read of each surface, and names those it read nothing of."""
    scan = CanaryScan(needles_of([Canary("x", Kind.TOLD_NOBODY, "something to look for")]))
    scan.look("log", "a file", b"twelve bytes")
    assert (scan.bytes_read["log"], scan.looks["log"]) == (12, 1)
    assert scan.unread(["log", "memory"]) == ["memory"]


def test_an_address_may_be_in_memory_while_connected_and_nowhere_else() -> None:
    """What is a leak depends on the kind of canary and on the surface."""
    canaries = [
        Canary("address", Kind.ADDRESS, "127.150.160.170"),
        Canary("name", Kind.TOLD_NOBODY, "Umbrixia Kolvandra"),
    ]
    outcome = Outcome(CanaryScan(needles_of(canaries)), canaries)
    for surface in ("memory", "log at debug"):
        outcome.scan.look(surface, "x", b"127.150.160.170 is Umbrixia Kolvandra")
    assert {(one.surface, one.what) for one in outcome.leaks} == {
        ("memory", "name"),
        ("log at debug", "address"),
        ("log at debug", "name"),
    }
    assert outcome.while_connected == {"address"}


def test_each_bad_connection_has_its_marks() -> None:
    """Every place where a bad client writes has a word of its own."""
    bad = BadClients("127.150.160.170", random.Random(5))
    assert len(set(bad.marks.values())) == len(bad.marks) > 25
    kinds = {canary.kind for canary in bad.canaries()}
    assert kinds == {Kind.SHOWN, Kind.ADDRESS}


def test_a_file_that_is_gone_at_once_is_noted() -> None:
    """The watcher tells every file made, and refuses to watch what is not there."""
    with tempfile.TemporaryDirectory() as place, NewFiles([Path(place)]) as new_files:
        path = Path(place) / "spool"
        path.touch()
        path.unlink()
        assert new_files.names() == [path]
        assert new_files.names() == []
        with pytest.raises(NotWatchable):
            NewFiles([Path(place) / "nowhere"])


def test_what_is_left_of_envelopes_is_counted(tmp_path: Path) -> None:
    """Whole ones, parts, and pieces, in any of the forms."""
    chance = random.Random(9)
    envelopes = [[chance.randbytes(4096), chance.randbytes(4096)] for _ in range(3)]
    (tmp_path / "file").write_bytes(b"abc" + envelopes[0][1] + envelopes[1][0][640:900])
    left = Remains(envelopes).in_files(tmp_path)
    assert (left.whole, left.in_part, left.pieces) == (1, 2, 64 + 260 // PIECE_BYTES)
    assert "1 of 3 whole, 2 in part" in str(left)


async def test_a_vault_that_keeps_old_rows_is_found_out(tmp_path: Path) -> None:
    """With its log uncut old rows are found, in a sound one none."""
    for name in ("sound", "careless"):
        (tmp_path / name).mkdir()
    assert await old_rows_found(tmp_path / "sound", log_kept=False, pages_kept=False) == 0
    assert await old_rows_found(tmp_path / "careless", log_kept=True, pages_kept=False) > 0


def test_each_thing_that_a_vault_keeps_is_found() -> None:
    """A text, a chain key, a message key, a used prekey and an envelope, each planted in a row."""
    assert len(kept_things_found()) == 5


def test_sqlite_without_overwriting_would_show(tmp_path: Path) -> None:
    """The scan reads freed pages: a deleted row of a careless database is found in its file."""
    path = tmp_path / "careless.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA secure_delete = OFF")
    connection.execute("CREATE TABLE note (words TEXT)")
    connection.execute("INSERT INTO note VALUES ('Umbrixia Kolvandra was here')")
    connection.commit()
    connection.execute("DELETE FROM note")
    connection.commit()
    connection.close()
    scan = CanaryScan(needles_of([Canary("name", Kind.TOLD_NOBODY, "Umbrixia Kolvandra")]))
    scan.look("database", path.name, path.read_bytes())
    assert scan.seen("database") == {"name"}
