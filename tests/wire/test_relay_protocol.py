"""The relay's machine keeps its windows, tags and states whatever a client sends."""

import json
import random

import pytest
from hushpost_wire.close_codes import CLOSE_REASON_BYTES_MAX, Close, CloseCode
from hushpost_wire.control import (
    AccountCreated,
    CountPrekeys,
    CreateAccount,
    Error,
    ErrorCode,
    Expired,
    ExpiredDrop,
    ExpiredSeen,
    Login,
    PrekeyCount,
    PrekeysLow,
    Role,
    TakePrekeys,
    decode_control_to_client,
    encode_control,
)
from hushpost_wire.errors import NotInThisState, WindowFull
from hushpost_wire.frames import (
    Accepted,
    Deliver,
    DeliverFlags,
    RefusalReason,
    Refused,
    Submit,
    decode_to_client,
    encode_acknowledge,
    encode_submit,
)
from hushpost_wire.identifiers import AccountId, EnvelopeId, envelope_id
from hushpost_wire.limits import DRAIN_SECONDS_MAX, Limits
from hushpost_wire.relay_events import Acknowledged, PingDue, Unfit
from hushpost_wire.relay_protocol import RelayProtocol
from hushpost_wire.transitions import FROM_CLIENT, TRANSITIONS, State, Step

from tests.wire.control_examples import TO_RELAY, filled
from tests.wire.joined import DROP, ENVELOPE, HOUR, NOW, Joined, Messages, login, submitted, welcome


def verdicts(relay: RelayProtocol) -> list[object]:
    """Decode the frames that the relay has to send."""
    return [decode_to_client(data) for data in relay.data_to_send() if isinstance(data, bytes)]


def in_state(role: Role, state: State) -> Joined:
    """Bring a relay's machine into a state by nothing but messages and answers."""
    pair = Joined(role)
    if state in {State.OPEN, State.DRAINING, State.CLOSED}:
        pair.open()
        pair.submit()
        pair.to_relay()
        if role is Role.INBOX:
            # A tag and a notice, for the messages that answer them.
            pair.deliver(5)
            pair.relay.notify(Expired(notice=1, drops=(ExpiredDrop(drop_ref=DROP, count=1),)))
    if state is State.DRAINING:
        pair.relay.drain(NOW)
    elif state is State.CLOSED:
        pair.relay.close(CloseCode.NORMAL)
    elif state is State.CREATING:
        pair.relay.receive_data(encoded(TO_RELAY[0]["type"]), NOW)
    elif state is State.VERIFYING:
        pair.relay.receive_data(encoded("login"), NOW)
    pair.relay.data_to_send()
    pair.relay.events_received()
    assert pair.relay.state is state
    return pair


def encoded(kind: str) -> str:
    """Give the example of a control message as text."""
    return json.dumps(filled(next(example for example in TO_RELAY if example["type"] == kind)))


def message_of(step: Step, role: Role) -> str | bytes:
    """Give a client's message that is a step."""
    if step is Step.SUBMIT:
        return encode_submit(submitted(77))
    if step is Step.ACKNOWLEDGE:
        return encode_acknowledge([1])
    if step is Step.NOTICE_SEEN:
        return encoded("expired_seen")
    if step is Step.REQUEST:
        return encoded("count_prekeys" if role is Role.INBOX else "take_prekeys")
    return encoded(step.value)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("step", sorted(FROM_CLIENT))
@pytest.mark.parametrize("state", [state for state in State if state is not State.GREETING])
def test_the_table_is_walked(role: Role, step: Step, state: State) -> None:
    """A client's message moves the machine as the table says, or breaks the protocol."""
    if state not in TRANSITIONS[role]:
        return
    pair = in_state(role, state)
    pair.relay.receive_data(message_of(step, role), NOW)
    target = TRANSITIONS[role][state].get(step)
    if state is State.CLOSED:
        assert pair.relay.closing is not None
        assert pair.relay.closing.code is CloseCode.NORMAL
    elif target is None:
        assert pair.relay.closing is not None
        assert pair.relay.closing.code is CloseCode.PROTOCOL_ERROR
        assert pair.relay.events_received() == []
        if role is Role.INBOX or step is Step.ACKNOWLEDGE:
            # Of what the endpoint can read at all, the place is what is wrong, and nothing else.
            assert pair.relay.closing.reason.startswith(f"{step}: not allowed on {role} while")
    else:
        assert pair.relay.state is target
        assert pair.relay.closing is None
        answered = state is State.DRAINING and step in {Step.SUBMIT, Step.REQUEST}
        assert len(pair.relay.events_received()) == (0 if answered else 1)


