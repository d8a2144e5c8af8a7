"""The client's side of a connection, pure: messages in, events and messages out.

Implements docs/spec/wire.md, section 8, for both endpoints. The machine owns request ids, windows,
delivery tags, coalesced acknowledgements and the deadline for answers. It trusts the relay for
nothing: an answer to no question, a tag twice or an envelope that is not its id is told apart.

    messages --receive_data--> machine --events_received--> the client decides
    messages <--data_to_send-- machine <--send, submit, acknowledge--
"""

from typing import Final, NamedTuple

from hushpost_wire.close_codes import CLOSE_REASON_BYTES_MAX, Close, CloseCode
from hushpost_wire.control import (
    AccountCreated,
    Answer,
    ControlToClient,
    CountPrekeys,
    CreateAccount,
    DeleteAccount,
    DeviceLists,
    Done,
    Error,
    ExpiredSeen,
    FetchDeviceList,
    Hello,
    Login,
    Notice,
    PrekeyCount,
    Prekeys,
    PrekeysLow,
    PublishDeviceList,
    PublishPrekeys,
    RegisterDrop,
    Request,
    RevokeDrop,
    Role,
    TakePrekeys,
    Welcome,
    decode_control_to_client,
    encode_control,
)
from hushpost_wire.control import (
    Expired as ExpiredNotice,
)
from hushpost_wire.errors import (
    MessageUnexpected,
    NotInThisState,
    PeerViolation,
    RequestUnknown,
    TagUnknown,
    VersionUnknown,
    WindowExceeded,
    WindowFull,
)
from hushpost_wire.frames import (
    NO_TAG,
    Accepted,
    Deliver,
    Refused,
    Submit,
    decode_to_client,
    encode_acknowledge,
    encode_submit,
)
from hushpost_wire.identifiers import (
    DropReference,
    DropSecret,
    EnvelopeId,
    Route,
    envelope_id,
)
from hushpost_wire.limits import (
    ANSWER_SECONDS_MAX,
    FRAME_NUMBERS_MAX,
    PROTOCOL_VERSION_MAX,
    PROTOCOL_VERSION_MIN,
    Limits,
)
from hushpost_wire.transitions import TRANSITIONS, State, Step, answer_step, request_step

REQUEST_IDS: Final = 2**32


class Damaged(NamedTuple):
    """A delivery whose envelope is not what its id says: report it, then acknowledge the tag.

    Were it not acknowledged, the relay would deliver it again for ever.
    """

    tag: int
    drop_ref: DropReference
    envelope_id: EnvelopeId


ClientEvent = Hello | Answer | Notice | Accepted | Refused | Deliver | Damaged

ANSWERED_BY: Final[dict[type[Request], type[Answer]]] = {
    CreateAccount: AccountCreated,
    Login: Welcome,
    RegisterDrop: Done,
    RevokeDrop: Done,
    PublishPrekeys: PrekeyCount,
    CountPrekeys: PrekeyCount,
    PublishDeviceList: Done,
    DeleteAccount: Done,
    TakePrekeys: Prekeys,
    FetchDeviceList: DeviceLists,
}


