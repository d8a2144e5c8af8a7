"""What is allowed and probably not meant: said at each start, by `config` and by `check`.

About where mail is kept. What is unsafe for people is announced elsewhere (`announcement`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hushpost_store.errors import StoreError
from hushpost_store.sqlite.migration_mark import MoveState, read_mark

from hushpost_server.configuration import Configuration
from hushpost_server.data_folder import DATABASE_FILE


@dataclass(frozen=True, slots=True)
class Caution:
    """One thing to look at: the event of the log, and a sentence that says what to do."""

    event: str
    sentence: str


def cautions(configuration: Configuration) -> tuple[Caution, ...]:
    """Return what an operator should look at; a database that was left is asked how far it is."""
    found: list[Caution] = []
    database = configuration.data_folder / DATABASE_FILE
    way = _WAYS[_state_of(database)] if configuration.store == "redis" else ""
    if way:
        found.append(
            Caution(
                "database_left",
                f'{database} lies beside store = "redis", and what is in it is not served. {way}',
            )
        )
    if configuration.store != "redis" and configuration.redis_url is not None:
        found.append(
            Caution(
                "redis_url_unused",
                f'redis_url is set, and mail is kept in store = "{configuration.store}": set'
                ' store = "redis", or take redis_url out',
            )
        )
    return tuple(found)


def moved_away(configuration: Configuration) -> MoveState | None:
    """Tell whether what SQLite has here is not what the relay serves: DONE or ERASED, or None.

    For commands that look into the database: what they find there is an old state, or nothing, and
    whoever forgot to name the configuration must not take it for an answer.
    """
    if configuration.store != "sqlite":
        return None
    state = _state_of(configuration.data_folder / DATABASE_FILE)
    return MoveState(state) if state in (MoveState.DONE, MoveState.ERASED) else None


_ABSENT: Final = "absent"
_WAYS: Final[dict[str | None, str]] = {
    _ABSENT: "",
    # What is left of it is the mark, which keeps a relay without `store` from starting empty.
    MoveState.ERASED: "",
    MoveState.DONE: "It was moved: if all is well, `hushpost-relay migrate --erase` overwrites it",
    MoveState.GOING: "Its move is not finished: run the same `hushpost-relay migrate` again",
    None: "Move it into Redis with `hushpost-relay migrate`, or move the file away",
}


def _state_of(database: Path) -> str | None:
    """Return how far a database's mail has moved; None where it has not."""
    if not database.exists():
        return _ABSENT
    try:
        mark = read_mark(database)
    except StoreError:  # damaged, or none of ours: it lies there all the same
        return None
    return mark.state if mark is not None else None