def test_hello_comes_first_and_announces_the_limits() -> None:
    """The first message carries nonce, host, key, hour and every limit."""
    pair = Joined(Role.INBOX, Limits(submits_in_flight_max=9))
    (text,) = pair.relay.data_to_send()
    hello = decode_control_to_client(text)
    assert hello == pair.relay.hello
    assert hello.type == "hello"
    assert pair.relay.hello.limits.submits_in_flight_max == 9
    assert pair.relay.hello.hour == int(NOW // 3600)


def test_verdicts_are_coalesced() -> None:
    """Acceptances of one turn leave in one frame of at most 256, a refusal in its own."""
    pair = Joined(Role.POST, Limits(submits_in_flight_max=300)).open()
    requests = [pair.submit() for _ in range(300)]
    assert len(pair.to_relay()) == 300
    for request in requests[:-1]:
        pair.relay.accept(request)
    pair.relay.refuse(requests[-1], RefusalReason.FULL, 60)
    refused, first, second = verdicts(pair.relay)
    assert refused == Refused(RefusalReason.FULL, requests[-1], 60)
    assert first == Accepted(tuple(requests[:256]))
    assert second == Accepted(tuple(requests[256:-1]))


def test_a_verdict_is_given_once() -> None:
    """A second verdict, or one on nothing, is the relay's own mistake."""
    pair = Joined(Role.POST).open()
    request = pair.submit()
    pair.to_relay()
    pair.relay.accept(request)
    with pytest.raises(NotInThisState):
        pair.relay.accept(request)
    with pytest.raises(NotInThisState):
        pair.relay.refuse(request, RefusalReason.RETRY)


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (submitted(1)._replace(envelope=bytes(4095)), RefusalReason.BAD_ENVELOPE),
        (submitted(1)._replace(envelope_id=EnvelopeId(bytes(16))), RefusalReason.BAD_ENVELOPE),
        (submitted(1)._replace(ttl_class=5), RefusalReason.BAD_TTL),
        (submitted(1)._replace(not_after=1), RefusalReason.BAD_TTL),
        (submitted(1)._replace(not_after=HOUR + 1), RefusalReason.BAD_TTL),
        (submitted(1)._replace(not_after=HOUR + 240), RefusalReason.BAD_TTL),
    ],
)
def test_a_bad_envelope_is_refused_and_disturbs_nothing(
    broken: Submit, reason: RefusalReason
) -> None:
    """The refusal names its request, the drop is never asked, the connection goes on."""
    pair = Joined(Role.POST).open()
    pair.relay.receive_data(encode_submit(broken), NOW)
    assert pair.relay.events_received() == []
    assert verdicts(pair.relay) == [Refused(reason, 1, 0)]
    pair.relay.receive_data(encode_submit(submitted(1)), NOW)
    assert pair.relay.events_received() == [submitted(1)]


def test_a_repeated_request_id_breaks_the_protocol() -> None:
    """While the first waits; once it is answered the id is free again."""
    pair = Joined(Role.POST).open()
    pair.submit()
    pair.to_relay(lambda messages: messages * 2)
    assert pair.relay.closing is not None
    assert pair.relay.closing.code is CloseCode.PROTOCOL_ERROR


def test_windows_are_enforced() -> None:
    """One submission, request or delivery more than announced ends the connection or raises."""
    limits = Limits(submits_in_flight_max=2, requests_in_flight_max=2, deliveries_in_flight_max=2)
    for message in (
        [encode_submit(submitted(n)) for n in range(3)],
        [encode_control(CountPrekeys(id=n)) for n in range(3)],
    ):
        pair = Joined(Role.INBOX, limits).open()
        for data in message:
            assert pair.relay.closing is None
            pair.relay.receive_data(data, NOW)
        assert pair.relay.closing is not None
        assert pair.relay.closing.code is CloseCode.PROTOCOL_ERROR
        assert len(pair.relay.events_received()) == 2
    pair = Joined(Role.INBOX, limits).open()
    assert [pair.relay.deliveries_left, pair.deliver(1), pair.deliver(2)] == [2, 1, 2]
    assert pair.relay.deliveries_left == 0
    with pytest.raises(WindowFull):
        pair.deliver(3)


