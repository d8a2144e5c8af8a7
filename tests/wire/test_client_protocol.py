"""The client's machine trusts its relay for nothing."""

import pytest
from hushpost_wire import client_protocol
from hushpost_wire.client_protocol import ANSWERED_BY, REQUEST_IDS, ClientProtocol, Damaged
from hushpost_wire.close_codes import Close, CloseCode
from hushpost_wire.control import (
    CountPrekeys,
    Done,
    Error,
    ErrorCode,
    Expired,
    ExpiredDrop,
    ExpiredSeen,
    Hello,
    PrekeyCount,
    PrekeysLow,
    ProtocolRange,
    Role,
    encode_control,
)
from hushpost_wire.errors import FieldOutOfRange, NotInThisState, WindowFull
from hushpost_wire.frames import (
    Accepted,
    Deliver,
    RefusalReason,
    Refused,
    encode_accepted,
    encode_deliver,
    encode_refused,
    encode_submit,
)
from hushpost_wire.identifiers import EnvelopeId, envelope_id
from hushpost_wire.limits import ANSWER_SECONDS_MAX, Limits
from hushpost_wire.relay_events import Acknowledged
from hushpost_wire.transitions import State

from tests.wire.joined import DROP, ENVELOPE, HOUR, NOW, Joined, login, submitted, welcome


def code(client: ClientProtocol) -> CloseCode | None:
    """Give the code the machine wants to close with."""
    return None if client.closing is None else client.closing.code


def delivered(tag: int, envelope: bytes = ENVELOPE, flags: int = 0) -> bytes:
    """Make a DELIVER frame."""
    return encode_deliver(Deliver(flags, tag, HOUR, DROP, envelope_id(envelope), envelope))


def test_a_letter_goes_round() -> None:
    """Submitted, accepted; delivered, acknowledged; each side sees the other's facts."""
    post, inbox = Joined(Role.POST).open(), Joined(Role.INBOX).open()
    request = post.submit()
    assert post.client.unanswered() == (request,)
    (submit,) = post.to_relay()
    inbox.deliver(500)
    (event,) = inbox.to_client()
    assert isinstance(event, Deliver)
    assert event.envelope == ENVELOPE
    inbox.client.acknowledge(event.tag)
    assert inbox.to_relay() == [Acknowledged((500,))]
    post.relay.accept(request)
    assert post.to_client() == [Accepted((request,))]
    assert post.client.unanswered() == ()
    assert submit is not None


def test_hello_sets_limits_and_version() -> None:
    """The announced windows replace our defaults, and the highest shared version is taken."""
    pair = Joined(Role.POST, Limits(submits_in_flight_max=3))
    (hello,) = pair.to_client()
    assert isinstance(hello, Hello)
    assert pair.client.limits.submits_in_flight_max == 3
    assert (pair.client.protocol, pair.client.submits_left) == (1, 3)


def test_a_relay_of_other_versions_is_left() -> None:
    """No version in common closes with 4001; a wider range that holds ours is fine."""
    for low, high, expected in ((2, 3, CloseCode.UNKNOWN_VERSION), (1, 9, None)):
        pair = Joined(Role.POST)
        wide = ProtocolRange(min=low, max=high)
        pair.client.receive_data(
            encode_control(pair.relay.hello.model_copy(update={"protocol": wide}))
        )
        assert code(pair.client) is expected
        assert pair.client.protocol == 1


def test_the_wrong_endpoint_or_a_second_hello_is_a_violation() -> None:
    """A hello belongs to its role and comes once."""
    inbox, post = Joined(Role.INBOX), Joined(Role.POST)
    inbox.client.receive_data(encode_control(post.relay.hello))
    assert code(inbox.client) is CloseCode.PROTOCOL_ERROR
    post.open().client.receive_data(encode_control(post.relay.hello))
    assert code(post.client) is CloseCode.PROTOCOL_ERROR


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x01" + bytes(80),
        b"\x83",
        encode_accepted([99]),
        encode_refused(RefusalReason.FULL, 99),
        encode_control(Done(id=99)),
        encode_control(login(1)),
        "{",
    ],
)
def test_what_no_relay_may_send_closes(data: str | bytes) -> None:
    """Malformed, unknown, truncated, a verdict or an answer on nothing: 4000, and no event."""
    pair = Joined(Role.INBOX).open()
    pair.client.receive_data(data)
    assert code(pair.client) is CloseCode.PROTOCOL_ERROR
    assert pair.client.events_received() == []
    pair.client.receive_data(delivered(1))
    assert pair.client.events_received() == []


