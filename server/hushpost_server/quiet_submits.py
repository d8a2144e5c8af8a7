"""Submissions under the quiet profile: decided and pushed as ever, answered on the tick.

docs/spec/delivery.md, section 13. What `submits` does at the end of a turn of the loop is done here
on the tick of the cohort in which the envelope arrived, whatever the answer is.

Refuses to know: who posts.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from hushpost_store.interface import MailboxStore
from hushpost_store.rows import Admitted, Refusal, Submission
from hushpost_wire.frames import RefusalReason, Submit
from hushpost_wire.relay_events import Unfit

from hushpost_server.answer_tick import AnswerTick, Ticket
from hushpost_server.feed import Feed
from hushpost_server.metrics import Metrics
from hushpost_server.submits import (
    RETRY_SECONDS,
    Poster,
    charge_refusal,
    drop_hash_of,
    granted,
    push,
    wait_of,
)


class QuietIntake:
    """The `Submissions` of a quiet relay."""

    def __init__(
        self,
        store: MailboxStore,
        feeds: dict[bytes, Feed],
        *,
        tick: AnswerTick,
        metrics: Metrics,
        loop_time: Callable[[], float],
    ) -> None:
        self._submit = store.submit
        self._tick = tick
        self.loop_time = loop_time
        self._submitted = metrics.get("hushpost_submitted_total")
        self.feeds = feeds
        self.accepted = metrics.get("hushpost_accepted_total")

    def grant(self, poster: Poster, wanted: int) -> int:
        """Take rate tokens for `wanted` submissions; returns how many of them may go on."""
        return granted(poster, wanted, self.loop_time())

    def submit(self, poster: Poster, submit: Submit, now: float) -> None:
        """Note that it arrived in this tick, and hand it to the store, in the hush after it."""
        self._submitted.value += 1
        ticket = self._tick.owe(poster, len(submit.envelope))
        pending = QuietPending(self, poster, submit, ticket)
        self._tick.soon(partial(self._decide, pending, now))

    def slow_down(self, poster: Poster, submit: Submit) -> None:
        """Refuse what is over the rate."""
        self._submitted.value += 1
        self._refuse(poster, submit.request, RefusalReason.SLOW_DOWN, wait_of(poster))

    def unfit(self, poster: Poster, unfit: Unfit) -> None:
        """Refuse what needs no look at any drop; on the tick like all others."""
        self._refuse(poster, unfit.request, unfit.reason, 0)

    def acknowledged(self, feed: Feed, sequences: tuple[int, ...]) -> None:
        """Hand a device's acknowledgements to its feed, in the hush after it."""
        self._tick.soon(partial(feed.acknowledged, sequences))

    def owe(self, poster: Poster) -> Ticket:
        """Owe an anonymous request its answer."""
        return self._tick.owe_loosely(poster)

    def flush_refusals(self) -> None:
        """Leave the tick to beat on: a drain ends with the last answer."""

    def _refuse(
        self, poster: Poster, request: int, reason: RefusalReason, retry_after: int
    ) -> None:
        ticket = self._tick.owe(poster, 0)
        ticket.settle(partial(poster.machine.refuse, request, reason, retry_after))

    def _decide(self, pending: QuietPending, now: float) -> None:
        self._submit(pending.submission, pending, now)


class QuietPending:
    """One submission between the store and its tick; the store's `SubmissionListener`."""

    __slots__ = ("_intake", "_machine", "_poster", "_request", "_ticket", "submission")

    def __init__(self, intake: QuietIntake, poster: Poster, submit: Submit, ticket: Ticket) -> None:
        self._intake = intake
        self._machine = poster.machine
        self._poster = poster
        self._request = submit.request
        self._ticket = ticket
        self.submission = Submission(
            submit.route,
            drop_hash_of(submit.route, submit.drop_secret),
            submit.envelope_id,
            submit.ttl_class,
            submit.not_after,
            submit.envelope,
        )

    def refused(self, reason: Refusal, retry_after: int) -> None:
        """Nothing is kept."""
        self._ticket.settle(partial(self._tell_refused, RefusalReason(int(reason)), retry_after))

    def admitted(self, admitted: Admitted) -> None:
        """Push to the recipient, if connected, before any commit."""
        push(self._intake.feeds, self.submission, admitted)

    def committed(self) -> None:
        """Answer ACCEPTED: it is durable, or its recipient has it."""
        self._intake.accepted.value += 1
        self._ticket.settle(partial(self._machine.accept, self._request))

    def failed(self) -> None:
        """Answer RETRY: the commit failed, and the same bytes may come again."""
        self._refuse(RefusalReason.RETRY, RETRY_SECONDS)

    def _tell_refused(self, reason: RefusalReason, retry_after: int) -> None:
        if reason is not RefusalReason.RETRY:  # the store failed, not who posts
            # Not before the tick: the rate that is left would tell of the refusal.
            charge_refusal(self._poster, self._intake.loop_time())
        self._machine.refuse(self._request, reason, retry_after)

    def _refuse(self, reason: RefusalReason, retry_after: int) -> None:
        self._ticket.settle(partial(self._machine.refuse, self._request, reason, retry_after))
