"""What other relays on the same store do to devices that are connected here.

docs/spec/store.md, "Many relays". The store is the authority: whatever is learned here only has a
feed look at its backlog, or ends a session whose login has moved.
"""

from __future__ import annotations

from hushpost_wire.close_codes import CloseCode
from hushpost_wire.identifiers import DropReference, EnvelopeId

from hushpost_server.presence import Presence


class SharedLogins:
    """A `LoginWatcher` over the sessions of this relay."""

    __slots__ = ("_presence",)

    def __init__(self, presence: Presence) -> None:
        self._presence = presence

    def mail_waits(self, route: bytes, sequence: int) -> None:
        """See `LoginWatcher`."""
        feed = self._presence.feeds.get(route)
        if feed is not None:
            feed.wake(sequence)

    def ephemeral_came(
        self, route: bytes, envelope_id: bytes, drop_ref: bytes, not_after: int, envelope: bytes
    ) -> None:
        """See `LoginWatcher`."""
        feed = self._presence.feeds.get(route)
        if feed is not None:
            feed.push_ephemeral(
                EnvelopeId(envelope_id), DropReference(drop_ref), not_after, envelope
            )

    def login_moved(self, route: bytes, epoch: int) -> None:
        """See `LoginWatcher`; a login that began here since then stays."""
        self._end(route, epoch, CloseCode.DISPLACED)

    def login_lost(self, route: bytes, epoch: int) -> None:
        """See `LoginWatcher`: a client that was displaced would not come again."""
        self._end(route, epoch, CloseCode.GOING_AWAY)

    def _end(self, route: bytes, epoch: int, code: CloseCode) -> None:
        feed = self._presence.feeds.get(route)
        if feed is not None and 0 < feed.epoch <= epoch:
            self._presence.remove(route, code)
