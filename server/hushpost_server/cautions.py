"""What is allowed and probably not meant: said at each start, by `config` and by `check`.

About where mail is kept. What is unsafe for people is announced elsewhere (`announcement`).
"""

from __future__ import annotations

from dataclasses import dataclass

from hushpost_server.configuration import Configuration
from hushpost_server.data_folder import DATABASE_FILE


@dataclass(frozen=True, slots=True)
class Caution:
    """One thing to look at: the event of the log, and a sentence that says what to do."""

    event: str
    sentence: str


def cautions(configuration: Configuration) -> tuple[Caution, ...]:
    """Return what an operator should look at; reads the data folder's list of files alone."""
    found: list[Caution] = []
    database = configuration.data_folder / DATABASE_FILE
    if configuration.store == "redis" and database.exists():
        found.append(
            Caution(
                "database_left",
                f'{database} lies beside store = "redis": what is in it is not served. Move it'
                " into Redis with `hushpost-relay migrate`, or move the file away",
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
