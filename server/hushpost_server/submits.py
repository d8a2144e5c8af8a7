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
from hushpost_wire.relay_protocol import RelayProtocol
from hushpost_wire.ttl import TtlClass

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


def drop_hash_of(route: bytes, secret: bytes) -> bytes:
    """Return the hash under which the store knows a drop; equal to `identifiers.drop_hash`."""
    return sha256(_HASH_HEAD + route + _HASH_MIDDLE + secret).digest()


class Poster(Protocol):
    """A connection that submits."""

    machine: RelayProtocol
    bucket: TokenBucket
    allowance: PrefixAllowance

    def send_soon(self) -> None:
        """Send the machine's output at the end of this turn of the loop."""


class Intake:
    """Every submission of the relay passes here. One for each relay."""

    __slots__ = (
        "_submit",
        "_tick",
        "accepted",
        "feeds",
        "loop_time",
        "submitted",
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
        self._tick = tick
        self.feeds = feeds
        self.loop_time = loop_time
        self.submitted = metrics.get("hushpost_submitted_total")
        self.accepted = metrics.get("hushpost_accepted_total")

    def grant(self, poster: Poster, wanted: int) -> int:
        """Take rate tokens for `wanted` submissions; returns how many of them may go on."""
        now = self.loop_time()
        granted = poster.bucket.take(wanted, now)
        both = poster.allowance.submits.take(granted, now)
        if both < granted:
            poster.bucket.give_back(granted - both)
        return both

    def submit(self, poster: Poster, submit: Submit, now: float) -> None:
        """Hand an envelope that the machine found well-formed to the store."""
        ttl_class, request, route, secret, envelope_id, not_after, envelope = submit
        self.submitted.value += 1
        drop_hash = sha256(_HASH_HEAD + route + _HASH_MIDDLE + secret).digest()
        submission = _new_tuple(
            Submission, (route, drop_hash, envelope_id, ttl_class, not_after, envelope)
        )
        self._submit(submission, Pending(self, poster, request, submission), now)

    def slow_down(self, poster: Poster, submit: Submit) -> None:
        """Refuse what is over the rate."""
        self.submitted.value += 1
        retry_after = max(poster.bucket.retry_after(), poster.allowance.submits.retry_after())
        self.refuse(poster, submit.request, RefusalReason.SLOW_DOWN, retry_after)

    def refuse(self, poster: Poster, request: int, reason: RefusalReason, retry_after: int) -> None:
        """Answer a refusal in this turn of the loop."""
        poster.machine.refuse(request, reason, retry_after)
        poster.send_soon()

    def refuse_no_drop(self, poster: Poster, request: int, arrived: float) -> None:
        """Leave the answer to the tick."""
        self._tick.refuse(poster, request, arrived)

    def flush_refusals(self) -> None:
        """Send the refusals that wait for the tick: the relay is draining."""
        self._tick.flush()


class Pending:
    """One submission between the store and its poster; the store's `SubmissionListener`."""

    __slots__ = ("_arrived", "_intake", "_poster", "_request", "_submission")

    def __init__(
        self, intake: Intake, poster: Poster, request: int, submission: Submission
    ) -> None:
        self._intake = intake
        self._poster = poster
        self._request = request
        self._submission: Submission | None = submission
        self._arrived = intake.loop_time()

    def refused(self, reason: Refusal, retry_after: int) -> None:
        """Nothing is kept."""
        if reason is Refusal.NO_DROP:
            self._intake.refuse_no_drop(self._poster, self._request, self._arrived)
        else:
            code = RefusalReason(int(reason))
            self._intake.refuse(self._poster, self._request, code, retry_after)

    def admitted(self, admitted: Admitted) -> None:
        """Push to the recipient, if connected, before the commit."""
        submission, self._submission = self._submission, None
        sequence, duplicate = admitted
        if duplicate or submission is None:
            return
        route, drop_hash, envelope_id, ttl_class, not_after, envelope = submission
        feed = self._intake.feeds.get(route)
        if feed is None:
            return
        drop_ref = DropReference(drop_hash[:DROP_REFERENCE_BYTES])
        if sequence:
            feed.push(sequence, EnvelopeId(envelope_id), drop_ref, not_after, envelope)
        elif ttl_class == _EPHEMERAL:
            feed.push_ephemeral(EnvelopeId(envelope_id), drop_ref, not_after, envelope)

    def committed(self) -> None:
        """Answer ACCEPTED at the end of this turn."""
        poster = self._poster
        self._intake.accepted.value += 1
        poster.machine.accept(self._request)
        poster.send_soon()

    def failed(self) -> None:
        """Answer RETRY: the commit failed, and the same bytes may come again."""
        self._intake.refuse(self._poster, self._request, RefusalReason.RETRY, RETRY_SECONDS)
