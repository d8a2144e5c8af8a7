"""The measure of the deletion bound (docs/spec/store.md, "Deletion")."""

from __future__ import annotations


class DeletionClock:
    """Since when deleted bytes may have been readable: asked for, being written, in the log."""

    def __init__(self) -> None:
        self._asked: float | None = None
        self._writing: float | None = None
        self._logged: float | None = None

    def asked(self, now: float) -> None:
        """Note that something is to be deleted."""
        if self._asked is None or now < self._asked:
            self._asked = now

    def writing(self, since: float | None, still_asked: float | None) -> None:
        """Note that deletions asked for at `since` are being committed, others still wait."""
        self._writing, self._asked = _earlier(self._writing, since), still_asked

    def written(self) -> None:
        """Note that it is committed: gone from the tables, not yet from the log."""
        self._logged, self._writing = _earlier(self._logged, self._writing), None

    def failed(self) -> None:
        """Note that it could not be committed."""
        self._asked, self._writing = _earlier(self._asked, self._writing), None

    def truncated(self) -> None:
        """Note that the log is empty."""
        self._logged = None

    def pending(self) -> bool:
        """Whether the log must be truncated."""
        return self._logged is not None

    def lag(self, now: float) -> float:
        """Return the seconds since the oldest deletion that is not finished."""
        oldest = _earlier(_earlier(self._asked, self._writing), self._logged)
        return 0.0 if oldest is None else max(0.0, now - oldest)


def _earlier(one: float | None, other: float | None) -> float | None:
    if one is None or other is None:
        return one if other is None else other
    return min(one, other)
