"""Two machines joined: whatever is said, verdicts match submissions and nothing is raised."""

from hushpost_wire.control import Role
from hushpost_wire.frames import Accepted, Deliver, RefusalReason, Refused, Submit
from hushpost_wire.limits import Limits
from hushpost_wire.relay_events import Acknowledged
from hushpost_wire.transitions import State
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.joined import NOW, Joined

heads = st.sampled_from([b"", b"\x01", b"\x02", b"\x81", b"\x82", b"\x83"])


def frame(parts: tuple[bytes, bytes]) -> bytes:
    """Put a frame type before random bytes."""
    return parts[0] + parts[1]


messages = st.text(max_size=80) | st.tuples(heads, st.binary()).map(frame)


@given(st.sampled_from(Role), st.lists(messages, max_size=6), st.booleans())
def test_no_message_raises_on_either_side(
    role: Role, data: list[str | bytes], opened: bool
) -> None:
    """Whatever comes, a machine goes on or asks to be closed; it never throws."""
    pair = Joined(role)
    if opened:
        pair.open()
    for message in data:
        pair.relay.receive_data(message, NOW)
        pair.client.receive_data(message)
    for machine in (pair.relay, pair.client):
        assert (machine.closing is not None) is (machine.state is State.CLOSED)


@given(st.lists(st.booleans(), max_size=40))
def test_every_submission_gets_its_own_verdict(kinds: list[bool]) -> None:
    """Accepted and refused in any order, each request hears exactly once what was decided."""
    pair = Joined(Role.POST).open()
    decided = {pair.submit(): accepted for accepted in kinds}
    events = pair.to_relay(lambda sent: sent[::-1])
    for event in events:
        assert isinstance(event, Submit)
        if decided[event.request]:
            pair.relay.accept(event.request)
        else:
            pair.relay.refuse(event.request, RefusalReason.FULL, 1)
    heard: dict[int, bool] = {}
    for verdict in pair.to_client():
        assert isinstance(verdict, Accepted | Refused)
        requests = verdict.requests if isinstance(verdict, Accepted) else (verdict.request,)
        for request in requests:
            assert request not in heard
            heard[request] = isinstance(verdict, Accepted)
    assert heard == decided
    assert pair.client.unanswered() == ()


@given(st.permutations(range(12)), st.integers(0, 12))
def test_acknowledgements_in_any_order_name_what_was_delivered(
    order: list[int], count: int
) -> None:
    """What was acknowledged is named, in that order, and room is made for as much and no more."""
    pair = Joined(Role.INBOX).open()
    tags = {pair.deliver(900 + index): 900 + index for index in range(12)}
    delivered = [event for event in pair.to_client() if isinstance(event, Deliver)]
    assert [event.tag for event in delivered] == list(tags)
    for index in order[:count]:
        pair.client.acknowledge(delivered[index].tag)
    named: list[int] = []
    for event in pair.to_relay():
        assert isinstance(event, Acknowledged)
        named += event.sequences
    assert named == [900 + index for index in order[:count]]
    assert pair.relay.deliveries_left == Limits().deliveries_in_flight_max - 12 + count
