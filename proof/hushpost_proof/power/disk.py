"""Disks that a power loss could have left, built from what was recorded.

What is certain at a point of the tape is what a sync that had returned by then covered, if the sync
began after it. Everything else may have reached the disk or not, in any combination: writes and
cuts of a file, names made, changed and removed in a folder. A write that was under way may have
been torn between two sectors. A name whose file was not synced may lead to an empty file.

The model is weaker than the file systems in use (it lets names and writes be reordered), so that
what survives here survives there.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hushpost_proof.power.recording import Kind, Operation, Tape

SECTOR_BYTES = 512
# SQLite's index of its log lives in shared memory and is made anew after a crash.
_INDEX_SUFFIX = "-shm"
Torn = Mapping[int, frozenset[int]]
_WHOLE: Torn = {}

_OF_A_FILE = frozenset({Kind.WRITTEN, Kind.TRUNCATED})
_OF_A_FOLDER = frozenset({Kind.CREATED, Kind.RENAMED, Kind.LINKED, Kind.REMOVED, Kind.FOLDER_MADE})


@dataclass(frozen=True, slots=True)
class Change:
    """One operation that a disk may have or lack. `file` is a number that no other file gets."""

    position: int
    operation: Operation
    file: int


@dataclass(frozen=True, slots=True)
class Moment:
    """A point of the tape: what the disk had for certain by then, and what it may have had."""

    position: int
    certain: tuple[Change, ...]
    open: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Image:
    """The contents of a folder, by path relative to it; None is a folder."""

    files: Mapping[str, bytes | None]

    def write(self, folder: Path) -> None:
        """Lay the image out in an empty folder."""
        for name, data in sorted(self.files.items()):
            path = folder / name
            if data is None:
                path.mkdir(mode=0o700, parents=True, exist_ok=True)
                continue
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.write_bytes(data)
            path.chmod(0o600)


class Disk:
    """All moments of one tape.

    `ignored_syncs` is for controls alone: "files", "folders" or "all" syncs are taken for not made.
    """

    def __init__(self, tape: Tape, *, ignored_syncs: str = "") -> None:
        self._root = str(tape.folder)
        self._ignored = ignored_syncs
        self._changes: list[Change] = []
        # For each change the position of the sync that made it certain.
        self._certain_from: dict[int, int] = {}
        self._sync_ends: list[int] = []
        self._folders: dict[int, str] = {}
        self._unsynced: dict[int, list[int]] = {}
        self._unsynced_names: dict[str, list[int]] = {}
        self._began: dict[tuple[int, int], list[int]] = {}
        self.end = len(tape.operations)
        numbers: dict[int, int] = {}
        for position, operation in enumerate(tape.operations):
            if operation.kind is Kind.CREATED:
                # The system gives the inode of a removed file to a new one; we do not.
                numbers[operation.file] = position
            self._read(position, operation, numbers.get(operation.file, -operation.file))

    @property
    def sync_ends(self) -> tuple[int, ...]:
        """The positions of the syncs that made something certain."""
        return tuple(self._sync_ends)

    def moment(self, position: int) -> Moment:
        """Return what is known of the disk when the operations before `position` had happened."""
        certain: list[Change] = []
        unsure: list[Change] = []
        for change in self._changes:
            if change.position >= position:
                break
            known = self._certain_from.get(change.position, self.end + 1) < position
            (certain if known else unsure).append(change)
        return Moment(position, tuple(certain), tuple(unsure))

    def shelf(self, moment: Moment) -> "Shelf":
        """Return what builds the images of one moment."""
        return Shelf(self._root, moment)

    def _read(self, position: int, operation: Operation, file: int) -> None:
        kind = operation.kind
        if operation.first.endswith(_INDEX_SUFFIX):
            return
        if kind in _OF_A_FILE:
            self._changes.append(Change(position, operation, file))
            self._unsynced.setdefault(file, []).append(position)
        elif kind is Kind.FOLDER_MADE and operation.first == self._root:
            self._folders[operation.file] = operation.first
        elif kind in _OF_A_FOLDER:
            self._changes.append(Change(position, operation, file))
            self._unsynced_names.setdefault(_folder_of(operation), []).append(position)
            if kind is Kind.FOLDER_MADE:
                self._folders[operation.file] = operation.first
        elif kind is Kind.SYNC_BEGAN:
            folder = self._folders.get(operation.file)
            changed = self._unsynced.get(file, [])
            if folder is not None:
                changed = self._unsynced_names.get(folder, [])
            self._began[operation.file, operation.offset] = list(changed)
        elif kind is Kind.SYNCED:
            self._synced(position, operation, file)

    def _synced(self, position: int, operation: Operation, file: int) -> None:
        covered = self._began.pop((operation.file, operation.offset), [])
        folder = self._folders.get(operation.file)
        if not covered or self._ignored in ("all", "files" if folder is None else "folders"):
            return
        left = self._unsynced[file] if folder is None else self._unsynced_names[folder]
        left[:] = [one for one in left if one not in set(covered)]
        for change in covered:
            self._certain_from.setdefault(change, position)
        self._sync_ends.append(position)


class Shelf:
    """The images of one moment. What all of them share is built once."""

    def __init__(self, root: str, moment: Moment) -> None:
        self._shared = _Builder(root)
        first = moment.open[0].position if moment.open else moment.position
        for change in moment.certain:
            if change.position < first:
                self._shared.apply(change, None)
        self._later = [change for change in moment.certain if change.position >= first]

    def image(self, kept: Iterable[Change], torn: Torn = _WHOLE) -> Image:
        """Build the disk that has what is certain and `kept` of what is open.

        `torn` gives, by position, the sectors of a kept write that reached the disk.
        """
        builder = self._shared.copy()
        for change in sorted((*self._later, *kept), key=_by_position):
            builder.apply(change, torn.get(change.position))
        return builder.image()


def _folder_of(operation: Operation) -> str:
    new = operation.second.decode() if operation.kind in (Kind.RENAMED, Kind.LINKED) else ""
    return str(Path(new or operation.first).parent)


def _by_position(change: Change) -> int:
    return change.position


class _Builder:
    """Applies changes to an imagined folder. One that does not apply changes nothing."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._names: dict[str, int | None] = {}
        self._bytes: dict[int, bytearray] = {}

    def copy(self) -> "_Builder":
        """Return another builder that has come as far."""
        other = _Builder(self._root)
        other._names = dict(self._names)
        other._bytes = {file: bytearray(data) for file, data in self._bytes.items()}
        return other

    def apply(self, change: Change, sectors: frozenset[int] | None) -> None:
        """Apply one change; of a write only `sectors` where they are given."""
        operation, kind = change.operation, change.operation.kind
        if kind is Kind.CREATED:
            self._names[operation.first] = change.file
        elif kind is Kind.FOLDER_MADE:
            self._names[operation.first] = None
        elif kind is Kind.REMOVED:
            self._names.pop(operation.first, None)
        elif kind in (Kind.RENAMED, Kind.LINKED):
            if kind is Kind.RENAMED:
                self._names.pop(operation.first, None)
            self._names[operation.second.decode()] = change.file
        else:
            self._change(change, sectors)

    def image(self) -> Image:
        """Return what can be reached from the root."""
        files: dict[str, bytes | None] = {}
        for path, file in self._names.items():
            if self._is_reached(str(Path(path).parent)):
                name = path.removeprefix(self._root + "/")
                files[name] = None if file is None else bytes(self._bytes.get(file, b""))
        return Image(files)

    def _is_reached(self, folder: str) -> bool:
        """Say whether a folder is there: without it, what is in it is lost."""
        return folder == self._root or (
            self._names.get(folder, 0) is None and self._is_reached(str(Path(folder).parent))
        )

    def _change(self, change: Change, sectors: frozenset[int] | None) -> None:
        operation = change.operation
        data = self._bytes.setdefault(change.file, bytearray())
        if operation.kind is Kind.TRUNCATED:
            del data[operation.offset :]
            data.extend(bytes(operation.offset - len(data)))
            return
        end = operation.offset + len(operation.second)
        data.extend(bytes(max(0, end - len(data))))
        for number in _sectors(operation) if sectors is None else sectors:
            start = max(operation.offset, number * SECTOR_BYTES)
            stop = min(end, (number + 1) * SECTOR_BYTES)
            data[start:stop] = operation.second[start - operation.offset : stop - operation.offset]


def _sectors(operation: Operation) -> range:
    end = operation.offset + len(operation.second)
    return range(operation.offset // SECTOR_BYTES, -(-end // SECTOR_BYTES))


def sectors_of(change: Change) -> range:
    """Return the sectors that a write touches; none of anything else."""
    if change.operation.kind is not Kind.WRITTEN:
        return range(0)
    return _sectors(change.operation)