def test_acknowledgements_name_the_sequences_of_their_tags() -> None:
    """Any order of tags, any grouping; what is left can still be acknowledged."""
    pair = Joined(Role.INBOX).open()
    tags = [pair.deliver(sequence) for sequence in (500, 501, 502, 503)]
    pair.relay.receive_data(encode_acknowledge([tags[2], tags[0]]), NOW)
    assert pair.relay.events_received() == [Acknowledged((502, 500))]
    pair.relay.receive_data(encode_acknowledge([tags[1], tags[3]]), NOW)
    assert pair.relay.events_received() == [Acknowledged((501, 503))]


@pytest.mark.parametrize("tags", [[0], [1, 1], [2], [1, 9]])
def test_a_void_tag_breaks_the_protocol(tags: list[int]) -> None:
    """Zero, twice, never given, or a good one beside it: nothing of the frame counts."""
    pair = Joined(Role.INBOX).open()
    pair.deliver(500)
    pair.relay.receive_data(encode_acknowledge(tags), NOW)
    assert pair.relay.events_received() == []
    assert pair.relay.closing is not None
    assert pair.relay.closing.code is CloseCode.PROTOCOL_ERROR


def test_an_ephemeral_delivery_waits_for_nothing() -> None:
    """It has tag 0 and takes no place in the window."""
    pair = Joined(Role.INBOX, Limits(deliveries_in_flight_max=1)).open()
    pair.deliver(1)
    pair.relay.deliver_ephemeral(
        not_after=HOUR, drop_ref=DROP, envelope_id=envelope_id(ENVELOPE), envelope=ENVELOPE
    )
    _, frame = verdicts(pair.relay)
    assert isinstance(frame, Deliver)
    assert (frame.flags, frame.tag) == (DeliverFlags.EPHEMERAL, 0)


@pytest.mark.parametrize(
    ("data", "code", "error"),
    [
        (b"", CloseCode.PROTOCOL_ERROR, ErrorCode.MALFORMED),
        (b"\x01", CloseCode.PROTOCOL_ERROR, ErrorCode.MALFORMED),
        (b"\x02\0\0\0", CloseCode.PROTOCOL_ERROR, ErrorCode.MALFORMED),
        (b"\x7f" + bytes(80), CloseCode.PROTOCOL_ERROR, ErrorCode.MALFORMED),
        (b"\x81\0\0\0\0\0\0\x01", CloseCode.PROTOCOL_ERROR, ErrorCode.MALFORMED),
        ("{", CloseCode.PROTOCOL_ERROR, ErrorCode.MALFORMED),
        (" " * 65537, CloseCode.TOO_BIG, ErrorCode.MALFORMED),
        ('{"type":"expired_seen","notice":4}', CloseCode.PROTOCOL_ERROR, ErrorCode.UNEXPECTED),
    ],
)
def test_a_violation_is_told_and_closes(
    data: str | bytes, code: CloseCode, error: ErrorCode
) -> None:
    """An error without id, then the close; a reason that fits a close frame; then silence."""
    pair = Joined(Role.INBOX).open()
    pair.relay.receive_data(data, NOW)
    assert pair.relay.data_to_send() == [encode_control(Error(code=error))]
    assert pair.relay.closing is not None
    assert pair.relay.closing.code is code
    assert 0 < len(pair.relay.closing.reason.encode()) <= CLOSE_REASON_BYTES_MAX
    pair.relay.receive_data(encode_submit(submitted(1)), NOW)
    assert pair.relay.events_received() == []
    assert pair.relay.data_to_send() == []


