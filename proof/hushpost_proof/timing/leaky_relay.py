"""A relay that tells by its answers what it must not: each defect is one that must be found.

HUSHPOST_PROOF_LEAK=NAME python -m hushpost_proof.timing.leaky_relay serve ...
"""

import itertools
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hushpost_server import answer_tick, reception, refusal_tick, submits
from hushpost_server.command import script
from hushpost_server.quiet_submits import QuietIntake
from hushpost_server.session import Session
from hushpost_store.sqlite.commit_hold import SqliteCommitHold
from hushpost_store.sqlite.mailbox_cache import MailboxCache
from hushpost_wire.frames import REFUSED

LEAK_VARIABLE = "HUSHPOST_PROOF_LEAK"
# Of the order of one look into a cache more: what a careless branch costs.
LEAK_SECONDS = 75e-6


def _spin(seconds: float) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def _change(owner: Any, name: str, replacement: object) -> None:
    """Put something else in the place of a part of the product."""
    setattr(owner, name, replacement)


def _known_later() -> None:
    """Refuse, on the same tick, 75 microseconds later where the mailbox is known."""
    known: set[float] = set()
    refused = submits.Pending.refused

    def noting(pending: Any, reason: Any, retry_after: int) -> None:
        if pending._submission.route in _routes:
            known.add(pending._number)
        refused(pending, reason, retry_after)

    def answering(_tick: Any, items: Sequence[Any]) -> None:
        for item in sorted(items, key=lambda item: item.number):
            if item.number in known:
                _spin(LEAK_SECONDS)
            item.answerer.machine.refuse(item.request, 1)
            item.answerer.flush()

    _routes: set[bytes] = set()
    _note_routes(_routes)
    _change(submits.Pending, "refused", noting)
    _change(refusal_tick.RefusalTick, "_answer", answering)


def _note_routes(routes: set[bytes]) -> None:
    put = MailboxCache.put

    def putting(cache: Any, route: bytes, mailbox: Any) -> None:
        if mailbox is not None:
            routes.add(route)
        put(cache, route, mailbox)

    _change(MailboxCache, "put", putting)


def _in_order_of_decision() -> None:
    """Refuse on the tick in the order in which the reasons became known."""

    def answering(_tick: Any, items: Sequence[Any]) -> None:
        for item in items:
            item.answerer.machine.refuse(item.request, 1)
            item.answerer.send_soon()

    _change(refusal_tick.RefusalTick, "_answer", answering)


def _one_byte_more() -> None:
    """Write every third refusal as a longer frame."""
    collect = Session.collect
    count = itertools.count()

    def lengthened(message: Any) -> Any:
        return message + b"\0" if message[0] == REFUSED and not next(count) % 3 else message

    def collecting(session: Any) -> Any:
        return [lengthened(message) for message in collect(session)]

    _change(Session, "collect", collecting)


def _present_first() -> None:
    """Send, on the tick, 75 microseconds sooner what a connected recipient was posted."""
    submit = QuietIntake.submit

    def submitting(intake: Any, poster: Any, given: Any, now: float) -> None:
        poster.late = given.route not in intake.feeds
        submit(intake, poster, given, now)

    _change(QuietIntake, "submit", submitting)
    _leave_late_ones()


def _leave_late_ones() -> None:
    class Marked(Session):
        __slots__ = ("late",)

        def transmit(self, messages: Any) -> None:
            if getattr(self, "late", False):
                _spin(LEAK_SECONDS)
            super().transmit(messages)

    _change(reception, "Session", Marked)


def _when_known() -> None:
    """Answer on the next tick that finds an answer known, whenever its envelope arrived."""

    def due(tick: Any) -> list[Any]:
        known: list[Any] = []
        for cohort in (*tick._line, tick._arriving):
            known += [ticket for ticket in cohort.tickets if ticket.answer is not None]
            cohort.tickets = [ticket for ticket in cohort.tickets if ticket.answer is None]
        while tick._line and tick._line[0].is_ready:
            tick.counted_bytes -= tick._line.popleft().counted_bytes
        return known

    _change(answer_tick.AnswerTick, "_due", due)


def _no_needless_sync() -> None:
    """Commit only where something is left to write."""
    commit = SqliteCommitHold.commit

    async def committing(hold: Any) -> None:
        if any(entries for batch in hold._writer._cut_off if (entries := _left(batch))):
            await commit(hold)
        else:
            hold._writer._cut_off.clear()

    _change(SqliteCommitHold, "commit", committing)


def _left(batch: Any) -> list[Any]:
    return [entry for entry in batch.entries if not entry.done] + list(batch.deletions)


LEAKS: Mapping[str, Callable[[], None]] = {
    "known mailboxes 75 us later": _known_later,
    "in the order of decision": _in_order_of_decision,
    "one byte more": _one_byte_more,
    "who is there 75 us sooner": _present_first,
    "when it is known": _when_known,
    "no sync for nothing": _no_needless_sync,
}


def main() -> int:
    """Be the relay's command, with a defect."""
    LEAKS[os.environ[LEAK_VARIABLE]]()
    return script()


if __name__ == "__main__":
    sys.exit(main())
