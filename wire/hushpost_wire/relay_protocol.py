"""The relay's side of a connection, pure: messages in, events and messages out.

Implements docs/spec/wire.md, section 8, for both endpoints. It owns request ids, delivery tags,
windows, coalesced answers and deadlines; it knows nothing of drops, stores or accounts, and keeps
no envelope once `events_received` has handed it over.

    messages --receive_data--> machine --events_received--> the relay decides
    messages <--data_to_send-- machine <--accept, refuse, deliver, answer, notify--
"""

from typing import Final

from hushpost_wire.close_codes import CLOSE_REASON_BYTES_MAX, Close, CloseCode
from hushpost_wire.control import (
    Answer,
    ControlToRelay,
    Error,
    ErrorCode,
    Expired,
    ExpiredSeen,
    Hello,
    Login,
    Notice,
    Role,
    decode_control_to_relay,
    encode_control,
)
from hushpost_wire.errors import (
    MessageUnexpected,
    NotInThisState,
    PeerViolation,
    RequestRepeated,
    RequestUnknown,
    TagUnknown,
    VersionUnknown,
    WindowExceeded,
    WindowFull,
)
from hushpost_wire.frames import (
    ACKNOWLEDGE,
    NO_TAG,
    SUBMIT,
    Acknowledge,
    DeliverFlags,
    RefusalReason,
    Submit,
    decode_acknowledge,
    decode_submit,
    decode_to_relay,
    deliver_frame,
    encode_accepted,
    encode_refused,
)
from hushpost_wire.identifiers import DropReference, EnvelopeId
from hushpost_wire.limits import DRAIN_SECONDS_MAX, FRAME_NUMBERS_MAX
from hushpost_wire.relay_events import Acknowledged, PingDue, RelayEvent, Unfit, complaint
from hushpost_wire.terms import Terms
from hushpost_wire.transitions import TRANSITIONS, State, Step, answer_step, request_step

_OPEN: Final = State.OPEN
_CLOSED: Final = State.CLOSED
_INBOX: Final = Role.INBOX
_BACKLOG: Final = int(DeliverFlags.BACKLOG)


