"""Relays that are silent about expired mail, or lie about it all day."""

from collections.abc import Generator
from contextlib import contextmanager
from itertools import count, islice
from unittest.mock import patch

from hushpost.engine.ledger import Table
from hushpost.engine.own_account import own_account
from hushpost_server import login, relay
from hushpost_server.session import Session
from hushpost_store.rows import ExpiredNotice
from hushpost_wire.control import Expired, ExpiredDrop
from hushpost_wire.identifiers import DropReference

from hushpost_proof.expiry.reader import Reader, inside

COUNT_CLAIMED = 2**32 - 1
# A relay of ours sends no notice of one number twice on a connection.
_numbers = count(1_000_000)


@contextmanager
def silent() -> Generator[None]:
    """Have relays of this process never send a notice."""

    def nothing(session: Session, notices: tuple[ExpiredNotice, ...]) -> None:
        del session, notices

    with (
        patch.object(login, "notify_expired", nothing),
        patch.object(relay, "notify_expired", nothing),
    ):
        yield


def claim_expired(server: relay.RelayServer, owner: Reader, times: int) -> int:
    """Have the relay claim, so many times, that mail expired in every drop of somebody online.

    Gives how many notices went out. Among the drops are some that never were.
    """
    rows = inside(owner.client).steps.look(lambda desk: desk.ledger.rows(Table.DROPS))
    known = [DropReference(item.key) for item in rows]
    made_up = [DropReference(number.to_bytes(16, "big")) for number in range(8)]
    drops = tuple(ExpiredDrop(drop_ref=name, count=COUNT_CLAIMED) for name in (*known, *made_up))
    session = server.services.presence.by_route(inside(owner.client).steps.look(own_account).route)
    if session is None:
        return 0
    for number in islice(_numbers, times):
        session.machine.notify(Expired(notice=number, drops=drops))
        session.send_soon()
    return times