@pytest.mark.parametrize("protocol", [2, 65535])
def test_a_version_outside_the_range_has_its_own_close_code(protocol: int) -> None:
    """A login with a version the relay did not offer ends with 4001."""
    pair = Joined(Role.INBOX)
    wrong = login(1).model_copy(update={"protocol": protocol})
    pair.relay.receive_data(encode_control(wrong), NOW)
    assert pair.relay.closing is not None
    assert pair.relay.closing.code is CloseCode.UNKNOWN_VERSION
    assert encode_control(Error(code=ErrorCode.UNKNOWN_VERSION)) in pair.relay.data_to_send()


def test_a_refused_login_is_answered_and_closed() -> None:
    """The error carries the request's id, and the close code is 4002."""
    pair = Joined(Role.INBOX)
    pair.relay.data_to_send()
    pair.relay.receive_data(encode_control(login(4)), NOW)
    pair.relay.answer(Error(id=4, code=ErrorCode.LOGIN_FAILED))
    assert pair.relay.data_to_send() == ['{"type":"error","id":4,"code":"login_failed"}']
    assert pair.relay.closing is not None
    assert pair.relay.closing.code is CloseCode.LOGIN_FAILED


def test_an_error_while_open_leaves_the_connection_open() -> None:
    """A request that failed is answered and nothing else happens."""
    pair = Joined(Role.POST).open()
    pair.relay.receive_data(encode_control(TakePrekeys(id=3, account=AccountId(bytes(32)))), NOW)
    pair.relay.answer(Error(id=3, code=ErrorCode.NO_ACCOUNT))
    assert pair.relay.state is State.OPEN
    with pytest.raises(NotInThisState):
        pair.relay.answer(Error(id=3, code=ErrorCode.NO_ACCOUNT))


def test_a_notice_is_told_once_on_a_connection() -> None:
    """Telling a notice again, seen or not, sends nothing: its answer would be a violation."""
    pair = Joined(Role.INBOX).open()
    notice = Expired(notice=6, drops=(ExpiredDrop(drop_ref=DROP, count=3),))
    pair.relay.notify(notice)
    assert len(pair.relay.data_to_send()) == 1
    pair.relay.notify(notice)
    pair.relay.receive_data(encode_control(ExpiredSeen(notice=6)), NOW)
    pair.relay.notify(notice)
    assert pair.relay.data_to_send() == []
    assert pair.relay.closing is None


def test_an_expired_notice_is_seen_once() -> None:
    """expired_seen is an event for a notice that was sent, and a violation the second time."""
    pair = Joined(Role.INBOX).open()
    pair.relay.notify(Expired(notice=6, drops=(ExpiredDrop(drop_ref=DROP, count=3),)))
    pair.relay.notify(PrekeysLow(left=3))
    seen = encode_control(ExpiredSeen(notice=6))
    pair.relay.receive_data(seen, NOW)
    assert pair.relay.events_received() == [ExpiredSeen(notice=6)]
    pair.relay.receive_data(seen, NOW)
    assert pair.relay.closing is not None


def test_drain_finishes_what_is_in_flight() -> None:
    """New submissions are refused with RETRY; after the last verdict comes 1012."""
    pair = Joined(Role.INBOX).open()
    request = pair.submit()
    pair.to_relay()
    pair.deliver(9)
    pair.relay.drain(NOW)
    assert pair.relay.state is State.DRAINING
    assert pair.relay.deliveries_left == 0
    pair.relay.receive_data(encode_submit(submitted(50)), NOW)
    pair.relay.receive_data(encode_control(CountPrekeys(id=51)), NOW)
    pair.relay.receive_data(encode_acknowledge([1]), NOW)
    assert pair.relay.events_received() == [Acknowledged((9,))]
    assert pair.relay.closing is None
    pair.relay.accept(request)
    assert pair.relay.closing is not None
    assert pair.relay.closing.code is CloseCode.DRAIN
    out = pair.relay.data_to_send()
    assert encode_control(Error(id=51, code=ErrorCode.RETRY)) in out
    frames = [decode_to_client(data) for data in out if isinstance(data, bytes)]
    assert Refused(RefusalReason.RETRY, 50, 0) in frames
    assert Accepted((request,)) in frames