class ClientProtocol:
    """One connection, seen from the client. Send what `data_to_send` gives after every call.

    `now` is any clock in seconds that does not go back. On the inbox the caller MUST check the
    signature of `Welcome` before it looks at any event after it.
    """

    __slots__ = (
        "_acknowledged",
        "_closing",
        "_deliveries",
        "_drain_code",
        "_events",
        "_last_id",
        "_last_tag",
        "_limits",
        "_outgoing",
        "_requests",
        "_since",
        "_state",
        "_submits",
        "protocol",
        "role",
    )

    def __init__(self, role: Role, *, now: float) -> None:
        self.role: Final = role
        self.protocol = PROTOCOL_VERSION_MAX
        self._limits = Limits()
        self._state = State.GREETING
        self._since = now
        self._events: list[ClientEvent] = []
        self._outgoing: list[str | bytes] = []
        self._acknowledged: list[int] = []
        self._deliveries: set[int] = set()
        self._submits: dict[int, float] = {}
        self._requests: dict[int, tuple[type[Answer], float]] = {}
        self._last_tag = NO_TAG
        self._last_id = 0
        self._closing: Close | None = None
        self._drain_code = CloseCode.NORMAL

    # ---- what came in

    def receive_data(self, data: str | bytes) -> None:
        """Take one WebSocket message, text or binary. A violation closes; nothing is raised."""
        if self._state is State.CLOSED:
            return
        try:
            if isinstance(data, str):
                self._receive_control(decode_control_to_client(data))
            else:
                self._receive_frame(data)
        except PeerViolation as violation:
            self.close(violation.close_code, str(violation))

    def events_received(self) -> list[ClientEvent]:
        """Hand over, once, what happened since the last call, in order."""
        events, self._events = self._events, []
        return events

    # ---- what goes out

    def data_to_send(self) -> list[str | bytes]:
        """Hand over, once, the messages to send; then look at `closing`."""
        tags, self._acknowledged = self._acknowledged, []
        for start in range(0, len(tags), FRAME_NUMBERS_MAX):
            self._outgoing.append(encode_acknowledge(tags[start : start + FRAME_NUMBERS_MAX]))
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    @property
    def closing(self) -> Close | None:
        """How to close the connection, once everything before is sent; None to go on."""
        return self._closing

    @property
    def state(self) -> State:
        """Where the connection stands."""
        return self._state

    @property
    def limits(self) -> Limits:
        """What the relay announced; our defaults until its `hello` came."""
        return self._limits

    def next_id(self) -> int:
        """Give a request id that is not in use on this connection."""
        while True:
            self._last_id = (self._last_id + 1) % REQUEST_IDS
            if self._last_id not in self._submits and self._last_id not in self._requests:
                return self._last_id

    def send(self, message: Request | ExpiredSeen, now: float) -> None:
        """Send a control message with an id from `next_id`; its answer comes as an event."""
        step = request_step(message)
        self._require_not_draining(step)
        if not isinstance(message, ExpiredSeen):
            if message.id in self._requests:
                raise NotInThisState("send: this id is still unanswered; take next_id()")
            if len(self._requests) >= self._limits.requests_in_flight_max:
                raise WindowFull("send: too many requests are unanswered; wait for an answer")
        self._move(step)
        if not isinstance(message, ExpiredSeen):
            self._requests[message.id] = (ANSWERED_BY[type(message)], now)
        self._outgoing.append(encode_control(message))

    @property
    def submits_left(self) -> int:
        """How many more envelopes may be submitted before a verdict comes."""
        if self._state is not State.OPEN:
            return 0
        return self._limits.submits_in_flight_max - len(self._submits)

    def submit(
        self,
        *,
        ttl_class: int,
        route: Route,
        drop_secret: DropSecret,
        envelope_id: EnvelopeId,
        not_after: int,
        envelope: bytes,
        now: float,
    ) -> int:
        """Submit an envelope that is safe in the outbox; give the request its verdict will name."""
        self._require_not_draining(Step.SUBMIT)
        if len(self._submits) >= self._limits.submits_in_flight_max:
            raise WindowFull("submit: the window is full; look at submits_left first")
        if not self._limits.envelope_fits(len(envelope)):
            raise NotInThisState("submit: this relay takes no envelope of this size")
        request = self.next_id()
        self._outgoing.append(
            encode_submit(
                Submit(ttl_class, request, route, drop_secret, envelope_id, not_after, envelope)
            )
        )
        self._submits[request] = now
        return request

    def acknowledge(self, tag: int) -> None:
        """Acknowledge a delivery that is committed on this side, and never before it is."""
        if self._state is State.CLOSED:
            return
        if tag not in self._deliveries:
            raise NotInThisState("acknowledge: no delivery with this tag waits on this connection")
        self._deliveries.remove(tag)
        self._acknowledged.append(tag)

    def unanswered(self) -> tuple[int, ...]:
        """Give the submissions without a verdict, in the order they were made."""
        return tuple(self._submits)

    # ---- the end

    def drain(self, code: CloseCode = CloseCode.NORMAL) -> None:
        """Send nothing new, wait for the verdicts in flight, then close."""
        if Step.DRAIN in TRANSITIONS[self.role][self._state]:
            self._drain_code = code
            self._move(Step.DRAIN)
            if self._state is State.CLOSED:
                self._closing = Close(code)
            self._end_if_drained()

    def close(self, code: CloseCode, reason: str = "") -> None:
        """Close now. What `data_to_send` holds is still to be sent first."""
        if self._state is not State.CLOSED:
            self._move(Step.CLOSE)
            self._closing = Close(code, reason[:CLOSE_REASON_BYTES_MAX])

    # ---- time

    def next_deadline(self) -> float:
        """When `handle_deadline` must be called at the latest; infinity if nothing is awaited."""
        if self._state is State.CLOSED:
            return float("inf")
        asked = [self._since] if self._state is State.GREETING else []
        if self._submits:
            asked.append(next(iter(self._submits.values())))
        if self._requests:
            asked.append(min(sent for _, sent in self._requests.values()))
        return min(asked) + ANSWER_SECONDS_MAX if asked else float("inf")

    def handle_deadline(self, now: float) -> None:
        """Close if an answer is overdue at `now`: the connection is taken for dead."""
        if now >= self.next_deadline():
            self.close(CloseCode.TIMEOUT, "the relay did not answer in time")

    # ---- within

    def _receive_control(self, message: ControlToClient) -> None:
        if isinstance(message, Hello):
            self._receive_hello(message)
        elif isinstance(message, PrekeysLow | ExpiredNotice):
            self._require(Step.NOTICE)
        elif isinstance(message, Error) and message.id is None:
            pass  # the relay says why it is about to close; the close itself follows
        else:
            self._receive_answer(message)
        self._events.append(message)
        self._end_if_drained()

    def _receive_hello(self, hello: Hello) -> None:
        self._require(Step.HELLO)
        if hello.role is not self.role:
            raise MessageUnexpected("hello: the relay took this connection for another endpoint")
        highest = min(hello.protocol.max, PROTOCOL_VERSION_MAX)
        if highest < max(hello.protocol.min, PROTOCOL_VERSION_MIN):
            raise VersionUnknown("hello: this relay speaks no protocol version of ours; update")
        self.protocol = highest
        self._limits = hello.limits
        self._move(Step.HELLO)

    def _receive_answer(self, answer: Answer) -> None:
        waiting = None if answer.id is None else self._requests.get(answer.id)
        if answer.id is None or waiting is None:
            raise RequestUnknown(f"{answer.type}: an answer to no request of ours")
        if not isinstance(answer, waiting[0] | Error):
            raise MessageUnexpected(f"{answer.type}: not the answer to what was asked")
        if isinstance(answer, Welcome) and answer.protocol != self.protocol:
            raise VersionUnknown("welcome: another protocol version than the one in the login")
        step = answer_step(answer, self._state)
        self._require(step)
        del self._requests[answer.id]
        self._move(step)
        if step is Step.LOGIN_REFUSED:
            self._closing = Close(CloseCode.NORMAL, "login refused")

    def _receive_frame(self, data: bytes) -> None:
        frame = decode_to_client(data)
        if isinstance(frame, Deliver):
            self._receive_deliver(frame)
            return
        self._require(Step.VERDICT)
        for request in frame.requests if isinstance(frame, Accepted) else (frame.request,):
            if self._submits.pop(request, None) is None:
                raise RequestUnknown("a verdict on what was never submitted, or a second one")
        self._events.append(frame)
        self._end_if_drained()

    def _receive_deliver(self, deliver: Deliver) -> None:
        self._require(Step.DELIVER)
        tag = deliver.tag
        if tag != NO_TAG:
            if tag <= self._last_tag:
                raise TagUnknown("DELIVER: a tag that was given before on this connection")
            if len(self._deliveries) >= self._limits.deliveries_in_flight_max:
                raise WindowExceeded("DELIVER: more in flight than deliveries_in_flight_max")
            self._last_tag = tag
            self._deliveries.add(tag)
        envelope = deliver.envelope
        if (
            self._limits.envelope_fits(len(envelope))
            and envelope_id(envelope) == deliver.envelope_id
        ):
            self._events.append(deliver)
        else:
            self._events.append(Damaged(tag, deliver.drop_ref, deliver.envelope_id))

    def _require(self, step: Step) -> None:
        if step not in TRANSITIONS[self.role][self._state]:
            raise MessageUnexpected(f"{step}: not allowed on {self.role} while {self._state}")

    def _require_not_draining(self, step: Step) -> None:
        allowed = step in TRANSITIONS[self.role][self._state]
        if not allowed or self._state is State.DRAINING:
            raise NotInThisState(f"{step}: not allowed on {self.role} while {self._state}")

    def _move(self, step: Step) -> None:
        self._state = TRANSITIONS[self.role][self._state][step]

    def _end_if_drained(self) -> None:
        if self._state is State.DRAINING and not self._submits and not self._requests:
            self._move(Step.DRAINED)
            self._closing = Close(self._drain_code)
