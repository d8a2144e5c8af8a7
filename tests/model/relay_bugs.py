"""Relays with one bug each, which the relay machine must find.

Each changes one function of the relay as a slip of the pen would; the rest is the real one.
"""

# pyright: reportPrivateUsage=false
# The slips are made inside, where the functions are.

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from hushpost_server import inbox, login
from hushpost_server.feed import Arrival, Feed, Phase
from hushpost_server.presence import Presence
from hushpost_server.refusal_tick import Answerer, RefusalTick
from hushpost_server.session import Session
from hushpost_server.submits import Pending
from hushpost_store.rows import Admitted, ExpiredNotice, OpenedMailbox
from hushpost_wire.close_codes import CloseCode
from hushpost_wire.control import Done
from hushpost_wire.frames import RefusalReason
from hushpost_wire.identifiers import DropReference, EnvelopeId
from hushpost_wire.relay_protocol import RelayProtocol

from tests.model.relay_machine import EARLY_MAX


def _slip(owner: object, name: str, make: Callable[[Any], object]) -> Callable[[], Any]:
    """Put in place of a function what is made of it."""

    @contextmanager
    def slip() -> Generator[None]:
        with patch.object(owner, name, make(getattr(owner, name))):
            yield

    return slip


def _only_what_is_new(opened: Callable[[Feed, OpenedMailbox], None]) -> object:
    def slip(feed: Feed, mailbox: OpenedMailbox) -> None:
        feed._last_sequence = mailbox.backlog_end
        opened(feed, mailbox)

    return slip


def _last_of_window_lost(deliver: Callable[..., int]) -> object:
    def slip(machine: RelayProtocol, sequence: int, **what: Any) -> int:
        return 0 if machine.deliveries_left == 1 else deliver(machine, sequence, **what)

    return slip


def _live_overtakes(push: Callable[..., None]) -> object:
    def slip(feed: Feed, *arrival: Any) -> None:
        if feed.phase is Phase.CATCHING_UP and feed._machine.deliveries_left > 0:
            feed.phase = Phase.LIVE
            push(feed, *arrival)
            feed.phase = Phase.CATCHING_UP
        else:
            push(feed, *arrival)

    return slip


def _early_forgotten(_: object) -> object:
    def slip(feed: Feed, arrival: Arrival) -> None:
        early = feed._early = feed._early if feed._early is not None else []
        if len(early) < EARLY_MAX:
            early.append(arrival)

    return slip


def _nothing(_: Pending) -> None:
    pass


def _accept(pending: Pending) -> None:
    pending._poster.machine.accept(pending._request)
    pending._poster.send_soon()


@contextmanager
def _accepted_when_admitted() -> Generator[None]:
    admitted = Pending.admitted

    def slip(pending: Pending, place: Admitted) -> None:
        admitted(pending, place)
        _accept(pending)

    with (
        patch.object(Pending, "admitted", slip),
        patch.object(Pending, "committed", _nothing),
        patch.object(Pending, "failed", _nothing),
    ):
        yield


def _duplicates_pushed(admitted: Callable[[Pending, Admitted], None]) -> object:
    def slip(pending: Pending, place: Admitted) -> None:
        admitted(pending, Admitted(place.sequence, duplicate=False))

    return slip


def _displaced_lives_on(_: object) -> object:
    def slip(presence: Presence, route: bytes, code: CloseCode) -> None:
        session = presence._sessions.get(route)
        if session is not None:
            presence._forget(route, session)

    return slip


def _everything_before_acknowledged(acknowledged: Callable[..., None]) -> object:
    def slip(feed: Feed, sequences: tuple[int, ...]) -> None:
        acknowledged(feed, tuple(range(1, max(sequences) + 1)))

    return slip


def _failed_is_refused(_: object) -> object:
    def slip(pending: Pending) -> None:
        pending._poster.machine.refuse(pending._request, RefusalReason.FULL, 5)
        pending._poster.send_soon()

    return slip


def _refused_at_once(_: object) -> object:
    def slip(_: RefusalTick, answerer: Answerer, request: int, *__: object) -> None:
        answerer.machine.refuse(request, RefusalReason.NO_DROP)
        answerer.send_soon()

    return slip


def _expiry_told_once(notify: Callable[..., None]) -> object:
    def slip(session: Session, notices: tuple[ExpiredNotice, ...]) -> None:
        notify(session, notices)
        feed = session.feed
        for notice in notices if feed is not None else ():
            assert feed is not None
            session.services.spawn(
                session.services.store.expired_seen(feed.route, notice.notice_id), session
            )

    return slip


def _ephemeral_waits(_: object) -> object:
    def slip(
        feed: Feed,
        envelope_id: EnvelopeId,
        drop_ref: DropReference,
        not_after: int,
        envelope: bytes,
    ) -> None:
        feed.push(feed._last_sequence + 1, envelope_id, drop_ref, not_after, envelope)

    return slip


def _revokes_nothing(_: object) -> object:
    async def slip(session: Session, request: Any) -> None:
        inbox.answer(session, Done(id=request.id))

    return slip


BUGS: dict[str, Callable[[], Any]] = {
    "nothing is delivered again after a reconnect": _slip(Feed, "opened", _only_what_is_new),
    "the last of a window is dropped": _slip(RelayProtocol, "deliver", _last_of_window_lost),
    "what is live overtakes the backlog": _slip(Feed, "push", _live_overtakes),
    "what came while a page was read is forgotten": _slip(Feed, "_keep", _early_forgotten),
    "accepted before the commit": _accepted_when_admitted,
    "a repetition is delivered": _slip(Pending, "admitted", _duplicates_pushed),
    "a displaced login lives on": _slip(Presence, "remove", _displaced_lives_on),
    "what was not acknowledged is deleted": _slip(
        Feed, "acknowledged", _everything_before_acknowledged
    ),
    "a failed commit is a refusal": _slip(Pending, "failed", _failed_is_refused),
    "the time tells why there is no drop": _slip(RefusalTick, "refuse", _refused_at_once),
    "an expiry is told once": _slip(login, "notify_expired", _expiry_told_once),
    "an ephemeral envelope has a tag": _slip(Feed, "push_ephemeral", _ephemeral_waits),
    "a revoked drop still posts": _slip(inbox, "revoke_drop", _revokes_nothing),
}
