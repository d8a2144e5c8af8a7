"""The bounded cache of mailboxes that admission decides from (docs/spec/store.md, "Admission").

Writes go through it, so what it holds is what the database will hold once the queue is written.
A mailbox with an open login or with uncommitted envelopes is never evicted. Unknown routes have
a bound of their own, so that guessing routes cannot push mailboxes out.
"""

from __future__ import annotations

import enum
from collections import OrderedDict
from collections.abc import Iterator
from typing import Final

from hushpost_store.admission import MailboxState


class Absent(enum.Enum):
    """What the cache says when it has no mailbox to give."""

    NOT_LOADED = enum.auto()
    UNKNOWN = enum.auto()


NOT_LOADED: Final = Absent.NOT_LOADED
UNKNOWN: Final = Absent.UNKNOWN


class MailboxCache:
    """Mailboxes by route, least recently used first."""

    def __init__(self, entries_max: int, unknown_routes_max: int) -> None:
        self._entries_max = entries_max
        self._unknown_routes_max = unknown_routes_max
        self._mailboxes: OrderedDict[bytes, MailboxState] = OrderedDict()
        self._unknown: OrderedDict[bytes, None] = OrderedDict()
        # Kept by whoever admits and forgets, since counting anew at every load would be slow.
        self.entries = 0

    def __len__(self) -> int:
        return len(self._mailboxes)

    def get(self, route: bytes) -> MailboxState | Absent:
        """Return the mailbox, or whether it is unknown or only not loaded."""
        mailbox = self._mailboxes.get(route)
        if mailbox is not None:
            self._mailboxes.move_to_end(route)
            return mailbox
        return UNKNOWN if route in self._unknown else NOT_LOADED

    def mailboxes(self) -> Iterator[MailboxState]:
        """Return every mailbox that is here."""
        return iter(self._mailboxes.values())

    def peek(self, route: bytes) -> MailboxState | None:
        """Return the mailbox if it is here, without counting this as use."""
        return self._mailboxes.get(route)

    def put(self, route: bytes, mailbox: MailboxState | None) -> None:
        """Keep what was loaded; None: no mailbox has this route."""
        if mailbox is None:
            self._unknown[route] = None
            while len(self._unknown) > self._unknown_routes_max:
                self._unknown.popitem(last=False)
            return
        self._unknown.pop(route, None)
        self._mailboxes[route] = mailbox
        self.entries += mailbox.weight()
        self._evict()

    def remove(self, route: bytes) -> None:
        """Forget a mailbox that is being deleted."""
        mailbox = self._mailboxes.pop(route, None)
        if mailbox is not None:
            mailbox.gone = True
            self.entries -= mailbox.weight()

    def made(self, route: bytes) -> None:
        """Forget that a route was unknown."""
        self._unknown.pop(route, None)

    def _evict(self) -> None:
        tries = len(self._mailboxes)
        while self.entries > self._entries_max and tries > 1:
            tries -= 1
            route, mailbox = next(iter(self._mailboxes.items()))
            if mailbox.pins:
                self._mailboxes.move_to_end(route)
            else:
                self.remove(route)
                mailbox.gone = False