def test_drain_before_login_and_of_an_idle_connection_closes_at_once() -> None:
    """Nothing is in flight, so nothing is waited for; late answers are dropped in silence."""
    for pair in (Joined(Role.INBOX), Joined(Role.POST)):
        pair.relay.drain(NOW)
        assert pair.relay.closing is not None
        assert pair.relay.closing.code is CloseCode.DRAIN
        pair.relay.drain(NOW)
        pair.relay.accept(1)
        pair.relay.refuse(1, RefusalReason.RETRY)
        pair.relay.answer(PrekeyCount(id=1, left=1))
        assert pair.relay.next_deadline() == float("inf")


def test_a_slow_drain_ends_at_its_deadline() -> None:
    """A verdict that never comes does not hold the relay up."""
    pair = in_state(Role.POST, State.DRAINING)
    assert pair.relay.next_deadline() == NOW + DRAIN_SECONDS_MAX
    pair.relay.handle_deadline(NOW + DRAIN_SECONDS_MAX)
    assert pair.relay.closing is not None
    assert pair.relay.closing.code is CloseCode.DRAIN


def test_an_inbox_without_login_times_out() -> None:
    """Fifteen seconds from the connect; creating an account begins them anew."""
    pair = Joined(Role.INBOX)
    pair.relay.handle_deadline(NOW + 14.9)
    assert pair.relay.closing is None
    pair.relay.receive_data(encoded("create_account"), NOW + 10)
    (event,) = pair.relay.events_received()
    assert isinstance(event, CreateAccount)
    pair.relay.handle_deadline(NOW + 24)
    assert pair.relay.closing is None
    pair.relay.handle_deadline(NOW + 25)
    assert pair.relay.closing is not None
    assert pair.relay.closing.code is CloseCode.TIMEOUT


def test_creating_an_account_again_gives_no_more_time() -> None:
    """Who repeats a creation, which any client may, does not hold the connection for longer."""
    pair = Joined(Role.INBOX)
    pair.relay.receive_data(encoded("create_account"), NOW + 10)
    (event,) = pair.relay.events_received()
    assert isinstance(event, CreateAccount)
    pair.relay.answer(AccountCreated(id=event.id))
    pair.relay.receive_data(encoded("create_account"), NOW + 20)
    assert len(pair.relay.events_received()) == 1
    pair.relay.handle_deadline(NOW + 25)
    assert pair.relay.closing is not None
    assert pair.relay.closing.code is CloseCode.TIMEOUT


def test_silence_is_pinged_and_then_closed() -> None:
    """Heard at 0: ping at 45, closed at 75; a pong or any message begins anew."""
    pair = Joined(Role.INBOX).open()
    relay = pair.relay
    assert relay.next_deadline() == NOW + 45
    relay.handle_deadline(NOW + 45)
    assert relay.events_received() == [PingDue()]
    assert relay.next_deadline() == NOW + 75
    relay.receive_pong(NOW + 46)
    assert relay.next_deadline() == NOW + 91
    relay.handle_deadline(NOW + 91)
    relay.receive_data(encode_submit(submitted(1)), NOW + 92)
    assert relay.next_deadline() == NOW + 137
    relay.events_received()
    # Heard of since the last ping: that one is answered, and the next is due.
    relay.handle_deadline(NOW + 137)
    assert relay.closing is None
    assert relay.events_received() == [PingDue()]
    relay.handle_deadline(NOW + 167)
    assert relay.closing is not None
    assert relay.closing.code is CloseCode.TIMEOUT


def test_a_post_connection_has_an_end() -> None:
    """After 15 minutes it is drained, however busy it is, and closes with 1000."""
    relay = Joined(Role.POST).open().relay
    relay.receive_pong(NOW + 880)
    assert relay.next_deadline() == NOW + 900
    relay.handle_deadline(NOW + 900)
    assert relay.closing is not None
    assert relay.closing.code is CloseCode.NORMAL
    assert relay.state is State.CLOSED


def test_an_inbox_has_no_end() -> None:
    """However old it is, it is pinged and stays."""
    relay = Joined(Role.INBOX).open().relay
    relay.receive_pong(NOW + 5_000)
    assert relay.next_deadline() == NOW + 5_045
    relay.handle_deadline(NOW + 5_045)
    assert relay.events_received() == [PingDue()]
    assert relay.closing is None