def test_nothing_is_delivered_before_the_welcome_or_on_post() -> None:
    """A relay cannot hand over mail on a connection that is no open inbox."""
    for pair in (Joined(Role.INBOX), Joined(Role.POST).open()):
        pair.to_client()
        pair.client.receive_data(delivered(1))
        assert code(pair.client) is CloseCode.PROTOCOL_ERROR


def test_a_tag_comes_once() -> None:
    """Tags grow; the same or a lower one is a violation, acknowledged or not."""
    for tags in ((1, 1), (5, 4)):
        pair = Joined(Role.INBOX).open()
        for tag in tags:
            pair.client.receive_data(delivered(tag))
        assert code(pair.client) is CloseCode.PROTOCOL_ERROR
        assert len(pair.client.events_received()) == 1


def test_the_delivery_window_binds_the_relay() -> None:
    """One more than announced closes; ephemeral ones do not count."""
    pair = Joined(Role.INBOX, Limits(deliveries_in_flight_max=2)).open()
    for data in (delivered(1), delivered(2), delivered(0, flags=2)):
        pair.client.receive_data(data)
    assert code(pair.client) is None
    pair.client.receive_data(delivered(3))
    assert code(pair.client) is CloseCode.PROTOCOL_ERROR


def test_an_envelope_that_is_not_its_id_is_told_and_can_be_acknowledged() -> None:
    """Damaged mail must not come again for ever, nor end the connection."""
    pair = Joined(Role.INBOX).open()
    pair.deliver(7, EnvelopeId(b"x" * 16))
    assert pair.to_client() == [Damaged(1, DROP, EnvelopeId(b"x" * 16))]
    pair.client.acknowledge(1)
    assert pair.to_relay() == [Acknowledged((7,))]


def test_an_envelope_of_no_bucket_is_damaged() -> None:
    """The reader checks the size that the relay should have."""
    pair = Joined(Role.INBOX).open()
    pair.client.receive_data(delivered(1, bytes(100)))
    (event,) = pair.client.events_received()
    assert isinstance(event, Damaged)


def test_acknowledgements_are_coalesced_and_given_once() -> None:
    """All of a turn leave in one frame; a second for the same tag is our own mistake."""
    pair = Joined(Role.INBOX).open()
    for sequence in (10, 11, 12):
        pair.deliver(sequence)
    pair.to_client()
    for tag in (2, 1, 3):
        pair.client.acknowledge(tag)
    assert pair.to_relay() == [Acknowledged((11, 10, 12))]
    with pytest.raises(NotInThisState):
        pair.client.acknowledge(1)


def test_verdicts_are_given_once() -> None:
    """A second verdict on a request closes."""
    pair = Joined(Role.POST).open()
    request = pair.submit()
    pair.client.receive_data(encode_refused(RefusalReason.SLOW_DOWN, request, 5))
    assert pair.client.events_received() == [Refused(RefusalReason.SLOW_DOWN, request, 5)]
    pair.client.receive_data(encode_accepted([request]))
    assert code(pair.client) is CloseCode.PROTOCOL_ERROR


def test_the_submit_window_binds_the_client() -> None:
    """submits_left counts down, and one more raises and sends nothing."""
    pair = Joined(Role.POST, Limits(submits_in_flight_max=2)).open()
    first, second = pair.submit(), pair.submit()
    assert (first, second, pair.client.submits_left) == (1, 2, 0)
    with pytest.raises(WindowFull):
        pair.submit()
    assert len(pair.to_relay()) == 2
    with pytest.raises(NotInThisState):
        Joined(Role.POST).open().submit(bytes(100))


def test_an_answer_must_fit_its_question() -> None:
    """Prekeys counted are no `done`; an error fits any question."""
    for answer, expected in (
        (Done(id=5), CloseCode.PROTOCOL_ERROR),
        (PrekeyCount(id=5, left=1), None),
        (Error(id=5, code=ErrorCode.RETRY), None),
    ):
        pair = Joined(Role.INBOX).open()
        pair.client.send(CountPrekeys(id=5), NOW)
        pair.client.receive_data(encode_control(answer))
        assert code(pair.client) is expected


