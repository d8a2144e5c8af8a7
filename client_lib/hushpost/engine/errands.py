"""Errands: what a step leaves to be done at a relay, kept until it is done (content.md, 3 and 10).

An errand survives a crash and may run twice; all that it does at the relay is idempotent. Each
has a natural key, so that wanting the same thing twice is one errand.

    queue -> (the client asks the relay) -> finish        the answer was worked in, errand gone
                                         -> defer         later, with a growing distance
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import ClassVar, Final

from pydantic import ConfigDict

from hushpost.engine.desk import Desk
from hushpost.engine.ledger import Table
from hushpost.engine.shelf import ROW_CONFIG, Shelf

# The first repeat soon, the later ones rarely: a relay that refuses an errand does so for hours.
DEFER_SECONDS: Final = 5
DEFER_SECONDS_MAX: Final = 3600


class ErrandKind(StrEnum):
    """What to ask of a relay. The first four run on the inbox, the others on post connections."""

    REGISTER_DROP = "register-drop"
    REVOKE_DROP = "revoke-drop"
    PUBLISH_PREKEYS = "publish-prekeys"
    PUBLISH_LIST = "publish-list"
    TAKE_BUNDLE = "take-bundle"
    FETCH_LISTS = "fetch-lists"


INBOX_ERRANDS: Final = frozenset(
    {
        ErrandKind.REGISTER_DROP,
        ErrandKind.REVOKE_DROP,
        ErrandKind.PUBLISH_PREKEYS,
        ErrandKind.PUBLISH_LIST,
    }
)


@dataclass(frozen=True, slots=True)
class Errand:
    """One thing to do. ``subject`` is a drop hash, an account id or empty, by kind."""

    __pydantic_config__: ClassVar[ConfigDict] = ROW_CONFIG

    kind: ErrandKind
    subject: bytes = b""
    # For REGISTER_DROP the relay's kind of drop, for TAKE_BUNDLE what the bundle is for.
    purpose: str = ""
    # Outbox keys that may be posted once this is done.
    releases: tuple[bytes, ...] = ()
    not_before: int = 0
    attempts: int = 0

    @property
    def key(self) -> bytes:
        """The natural key."""
        return b"/".join((self.kind.encode(), self.purpose.encode(), self.subject))


_SHELF: Final = Shelf(Table.TASKS, Errand)


def queue(desk: Desk, errand: Errand) -> None:
    """Want something done; wanting it again joins what waits for it."""
    waiting = _SHELF.get(desk.ledger, errand.key)
    if waiting is not None:
        errand = replace(errand, releases=(*waiting.releases, *errand.releases))
    _SHELF.put(desk.ledger, errand.key, errand)
    desk.new_tasks = True


def pending(desk: Desk) -> list[Errand]:
    """Give all errands, oldest first."""
    return list(_SHELF.all(desk.ledger))


def is_due(errand: Errand, now: float) -> bool:
    """Whether its time has come, also where the clock went back behind what put it off."""
    return not 0 < errand.not_before - now <= DEFER_SECONDS_MAX


def find_errand(desk: Desk, key: bytes) -> Errand | None:
    """Give an errand that may be done by now."""
    return _SHELF.get(desk.ledger, key)


def finish(desk: Desk, errand: Errand) -> None:
    """Forget an errand that is done."""
    _SHELF.delete(desk.ledger, errand.key)


def defer(desk: Desk, errand: Errand, retry_after: int | None) -> Errand:
    """Put an errand off: as long as the relay says, or a time that doubles."""
    doubled = min(DEFER_SECONDS * 2 ** min(errand.attempts, 16), DEFER_SECONDS_MAX)
    hint = doubled if retry_after is None else retry_after
    later = replace(
        errand,
        not_before=int(desk.now) + min(max(1, hint), DEFER_SECONDS_MAX),
        attempts=errand.attempts + 1,
    )
    _SHELF.put(desk.ledger, errand.key, later)
    return later
