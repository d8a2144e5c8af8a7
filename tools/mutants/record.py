"""Fates of mutants kept in a file, so that a run that was cut off goes on where it ended.

One line of JSON a mutant, written as soon as it is judged. A mutant that was noticed is not tried
again while its module and the module's own test file are, byte for byte, what they were; survivors
are tried in every run. Tests of the package as a whole are not looked at here: whoever took some
away begins with a new file.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from tools.mutants.trial import Fate


class Record:
    """The file of one effort; without a path nothing is kept."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._noticed: dict[str, tuple[str, Fate]] = {}
        self._states: dict[tuple[Path, ...], str] = {}
        if path is not None and path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                entry: dict[str, str] = json.loads(line)
                self._take(entry["mutant"], Fate(entry["fate"]), entry["state"])

    def noticed(self, mutant: str, files: Sequence[Path]) -> Fate | None:
        """Give how a run ended it already, with these files as they are; None where none did."""
        state, fate = self._noticed.get(mutant, ("", None))
        return fate if state == self._state(files) else None

    def note(self, mutant: str, fate: Fate, files: Sequence[Path]) -> None:
        """Keep what became of a mutant; it is in the file on return."""
        state = self._state(files)
        self._take(mutant, fate, state)
        if self._path is not None:
            line = json.dumps({"mutant": mutant, "fate": fate.value, "state": state})
            with self._path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")

    def _take(self, mutant: str, fate: Fate, state: str) -> None:
        self._noticed.pop(mutant, None)
        if fate.is_noticed:
            self._noticed[mutant] = (state, fate)

    def _state(self, files: Sequence[Path]) -> str:
        """Read the files once: what a run tries is what they held when it began."""
        key = tuple(files)
        if key not in self._states:
            digests = [sha256(path.read_bytes()).hexdigest() for path in files]
            self._states[key] = sha256(" ".join(digests).encode()).hexdigest()[:32]
        return self._states[key]
