"""Disks built from a tape: what a sync covered is there, everything else may be or not."""

from pathlib import Path

from hushpost_proof.power.disk import Disk, Image, sectors_of
from hushpost_proof.power.recording import Kind, Operation, Tape

ROOT = "/watched"
FOLDER, FILE, OTHER, INNER = 1, 2, 3, 4


def op(kind: Kind, file: int, first: str = "", second: bytes = b"", offset: int = 0) -> Operation:
    """Make one operation on a path below the root."""
    path = f"{ROOT}/{first}" if first else ""
    return Operation(kind, file, offset, path, second)


def synced(file: int) -> tuple[Operation, Operation]:
    """Make a sync that returned."""
    return op(Kind.SYNC_BEGAN, file), op(Kind.SYNCED, file)


def disk(*operations: Operation, ignored: str = "") -> Disk:
    """Make the disk of a tape that begins with an empty folder."""
    made = Operation(Kind.FOLDER_MADE, FOLDER, 0, ROOT, b"")
    return Disk(Tape(Path(ROOT), (made, *operations)), ignored_syncs=ignored)


def images(made: Disk) -> tuple[Image, Image]:
    """Give the least and the fullest image behind the last operation."""
    moment = made.moment(made.end)
    shelf = made.shelf(moment)
    return shelf.image(()), shelf.image(moment.open)


def test_what_was_not_synced_may_be_lost() -> None:
    """Without a sync the least disk is empty; with all kept it is what the process saw."""
    least, full = images(disk(op(Kind.CREATED, FILE, "a"), op(Kind.WRITTEN, FILE, second=b"x")))
    assert dict(least.files) == {}
    assert dict(full.files) == {"a": b"x"}


def test_a_synced_file_without_its_name_is_lost() -> None:
    """The sync of a file says nothing of its name; that of the folder does, and not of the rest."""
    written = (op(Kind.CREATED, FILE, "a"), op(Kind.WRITTEN, FILE, second=b"x"))
    assert dict(images(disk(*written, *synced(FILE)))[0].files) == {}
    assert dict(images(disk(*written, *synced(FOLDER)))[0].files) == {"a": b""}
    both = disk(*written, *synced(FILE), *synced(FOLDER))
    assert dict(images(both)[0].files) == {"a": b"x"}
    assert both.moment(both.end).open == ()


def test_a_sync_covers_only_what_came_before_it_began() -> None:
    """A write during a sync is uncertain, and a sync that has not returned covers nothing."""
    begin, end = synced(FILE)
    made = disk(
        op(Kind.CREATED, FILE, "a"),
        *synced(FOLDER),
        op(Kind.WRITTEN, FILE, second=b"1"),
        begin,
        op(Kind.WRITTEN, FILE, second=b"2", offset=1),
        end,
    )
    assert dict(images(made)[0].files) == {"a": b"1"}
    assert dict(made.shelf(made.moment(made.end - 1)).image(()).files) == {"a": b""}


def test_a_renaming_without_its_data_leaves_an_empty_file() -> None:
    """The classic: written, renamed over the old one, never synced."""
    made = disk(
        op(Kind.CREATED, FILE, "old"),
        op(Kind.WRITTEN, FILE, second=b"old"),
        *synced(FILE),
        *synced(FOLDER),
        op(Kind.CREATED, OTHER, "new"),
        op(Kind.WRITTEN, OTHER, second=b"new"),
        op(Kind.RENAMED, OTHER, "new", f"{ROOT}/old".encode()),
    )
    moment = made.moment(made.end)
    renamed = [change for change in moment.open if change.operation.kind is Kind.RENAMED]
    assert dict(made.shelf(moment).image(renamed).files) == {"old": b""}
    assert dict(made.shelf(moment).image(()).files) == {"old": b"old"}


def test_a_lost_folder_takes_what_is_in_it() -> None:
    """Everything in a new folder may be synced, and is gone with the folder's own name."""
    inside = (
        op(Kind.FOLDER_MADE, INNER, "in"),
        op(Kind.CREATED, FILE, "in/a"),
        op(Kind.WRITTEN, FILE, second=b"x"),
        *synced(FILE),
        *synced(INNER),
    )
    assert dict(images(disk(*inside))[0].files) == {}
    assert dict(images(disk(*inside, *synced(FOLDER)))[0].files) == {"in": None, "in/a": b"x"}


def test_an_inode_that_is_used_again_is_another_file() -> None:
    """What was written to a removed file is not in the next one with its number."""
    made = disk(
        op(Kind.CREATED, FILE, "a"),
        op(Kind.WRITTEN, FILE, second=b"first"),
        op(Kind.REMOVED, 0, "a"),
        op(Kind.CREATED, FILE, "b"),
        op(Kind.WRITTEN, FILE, second=b"2"),
        op(Kind.LINKED, FILE, "b", f"{ROOT}/c".encode()),
    )
    assert dict(images(made)[1].files) == {"b": b"2", "c": b"2"}


def test_cuts_and_torn_writes() -> None:
    """A cut shortens or lengthens; of a torn write only the given sectors are there."""
    made = disk(
        op(Kind.CREATED, FILE, "a"),
        op(Kind.WRITTEN, FILE, second=b"x" * 1024),
        op(Kind.TRUNCATED, FILE, offset=600),
        op(Kind.TRUNCATED, FILE, offset=700),
    )
    assert images(made)[1].files["a"] == b"x" * 600 + bytes(100)
    moment = made.moment(3)
    written = moment.open[-1]
    assert list(sectors_of(written)) == [0, 1]
    torn = made.shelf(moment).image(moment.open, {written.position: frozenset({1})})
    assert torn.files["a"] == bytes(512) + b"x" * 512


def test_ignored_syncs_cover_nothing() -> None:
    """The control: a builder that ignores syncs drops what was certain."""
    written = (op(Kind.CREATED, FILE, "a"), op(Kind.WRITTEN, FILE, second=b"x"))
    syncs = (*synced(FILE), *synced(FOLDER))
    assert dict(images(disk(*written, *syncs, ignored="files"))[0].files) == {"a": b""}
    assert dict(images(disk(*written, *syncs, ignored="folders"))[0].files) == {}
    assert disk(*written, *syncs, ignored="all").sync_ends == ()


def test_an_image_is_laid_out(tmp_path: Path) -> None:
    """Files and folders are where they belong, readable by their owner alone."""
    Image({"in": None, "in/a": b"x"}).write(tmp_path)
    assert (tmp_path / "in" / "a").read_bytes() == b"x"
    assert (tmp_path / "in" / "a").stat().st_mode & 0o077 == 0