def test_every_request_has_an_answer_type() -> None:
    """A request without one could be answered by anything."""
    names = {model.model_fields["type"].default for model in ANSWERED_BY}
    assert len(names) == 10
    assert "expired_seen" not in names


def test_a_refused_login_ends_the_connection() -> None:
    """The error is an event, and the machine is closed."""
    pair = Joined(Role.INBOX)
    pair.to_client()
    pair.client.send(login(1), NOW)
    pair.client.receive_data(encode_control(Error(id=1, code=ErrorCode.LOGIN_FAILED)))
    assert pair.client.events_received() == [Error(id=1, code=ErrorCode.LOGIN_FAILED)]
    assert pair.client.state is State.CLOSED
    assert pair.client.closing == Close(CloseCode.NORMAL, "login refused")


@pytest.mark.parametrize(
    "data",
    [
        encode_control(PrekeysLow(left=2)),
        encode_accepted([1]),
        encode_refused(RefusalReason.FULL, 1),
    ],
)
def test_what_comes_before_its_time_is_named(data: str | bytes) -> None:
    """A notice or a verdict before the login closes, and the reason says what came where."""
    pair = Joined(Role.INBOX)
    pair.to_client()
    pair.client.receive_data(data)
    assert pair.client.closing is not None
    assert pair.client.closing.code is CloseCode.PROTOCOL_ERROR
    assert f"not allowed on {Role.INBOX} while {State.LOGIN}" in pair.client.closing.reason
    assert pair.client.events_received() == []


def test_nothing_is_heard_after_the_end() -> None:
    """What arrives behind a close is no event and no violation."""
    pair = Joined(Role.INBOX).open()
    pair.client.close(CloseCode.NORMAL)
    last_words = encode_control(Error(code=ErrorCode.UNEXPECTED))
    for data in (encode_control(PrekeysLow(left=2)), encode_accepted([1]), last_words, b"no frame"):
        pair.client.receive_data(data)
    assert pair.client.events_received() == []
    assert pair.client.closing == Close(CloseCode.NORMAL)


def test_an_idle_connection_drains_at_once() -> None:
    """Nothing is in flight: it is closed, and submits nothing more."""
    pair = Joined(Role.POST).open()
    assert pair.client.submits_left > 0
    pair.client.drain(CloseCode.GOING_AWAY)
    assert pair.client.closing == Close(CloseCode.GOING_AWAY)
    assert pair.client.state is State.CLOSED
    assert pair.client.submits_left == 0


def test_a_drain_waits_for_answers_too() -> None:
    """With a request unanswered it goes on, and the answer ends it."""
    pair = Joined(Role.INBOX).open()
    pair.client.send(CountPrekeys(id=9), NOW)
    pair.client.drain()
    assert pair.client.closing is None
    assert pair.client.submits_left == 0
    pair.client.receive_data(encode_control(PrekeyCount(id=9, left=1)))
    assert pair.client.closing == Close(CloseCode.NORMAL)
    assert pair.client.state is State.CLOSED


def test_request_ids_are_all_that_a_frame_can_name() -> None:
    """The greatest one fits a frame, and the next does not."""
    encode_submit(submitted(REQUEST_IDS - 1))
    with pytest.raises(FieldOutOfRange):
        encode_submit(submitted(REQUEST_IDS))


def test_a_welcome_of_another_version_is_left() -> None:
    """The relay cannot change the version after the client signed it."""
    pair = Joined(Role.INBOX)
    pair.to_client()
    pair.client.send(login(1), NOW)
    pair.client.receive_data(encode_control(welcome(1).model_copy(update={"protocol": 2})))
    assert code(pair.client) is CloseCode.UNKNOWN_VERSION


def test_notices_and_the_relays_last_words_are_events() -> None:
    """A notice needs no question, and an error without id says why the close comes."""
    pair = Joined(Role.INBOX).open()
    notice = Expired(notice=2, drops=(ExpiredDrop(drop_ref=DROP, count=3),))
    for message in (notice, PrekeysLow(left=2), Error(code=ErrorCode.UNEXPECTED)):
        pair.client.receive_data(encode_control(message))
    assert len(pair.client.events_received()) == 3
    pair.relay.notify(notice)
    pair.client.send(ExpiredSeen(notice=2), NOW)
    assert pair.to_relay() == [ExpiredSeen(notice=2)]


