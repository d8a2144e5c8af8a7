"""Who is connected now: sessions of logged-in devices, in memory, as long as the connection lasts.

docs/spec/delivery.md section 5: one session a mailbox. A second login displaces the first. Nothing
of this is ever written down.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hushpost_wire.close_codes import CloseCode
from hushpost_wire.identifiers import AccountId, DeviceId

from hushpost_server.feed import Feed

if TYPE_CHECKING:
    from hushpost_server.session import Session


class Presence:
    """The sessions of all logged-in devices, by route and by device."""

    __slots__ = ("_devices", "_sessions", "feeds")

    def __init__(self) -> None:
        self.feeds: dict[bytes, Feed] = {}
        """By route; the hot path looks here."""
        self._sessions: dict[bytes, Session] = {}
        self._devices: dict[bytes, Session] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def enter(self, session: Session) -> None:
        """Make `session` the one of its route; whoever was there is closed as displaced."""
        assert session.feed is not None
        assert session.device is not None
        route = session.feed.route
        self.remove(route, CloseCode.DISPLACED)
        self.feeds[route] = session.feed
        self._sessions[route] = session
        self._devices[session.device.account_id + session.device.device_id] = session

    def leave(self, session: Session) -> None:
        """End the session's feed; a session that displaced it stays."""
        assert session.feed is not None
        session.feed.end()
        route = session.feed.route
        if self._sessions.get(route) is session:
            self._forget(route, session)

    def remove(self, route: bytes, code: CloseCode) -> None:
        """Close whoever is connected for `route`, with `code`."""
        session = self._sessions.get(route)
        if session is not None and session.feed is not None:
            session.feed.end()
            self._forget(route, session)
            session.close(code)

    def by_route(self, route: bytes) -> Session | None:
        """Return the session of a mailbox, if its device is connected."""
        return self._sessions.get(route)

    def by_device(self, account_id: AccountId, device_id: DeviceId) -> Session | None:
        """Return the session of a device, if it is connected."""
        return self._devices.get(account_id + device_id)

    def _forget(self, route: bytes, session: Session) -> None:
        del self.feeds[route]
        del self._sessions[route]
        if session.device is not None:
            del self._devices[session.device.account_id + session.device.device_id]
