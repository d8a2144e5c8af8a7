"""Envelopes on their way in: from SUBMIT to ACCEPTED or REFUSED (docs/spec/delivery.md, 3 and 4).

The hot path: no await, no task and no future an envelope. The protocol machine has judged size, id
and `not_after`; the store decides synchronously from its cache, an admitted envelope is pushed to
its recipient in the same call, and `committed` later adds its request to the one ACCEPTED that the
connection gets in that turn of the loop.

Refuses to know: who posts.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Final, Protocol

from hushpost_store.interface import MailboxStore
from hushpost_store.rows import Admitted, Refusal, Submission
from hushpost_wire.encoding import u32
from hushpost_wire.frames import RefusalReason, Submit
from hushpost_wire.identifiers import (
    DROP_REFERENCE_BYTES,
    DROP_SECRET_BYTES,
    ROUTE_BYTES,
    DropReference,
    EnvelopeId,
)
from hushpost_wire.labels import DROP_HASH
from hushpost_wire.relay_events import Unfit
from hushpost_wire.relay_protocol import RelayProtocol
from hushpost_wire.ttl import TtlClass

from hushpost_server.answer_tick import Ticket
from hushpost_server.feed import Feed
from hushpost_server.metrics import Metrics
from hushpost_server.rate_limits import PrefixAllowance, TokenBucket
from hushpost_server.refusal_tick import RefusalTick

# `identifiers.drop_hash` with its constant parts laid out once; a test holds the two equal.
_HASH_HEAD: Final = DROP_HASH + u32(ROUTE_BYTES)
_HASH_MIDDLE: Final = u32(DROP_SECRET_BYTES)
_EPHEMERAL: Final = int(TtlClass.EPHEMERAL)
# Half the cost of a NamedTuple's own constructor.
_new_tuple: Final = tuple[object, ...].__new__
# What a commit that failed proposes: the next one may go through.
RETRY_SECONDS: Final = 1
# Who posts through drops that are not there, or into a full mailbox, is done with 50 of them.
REFUSAL_TOKENS: Final = 20


def drop_hash_of(route: bytes, secret: bytes) -> bytes:
    """Return the hash under which the store knows a drop; equal to `identifiers.drop_hash`."""
    return sha256(_HASH_HEAD + route + _HASH_MIDDLE + secret).digest()


class Poster(Protocol):
    """A connection that submits."""

    machine: RelayProtocol
    bucket: TokenBucket
    allowance: PrefixAllowance
    gone: bool

    def send_soon(self) -> None:
        """Send the machine's output at the end of this turn of the loop."""

    def collect(self) -> list[str | bytes]:
        """Return the machine's output, for `transmit`."""
        ...

    def transmit(self, messages: list[str | bytes]) -> None:
        """Send what was collected now, and close if the machine says so."""
        ...


class Submissions(Protocol):
    """Where sessions bring what their peers submit; one for each relay."""

    def grant(self, poster: Poster, wanted: int) -> int:
        """Take rate tokens for `wanted` submissions; returns how many of them may go on."""
        ...

    def submit(self, poster: Poster, submit: Submit, now: float) -> None:
        """Take an envelope that the machine found well-formed."""

    def slow_down(self, poster: Poster, submit: Submit) -> None:
        """Refuse what is over the rate."""

    def unfit(self, poster: Poster, unfit: Unfit) -> None:
        """Refuse what the machine found unfit, and told instead of refusing it."""

    def acknowledged(self, feed: Feed, sequences: tuple[int, ...]) -> None:
        """Hand a device's acknowledgements to its feed."""

    def owe(self, poster: Poster) -> Ticket | None:
        """Owe an anonymous request its answer; None where it is given as soon as it is known."""
        ...

    def flush_refusals(self) -> None:
        """Send what waits for a tick, if the relay can drain no sooner otherwise."""


def granted(poster: Poster, wanted: int, now: float) -> int:
    """Take rate tokens of a connection and its prefix; returns for how many submissions."""
    own = poster.bucket.take(wanted, now)
    both = poster.allowance.submits.take(own, now)
    if both < own:
        poster.bucket.give_back(own - both)
    return both


def charge_refusal(poster: Poster, now: float) -> None:
    """Have a refused envelope cost what many accepted ones do: honest clients stop at the first."""
    poster.bucket.take(REFUSAL_TOKENS - 1, now)
    poster.allowance.submits.take(REFUSAL_TOKENS - 1, now)


def wait_of(poster: Poster) -> int:
    """Return the seconds after which a connection that was over its rate may go on."""
    return max(poster.bucket.retry_after(), poster.allowance.submits.retry_after())