def test_commands_out_of_place_raise_and_send_nothing() -> None:
    """Before hello, on the wrong endpoint, with an id in use, beyond the window."""
    pair = Joined(Role.POST)
    with pytest.raises(NotInThisState):
        pair.submit()
    pair.open()
    with pytest.raises(NotInThisState):
        pair.client.send(login(1), NOW)
    inbox = Joined(Role.INBOX, Limits(requests_in_flight_max=1)).open()
    inbox.client.send(CountPrekeys(id=9), NOW)
    with pytest.raises(NotInThisState):
        inbox.client.send(CountPrekeys(id=9), NOW)
    with pytest.raises(WindowFull):
        inbox.client.send(CountPrekeys(id=10), NOW)
    assert len(inbox.client.data_to_send()) == 1


def test_ids_skip_those_in_use() -> None:
    """An id comes back only when its answer has."""
    client = Joined(Role.INBOX).open().client
    client.send(CountPrekeys(id=3), NOW)
    assert 3 not in {client.next_id() for _ in range(5)}


def test_ids_begin_anew_and_pass_over_what_still_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """When all numbers were given, the first that is free comes next."""
    monkeypatch.setattr(client_protocol, "REQUEST_IDS", 8)
    pair = Joined(Role.POST).open()
    waiting = pair.submit()
    given = [pair.client.next_id() for _ in range(20)]
    assert waiting not in given
    assert set(given) == set(range(8)) - {waiting}


def test_a_submission_takes_no_id_that_a_request_has() -> None:
    """Nor the other way round: verdicts and answers name the same kind of numbers."""
    pair = Joined(Role.INBOX).open()
    asked = pair.client.next_id() + 1
    pair.client.send(CountPrekeys(id=asked), NOW)
    submitted_as = pair.submit()
    assert submitted_as == asked + 1
    assert pair.client.next_id() == submitted_as + 1


def test_an_answer_that_does_not_come_closes() -> None:
    """Hello, a verdict and a control answer each have 30 seconds."""
    fresh, post, inbox = Joined(Role.POST), Joined(Role.POST).open(), Joined(Role.INBOX).open()
    assert post.client.next_deadline() == float("inf")
    post.submit()
    inbox.client.send(CountPrekeys(id=9), NOW)
    for client in (fresh.client, post.client, inbox.client):
        assert client.next_deadline() == NOW + ANSWER_SECONDS_MAX
        client.handle_deadline(NOW + ANSWER_SECONDS_MAX - 0.1)
        assert code(client) is None
        client.handle_deadline(NOW + ANSWER_SECONDS_MAX)
        assert code(client) is CloseCode.TIMEOUT
        assert client.next_deadline() == float("inf")


def test_drain_waits_for_verdicts() -> None:
    """Nothing new goes out; after the last verdict the connection closes with 1000."""
    pair = Joined(Role.POST).open()
    request = pair.submit()
    pair.client.drain()
    with pytest.raises(NotInThisState):
        pair.submit()
    assert pair.client.closing is None
    pair.to_relay()
    pair.relay.accept(request)
    assert pair.to_client() == [Accepted((request,))]
    assert code(pair.client) is CloseCode.NORMAL
    idle = Joined(Role.INBOX)
    idle.client.drain()
    assert code(idle.client) is CloseCode.NORMAL


def test_a_lost_connection_leaves_the_order_of_what_to_send_again() -> None:
    """Dropped on the way: unanswered names them oldest first."""
    pair = Joined(Role.POST).open()
    requests = tuple(pair.submit() for _ in range(4))
    pair.to_relay(lambda messages: messages[:2])
    pair.relay.accept(requests[1])
    pair.to_client()
    pair.client.close(CloseCode.GOING_AWAY)
    assert pair.client.unanswered() == (requests[0], requests[2], requests[3])
    pair.client.acknowledge(1)
    assert pair.client.data_to_send() == []


def test_acknowledging_after_the_end_or_draining_twice_does_nothing() -> None:
    """Late work of the caller meets a closed machine without harm."""
    pair = Joined(Role.INBOX).open()
    pair.deliver(4)
    pair.to_client()
    pair.client.close(CloseCode.NORMAL)
    pair.client.acknowledge(1)
    pair.client.drain()
    pair.client.close(CloseCode.TIMEOUT)
    assert pair.client.data_to_send() == []
    assert code(pair.client) is CloseCode.NORMAL