def test_a_young_post_connection_is_pinged() -> None:
    """Its end is not due before its time: silence is asked about as on the inbox."""
    relay = Joined(Role.POST).open().relay
    relay.handle_deadline(NOW + 45)
    assert relay.events_received() == [PingDue()]
    assert relay.state is State.OPEN


def test_what_comes_in_the_moment_of_a_ping_does_not_answer_it() -> None:
    """Only what is heard after a ping shows that somebody is there."""
    relay = Joined(Role.INBOX).open().relay
    relay.handle_deadline(NOW + 45)
    relay.receive_data(encode_submit(submitted(1)), NOW + 45)
    assert relay.next_deadline() == NOW + 75
    relay.handle_deadline(NOW + 75)
    assert relay.closing is not None
    assert relay.closing.code is CloseCode.TIMEOUT


def test_commands_out_of_place_raise() -> None:
    """Nothing is delivered on post, or before the login."""
    for pair in (Joined(Role.POST).open(), Joined(Role.INBOX)):
        with pytest.raises(NotInThisState):
            pair.deliver(1)
        with pytest.raises(NotInThisState):
            pair.relay.notify(PrekeysLow(left=1))
    pair = Joined(Role.INBOX)
    pair.relay.receive_data(encode_control(login(1)), NOW)
    with pytest.raises(NotInThisState):
        pair.relay.answer(welcome(2))
    pair = Joined(Role.INBOX).open()
    pair.relay.receive_data(encode_control(CountPrekeys(id=8)), NOW)
    with pytest.raises(NotInThisState):
        pair.relay.answer(welcome(8))
    pair.relay.answer(PrekeyCount(id=8, left=1))


def test_nothing_is_begun_while_draining_or_out_of_place() -> None:
    """No notice, no typing notice: not on post, not before the login, not at the end."""
    draining = in_state(Role.INBOX, State.DRAINING)
    for pair in (draining, Joined(Role.POST).open(), Joined(Role.INBOX)):
        pair.relay.data_to_send()
        with pytest.raises(NotInThisState):
            pair.relay.notify(PrekeysLow(left=1))
        with pytest.raises(NotInThisState):
            pair.relay.deliver_ephemeral(
                not_after=HOUR, drop_ref=DROP, envelope_id=envelope_id(ENVELOPE), envelope=ENVELOPE
            )
        assert pair.relay.data_to_send() == []


@pytest.mark.parametrize("backlog", [True, False])
def test_a_delivery_says_whether_it_waited(backlog: bool) -> None:
    """What waited at login carries the flag, and what comes live carries none."""
    pair = Joined(Role.INBOX).open()
    pair.relay.deliver(
        1,
        backlog=backlog,
        not_after=HOUR,
        drop_ref=DROP,
        envelope_id=envelope_id(ENVELOPE),
        envelope=ENVELOPE,
    )
    (deliver,) = verdicts(pair.relay)
    assert isinstance(deliver, Deliver)
    assert deliver.flags == (DeliverFlags.BACKLOG if backlog else 0)


def test_a_drain_ends_with_whatever_was_the_last_answer() -> None:
    """A refusal ends it as an acceptance does, and so does the answer to a request."""
    refused, asked = Joined(Role.POST).open(), Joined(Role.POST).open()
    request = refused.submit()
    refused.to_relay()
    asked.relay.receive_data(encode_control(TakePrekeys(id=3, account=AccountId(bytes(32)))), NOW)
    for pair in (refused, asked):
        pair.relay.drain(NOW)
        assert pair.relay.closing is None
        assert pair.relay.state is State.DRAINING
    refused.relay.refuse(request, RefusalReason.FULL)
    asked.relay.answer(Error(id=3, code=ErrorCode.NO_ACCOUNT))
    for pair in (refused, asked):
        assert pair.relay.state is State.CLOSED
        assert pair.relay.closing is not None
        assert pair.relay.closing.code is CloseCode.DRAIN


def test_the_first_close_stands() -> None:
    """Closing what is closed changes neither code nor reason."""
    relay = Joined(Role.POST).open().relay
    relay.close(CloseCode.NORMAL, "first")
    relay.close(CloseCode.TIMEOUT, "second")
    assert relay.closing == Close(CloseCode.NORMAL, "first")