def push(feeds: dict[bytes, Feed], submission: Submission, admitted: Admitted) -> None:
    """Push an admitted envelope to its recipient, if connected, before the commit."""
    sequence, duplicate = admitted
    if duplicate:
        return
    route, drop_hash, envelope_id, ttl_class, not_after, envelope = submission
    feed = feeds.get(route)
    if feed is None:
        return
    drop_ref = DropReference(drop_hash[:DROP_REFERENCE_BYTES])
    if sequence:
        feed.push(sequence, EnvelopeId(envelope_id), drop_ref, not_after, envelope)
    elif ttl_class == _EPHEMERAL:
        feed.push_ephemeral(EnvelopeId(envelope_id), drop_ref, not_after, envelope)


class Intake:
    """Every submission of the relay passes here, and is answered as soon as its end is known."""

    __slots__ = (
        "_submit",
        "accepted",
        "feeds",
        "loop_time",
        "submitted",
        "tick",
    )

    def __init__(
        self,
        store: MailboxStore,
        feeds: dict[bytes, Feed],
        *,
        tick: RefusalTick,
        metrics: Metrics,
        loop_time: Callable[[], float],
    ) -> None:
        self._submit = store.submit
        self.tick = tick
        self.feeds = feeds
        self.loop_time = loop_time
        self.submitted = metrics.get("hushpost_submitted_total")
        self.accepted = metrics.get("hushpost_accepted_total")

    def grant(self, poster: Poster, wanted: int) -> int:
        """Take rate tokens for `wanted` submissions; returns how many of them may go on."""
        return granted(poster, wanted, self.loop_time())

    def submit(self, poster: Poster, submit: Submit, now: float) -> None:
        """Hand an envelope that the machine found well-formed to the store."""
        ttl_class, request, route, secret, envelope_id, not_after, envelope = submit
        self.submitted.value += 1
        if not self.tick.is_running:
            self.tick.begin()
        drop_hash = sha256(_HASH_HEAD + route + _HASH_MIDDLE + secret).digest()
        submission = _new_tuple(
            Submission, (route, drop_hash, envelope_id, ttl_class, not_after, envelope)
        )
        self._submit(submission, Pending(self, poster, request, submission), now)

    def slow_down(self, poster: Poster, submit: Submit) -> None:
        """Refuse what is over the rate."""
        self.submitted.value += 1
        self.refuse(poster, submit.request, RefusalReason.SLOW_DOWN, wait_of(poster))

    def refuse(self, poster: Poster, request: int, reason: RefusalReason, retry_after: int) -> None:
        """Answer a refusal in this turn of the loop."""
        poster.machine.refuse(request, reason, retry_after)
        poster.send_soon()

    def unfit(self, poster: Poster, unfit: Unfit) -> None:
        """Refuse what the machine told of instead of refusing it."""
        self.refuse(poster, unfit.request, unfit.reason, 0)

    @staticmethod
    def acknowledged(feed: Feed, sequences: tuple[int, ...]) -> None:
        """Hand a device's acknowledgements to its feed."""
        feed.acknowledged(sequences)

    @staticmethod
    def owe(poster: Poster) -> None:
        """Answer requests as soon as the answer is known."""
        del poster

    def flush_refusals(self) -> None:
        """Send the refusals that wait for the tick: the relay is draining."""
        self.tick.flush()


class Pending:
    """One submission between the store and its poster; the store's `SubmissionListener`."""

    __slots__ = ("_intake", "_number", "_period", "_poster", "_request", "_submission")

    def __init__(
        self, intake: Intake, poster: Poster, request: int, submission: Submission
    ) -> None:
        self._intake = intake
        self._poster = poster
        self._request = request
        self._submission: Submission | None = submission
        self._number = intake.submitted.value
        self._period = intake.tick.period

    def refused(self, reason: Refusal, retry_after: int) -> None:
        """Nothing is kept."""
        if reason is Refusal.NO_DROP:
            self._intake.tick.refuse(self._poster, self._request, self._number, self._period)
        else:
            if reason is not Refusal.RETRY:  # the store failed, not who posts
                charge_refusal(self._poster, self._intake.loop_time())
            code = RefusalReason(int(reason))
            self._intake.refuse(self._poster, self._request, code, retry_after)

    def admitted(self, admitted: Admitted) -> None:
        """Push to the recipient, if connected, before the commit."""
        submission, self._submission = self._submission, None
        if submission is not None:
            push(self._intake.feeds, submission, admitted)

    def committed(self) -> None:
        """Answer ACCEPTED at the end of this turn."""
        poster = self._poster
        self._intake.accepted.value += 1
        poster.machine.accept(self._request)
        poster.send_soon()

    def failed(self) -> None:
        """Answer RETRY: the commit failed, and the same bytes may come again."""
        self._intake.refuse(self._poster, self._request, RefusalReason.RETRY, RETRY_SECONDS)