class RelayProtocol:
    """One connection, seen from the relay. Send what `data_to_send` gives after every call."""

    __slots__ = (
        "_accepted",
        "_closing",
        "_connected",
        "_deliveries_max",
        "_drain_code",
        "_events",
        "_limits",
        "_next_tag",
        "_notices",
        "_outgoing",
        "_pinged",
        "_requests",
        "_rules",
        "_sequences",
        "_since",
        "_state",
        "_submits",
        "_submits_max",
        "_terms",
        "heard",
        "nonce",
        "refused_unseen",
        "role",
        "tells_unfit",
    )

    def __init__(self, terms: Terms, role: Role, *, nonce: bytes, now: float) -> None:
        self.role: Final = role
        self.nonce: Final = nonce
        self._terms = terms
        self._connected = self._since = self.heard = now
        self.refused_unseen = 0  # submissions that no event told of, for who counts rates
        self.tells_unfit = False  # refusals of its own are `Unfit` events, for who answers later
        self._rules = terms.rules
        self._limits = terms.limits
        self._submits_max = terms.limits.submits_in_flight_max
        self._deliveries_max = terms.limits.deliveries_in_flight_max
        self._state = State.GREETING
        self._pinged: float | None = None
        self._events: list[RelayEvent] = []
        self._outgoing: list[str | bytes] = []
        self._accepted: list[int] = []
        self._submits: set[int] = set()
        self._requests: set[int] = set()
        self._notices: dict[int, bool] = {}  # told on this connection; whether it was seen
        self._sequences: dict[int, int] = {}
        self._next_tag = NO_TAG + 1
        self._closing: Close | None = None
        self._drain_code = CloseCode.DRAIN
        self._send_control(Step.HELLO, self.hello)

    @property
    def hello(self) -> Hello:
        """What this connection was greeted with; made anew, as an idle one keeps no copy."""
        return self._terms.hello(self.role, self.nonce, self._connected)

    # ---- what came in

    def receive_data(self, data: str | bytes, now: float) -> None:
        """Take one WebSocket message. A violation closes; nothing is raised. `now`: since 1970."""
        if self._state is _CLOSED:
            return
        self.heard = now
        try:
            if isinstance(data, str):
                self._receive_control(decode_control_to_relay(data, self.role), now)
            elif data and data[0] == SUBMIT:
                self._receive_submit(decode_submit(data), now)
            elif data and data[0] == ACKNOWLEDGE:
                self._receive_acknowledge(decode_acknowledge(data))
            else:
                decode_to_relay(data)  # raises: there is no other frame
        except PeerViolation as violation:
            self._violated(violation)

    def receive_pong(self, now: float) -> None:
        """Take note that the client answered a ping."""
        self.heard = now
        self._pinged = None

    def events_received(self) -> list[RelayEvent]:
        """Hand over, once, what happened since the last call."""
        events = self._events
        if events:
            self._events = []
        return events

    # ---- what goes out

    def data_to_send(self) -> list[str | bytes]:
        """Hand over, once, the messages to send; then look at `closing`."""
        accepted = self._accepted
        if accepted:
            for start in range(0, len(accepted), FRAME_NUMBERS_MAX):
                self._outgoing.append(encode_accepted(accepted[start : start + FRAME_NUMBERS_MAX]))
            self._accepted = []
        outgoing = self._outgoing
        if outgoing:
            self._outgoing = []
        return outgoing

    @property
    def closing(self) -> Close | None:
        """How to close the connection, once everything before is sent; None to go on."""
        return self._closing

    @property
    def state(self) -> State:
        """Where the connection stands."""
        return self._state

    def accept(self, request: int) -> None:
        """Tell the sender that the envelope is durable or acknowledged, and never before it is."""
        if self._state is _CLOSED:
            return
        try:
            self._submits.remove(request)
        except KeyError:
            raise NotInThisState("accept: no such request waits for a verdict") from None
        self._accepted.append(request)
        if self._state is not _OPEN:
            self._end_if_drained()

    def refuse(self, request: int, reason: RefusalReason, retry_after: int = 0) -> None:
        """Tell the sender why not; `retry_after` in seconds, 0 for no hint."""
        if self._state is _CLOSED:
            return
        if request not in self._submits:
            raise NotInThisState("refuse: this request is not waiting for a verdict")
        self._outgoing.append(encode_refused(reason, request, retry_after))
        self._submits.remove(request)
        self._end_if_drained()

    @property
    def deliveries_left(self) -> int:
        """How many more envelopes may be delivered before an acknowledgement comes."""
        if self._state is not _OPEN:
            return 0
        return self._deliveries_max - len(self._sequences)

    def deliver(
        self,
        sequence: int,
        *,
        backlog: bool,
        not_after: int,
        drop_ref: DropReference,
        envelope_id: EnvelopeId,
        envelope: bytes,
    ) -> int:
        """Deliver a stored envelope; give its tag. `Acknowledged` will name the sequence."""
        self._require_inbox_open("deliver")
        if len(self._sequences) >= self._deliveries_max:
            raise WindowFull("deliver: the window is full; look at deliveries_left first")
        tag = self._next_tag
        fields = (_BACKLOG if backlog else 0, tag, not_after, drop_ref, envelope_id, envelope)
        self._outgoing.append(deliver_frame(*fields))
        self._next_tag = tag + 1
        self._sequences[tag] = sequence
        return tag

    def deliver_ephemeral(
        self, *, not_after: int, drop_ref: DropReference, envelope_id: EnvelopeId, envelope: bytes
    ) -> None:
        """Deliver an envelope that is never queued and never acknowledged."""
        self._require_inbox_open("deliver_ephemeral")
        fields = (DeliverFlags.EPHEMERAL, NO_TAG, not_after, drop_ref, envelope_id, envelope)
        self._outgoing.append(deliver_frame(*fields))

    def answer(self, message: Answer) -> None:
        """Answer a control request; an error while logging in also closes (4002)."""
        if self._state is _CLOSED:
            return
        if message.id is None or message.id not in self._requests:
            raise NotInThisState("answer: no request with this id is waiting")
        step = answer_step(message, self._state)
        self._send_control(step, message)
        self._requests.remove(message.id)
        if step is Step.LOGIN_REFUSED:
            self._closing = Close(CloseCode.LOGIN_FAILED, "login refused")
        self._end_if_drained()

    def notify(self, notice: Notice) -> None:
        """Send a notice; one of expired envelopes once: a second answer would be a violation."""
        self._require_inbox_open("notify")
        if isinstance(notice, Expired):
            if notice.notice in self._notices:
                return
            self._notices[notice.notice] = False
        self._send_control(Step.NOTICE, notice)

    # ---- the end

    def drain(self, now: float, code: CloseCode = CloseCode.DRAIN) -> None:
        """Finish what is in flight, refuse what is new with RETRY, then close with `code`."""
        if Step.DRAIN not in TRANSITIONS[self.role][self._state]:
            return
        self._drain_code = code
        self._move(Step.DRAIN)
        self._since = now
        if self._state is _CLOSED:
            self._closing = Close(code)
        self._end_if_drained()

    def close(self, code: CloseCode, reason: str = "") -> None:
        """Close now. What `data_to_send` holds is still to be sent first."""
        if self._state is not _CLOSED:
            self._move(Step.CLOSE)
            self._closing = Close(code, reason[:CLOSE_REASON_BYTES_MAX])

    # ---- time

    def next_deadline(self) -> float:
        """When `handle_deadline` must be called at the latest; infinity once closed."""
        if self._state is _CLOSED:
            return float("inf")
        limits = self._limits
        if self._state is State.DRAINING:
            return self._since + DRAIN_SECONDS_MAX
        if self._state is not _OPEN:
            return self._since + limits.login_seconds_max
        if self._pinged is not None and self._pinged >= self.heard:
            due = self._pinged + limits.ping_timeout_seconds
        else:
            due = self.heard + limits.ping_interval_seconds
        if self.role is Role.POST:
            due = min(due, self._since + limits.post_seconds_max)
        return due

    def handle_deadline(self, now: float) -> None:
        """Do what is due at `now`: ask for a ping, drain an old post connection, or close."""
        if now < self.next_deadline():
            return
        if self._state is State.DRAINING:
            self.close(self._drain_code, "drained late")
        elif self._state is not _OPEN:
            self.close(CloseCode.TIMEOUT, "no login in time")
        elif self.role is Role.POST and now >= self._since + self._limits.post_seconds_max:
            self.drain(now, CloseCode.NORMAL)
        elif self._pinged is not None and self._pinged >= self.heard:
            self.close(CloseCode.TIMEOUT, "no answer to a ping")
        else:
            self._pinged = now
            self._events.append(PingDue())

    def clock_set_back(self, now: float) -> None:
        """Take `now` for the clock from here on; no deadline is further away than before."""
        self._since = min(self._since, now)
        self.heard = min(self.heard, now)
        self._pinged = None

    # ---- within

    def _receive_submit(self, submit: Submit, now: float) -> None:
        if self._state is not _OPEN:
            self._require(Step.SUBMIT)
        request = submit[1]
        submits = self._submits
        if request in submits:
            raise RequestRepeated("SUBMIT: this request id is still unanswered")
        if len(submits) >= self._submits_max:
            raise WindowExceeded("SUBMIT: more in flight than submits_in_flight_max")
        submits.add(request)
        reason = self._rules.judge(submit, now)
        if reason is None and self._state is _OPEN:
            self._events.append(submit)
        elif self.tells_unfit:
            self._events.append(Unfit(request, reason or RefusalReason.RETRY))
        else:
            self.refused_unseen += 1
            self.refuse(request, reason or RefusalReason.RETRY)

    def _receive_acknowledge(self, frame: Acknowledge) -> None:
        if self._state is not _OPEN or self.role is not _INBOX:
            self._require(Step.ACKNOWLEDGE)
        try:
            self._events.append(Acknowledged(tuple(map(self._sequences.pop, frame.tags))))
        except KeyError:
            raise TagUnknown("ACKNOWLEDGE: a tag is void or was never given") from None

    def _receive_control(self, message: ControlToRelay, now: float) -> None:
        if isinstance(message, ExpiredSeen):
            self._require(Step.NOTICE_SEEN)
            if self._notices.get(message.notice, True):
                raise RequestUnknown("expired_seen: no such notice was sent")
            self._notices[message.notice] = True
            self._events.append(message)
            return
        step = request_step(message)
        self._require(step)
        if message.id in self._requests:
            raise RequestRepeated("control: this request id is still unanswered")
        if len(self._requests) >= self._limits.requests_in_flight_max:
            raise WindowExceeded("control: more in flight than requests_in_flight_max")
        if isinstance(message, Login) and not self._terms.speaks(message.protocol):
            raise VersionUnknown("login: this protocol version is outside the range in hello")
        self._requests.add(message.id)
        self._move(step)
        if self._state is State.DRAINING:
            self.answer(Error(id=message.id, code=ErrorCode.RETRY))
        else:
            self._events.append(message)
        if step is Step.CREATE_ACCOUNT and self._since == self._connected:  # the first gives time
            self._since = now

    def _require(self, step: Step) -> None:
        if step not in TRANSITIONS[self.role][self._state]:
            raise MessageUnexpected(f"{step}: not allowed on {self.role} while {self._state}")

    def _require_inbox_open(self, command: str) -> None:
        if self._state is not _OPEN or self.role is not _INBOX:
            raise NotInThisState(f"{command}: {self.role} is {self._state}, not an open inbox")

    def _move(self, step: Step) -> None:
        target = TRANSITIONS[self.role][self._state].get(step)
        if target is None:
            raise NotInThisState(f"{step}: not allowed on {self.role} while {self._state}")
        self._state = target

    def _send_control(self, step: Step, message: Hello | Answer | Notice) -> None:
        self._move(step)
        self._outgoing.append(encode_control(message))

    def _end_if_drained(self) -> None:
        if self._state is State.DRAINING and not self._submits and not self._requests:
            self._move(Step.DRAINED)
            self._closing = Close(self._drain_code)

    def _violated(self, violation: PeerViolation) -> None:
        self._outgoing.append(encode_control(complaint(violation)))
        self.close(violation.close_code, str(violation))