def test_what_comes_while_draining_is_told_to_who_answers_later() -> None:
    """A submission that is fit but too late is RETRY."""
    relay = in_state(Role.POST, State.DRAINING).relay
    relay.tells_unfit = True
    relay.receive_data(encode_submit(submitted(50)), NOW)
    assert relay.events_received() == [Unfit(50, RefusalReason.RETRY)]


def test_a_login_gives_no_more_time() -> None:
    """Only a first account creation does: who logs in slowly is not waited for longer."""
    relay = Joined(Role.INBOX).relay
    due = relay.next_deadline()
    relay.receive_data(encode_control(login(1)), NOW + 5)
    assert relay.next_deadline() == due


def test_a_repeated_control_id_breaks_the_protocol() -> None:
    """While the first waits; once it is answered the id is free again."""
    pair = Joined(Role.INBOX).open()
    count = encode_control(CountPrekeys(id=8))
    pair.relay.receive_data(count, NOW)
    pair.relay.answer(PrekeyCount(id=8, left=1))
    pair.relay.receive_data(count, NOW)
    assert pair.relay.closing is None
    pair.relay.receive_data(count, NOW)
    assert pair.relay.closing is not None
    assert pair.relay.closing.code is CloseCode.PROTOCOL_ERROR


def test_reordered_submissions_are_all_judged() -> None:
    """The machine promises no order of its own: each keeps its request."""
    pair = Joined(Role.POST).open()
    requests = {pair.submit() for _ in range(20)}

    def shuffled(messages: Messages) -> Messages:
        return random.Random(1).sample(messages, len(messages))

    events = pair.to_relay(shuffled)
    assert {event.request for event in events if isinstance(event, Submit)} == requests


def test_login_is_an_event_with_its_fields() -> None:
    """The relay gets what the client signed, and its own hello to check it against."""
    pair = Joined(Role.INBOX)
    pair.relay.receive_data(encode_control(login(1)), NOW)
    (event,) = pair.relay.events_received()
    assert event == login(1)
    assert isinstance(event, Login)
    assert pair.relay.hello.nonce == b"n" * 32


@pytest.mark.parametrize("role", list(Role))
def test_a_clock_set_back_postpones_nothing(role: Role) -> None:
    """After a correction by a day the next deadline is as near as it was, logged in or not."""
    for pair in (Joined(role), Joined(role).open()):
        before = pair.relay.next_deadline() - NOW
        pair.relay.clock_set_back(NOW - 86_400)
        assert pair.relay.next_deadline() - (NOW - 86_400) <= before
        pair.relay.clock_set_back(NOW + 86_400)
        assert pair.relay.next_deadline() < NOW


def test_refusals_that_no_event_tells_are_counted() -> None:
    """Who counts rates learns of submissions that the machine itself refused."""
    pair = Joined(Role.POST).open()
    pair.relay.receive_data(encode_submit(submitted(1)._replace(not_after=0)), NOW)
    assert pair.relay.events_received() == []
    pair.relay.receive_data(encode_submit(submitted(2)), NOW)
    assert pair.relay.refused_unseen == 1


def test_who_answers_later_is_told_of_unfit_submissions() -> None:
    """With `tells_unfit` nothing is refused at once; the event names request and reason."""
    pair = Joined(Role.POST).open()
    pair.relay.tells_unfit = True
    pair.relay.data_to_send()
    pair.relay.receive_data(encode_submit(submitted(1)._replace(not_after=0)), NOW)
    pair.relay.receive_data(encode_submit(submitted(2)._replace(envelope=bytes(9))), NOW)
    assert pair.relay.events_received() == [
        Unfit(1, RefusalReason.BAD_TTL),
        Unfit(2, RefusalReason.BAD_ENVELOPE),
    ]
    assert pair.relay.refused_unseen == 0
    assert pair.relay.data_to_send() == []
    pair.relay.refuse(1, RefusalReason.BAD_TTL)
    assert pair.relay.data_to_send() == [bytes.fromhex("820500000000000100000000")]
