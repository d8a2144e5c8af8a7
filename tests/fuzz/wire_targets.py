"""Fuzz targets of the wire: frames, control messages, signed records and both machines."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from hushpost_wire import control, frames
from hushpost_wire.account_records import DeviceList, Genesis
from hushpost_wire.client_protocol import ClientProtocol
from hushpost_wire.control import Role
from hushpost_wire.errors import FrameError, MalformedRecord, PeerViolation
from hushpost_wire.frames import Accepted, Acknowledge, Deliver, FrameToRelay, Refused, Submit
from hushpost_wire.host import parse_host
from hushpost_wire.identifiers import (
    DropReference,
    DropSecret,
    EnvelopeId,
    RelayPublicKey,
    Route,
    envelope_id,
)
from hushpost_wire.limits import FRAME_NUMBERS_MAX
from hushpost_wire.prekey_records import PrekeyRecord, SealRecord
from hushpost_wire.relay_protocol import RelayProtocol
from hushpost_wire.relay_records import Handover
from hushpost_wire.terms import Terms
from hushpost_wire.transitions import State

from tests.fuzz.target import Target
from tests.wire.control_examples import TO_CLIENT, TO_RELAY, filled
from tests.wire.joined import HOUR, NOW, login, welcome
from tests.wire.record_examples import DEVICE_LIST, GENESIS, HANDOVER, PREKEY, SEAL

ENVELOPE = bytes(4096)
SUBMIT = frames.encode_submit(
    Submit(2, 7, Route(b"r" * 16), DropSecret(b"s" * 32), envelope_id(ENVELOPE), HOUR, ENVELOPE)
)
DELIVER = frames.encode_deliver(
    Deliver(1, 1, HOUR, DropReference(b"d" * 16), envelope_id(ENVELOPE), ENVELOPE)
)
TERMS = Terms(
    host=parse_host("relay.example"),
    relay_key=RelayPublicKey(b"k" * 32),
    registration=control.Registration.OPEN,
)


def _numbers_hold(numbers: Sequence[int]) -> None:
    assert 0 < len(numbers) <= FRAME_NUMBERS_MAX, "more numbers than a frame may hold"


def frame_to_relay(data: bytes) -> None:
    """Read a frame: it is the one frame whose encoding it is, or is refused."""
    try:
        frame = frames.decode_to_relay(data)
    except FrameError:
        return
    if isinstance(frame, Acknowledge):
        _numbers_hold(frame.tags)
    assert _encoded(frame) == data, "another encoding of the same frame was taken"


def _encoded(frame: FrameToRelay) -> bytes:
    if isinstance(frame, Submit):
        return frames.encode_submit(frame)
    return frames.encode_acknowledge(frame.tags)


def frame_to_client(data: bytes) -> None:
    """Read a frame of a relay: likewise."""
    try:
        frame = frames.decode_to_client(data)
    except FrameError:
        return
    if isinstance(frame, Deliver):
        again = frames.encode_deliver(frame)
    elif isinstance(frame, Accepted):
        _numbers_hold(frame.requests)
        again = frames.encode_accepted(frame.requests)
    else:
        again = frames.encode_refused(frame.reason, frame.request, frame.retry_after)
    assert again == data, "another encoding of the same frame was taken"


def control_to_relay(data: bytes) -> None:
    """Read a control message: it is written so that it reads as the same."""
    for role in Role:
        try:
            message = control.decode_control_to_relay(data, role)
        except PeerViolation:
            continue
        encoded = control.encode_control(message)
        assert control.decode_control_to_relay(encoded, role) == message


def control_to_client(data: bytes) -> None:
    """Read a control message of a relay: likewise."""
    try:
        message = control.decode_control_to_client(data)
    except PeerViolation:
        return
    assert control.decode_control_to_client(control.encode_control(message)) == message


def records(data: bytes) -> None:
    """Every signed record has one encoding."""
    for kind in (Genesis, DeviceList, PrekeyRecord, SealRecord, Handover):
        try:
            record = kind.from_bytes(data)
        except MalformedRecord:
            continue
        assert record.to_bytes() == data, "another encoding of the same record was taken"


def _messages(data: bytes) -> list[str | bytes]:
    """Take an input apart: each message is a kind, two bytes of length, and itself."""
    messages: list[str | bytes] = []
    while len(data) >= 3 and len(messages) < 64:
        kind, length = data[0], int.from_bytes(data[1:3])
        body, data = data[3 : 3 + length], data[3 + length :]
        try:
            messages.append(body.decode() if kind & 1 else body)
        except UnicodeDecodeError:
            messages.append(body)
    return messages


def joined(*messages: str | bytes) -> bytes:
    """Put messages together as `_messages` takes them apart."""
    parts: list[bytes] = []
    for message in messages:
        body = message.encode() if isinstance(message, str) else message
        parts += [bytes([isinstance(message, str)]), len(body).to_bytes(2), body]
    return b"".join(parts)


def relay_machine(data: bytes) -> None:
    """Whatever arrives, the relay's machine answers within the protocol and stays in its bounds."""
    role = Role.INBOX if data[:1] < b"\x80" else Role.POST
    machine = RelayProtocol(TERMS, role, nonce=b"n" * 32, now=NOW)
    client = ClientProtocol(role, now=NOW)
    _carry(machine.data_to_send(), client)
    if role is Role.INBOX:
        client.send(login(client.next_id()), NOW)
        for message in client.data_to_send():
            machine.receive_data(message, NOW)
        for event in machine.events_received():
            assert isinstance(event, control.Login)
            machine.answer(welcome(event.id))
        for sequence in range(1, 4):
            machine.deliver(
                sequence,
                backlog=False,
                not_after=HOUR,
                drop_ref=DropReference(b"d" * 16),
                envelope_id=envelope_id(ENVELOPE),
                envelope=ENVELOPE,
            )
    asked: set[int] = set()
    acknowledged: list[int] = []
    for message in _messages(data[1:]):
        closed = machine.state is State.CLOSED
        machine.receive_data(message, NOW)
        events = machine.events_received()
        assert not (closed and events), "an event after the end"
        for event in events:
            if isinstance(event, Submit):
                assert event.request not in asked, "a request that is in flight was taken again"
                assert len(event.envelope) in TERMS.limits.envelope_buckets
                assert EnvelopeId(event.envelope_id) == envelope_id(event.envelope)
                asked.add(event.request)
            acknowledged += getattr(event, "sequences", ())
    assert len(acknowledged) == len(set(acknowledged)) <= 3, "acknowledged twice"
    assert set(acknowledged) <= {1, 2, 3}, "acknowledged what was never delivered"
    for request in asked:
        machine.accept(request)
    for message in machine.data_to_send():
        if isinstance(message, str):
            control.decode_control_to_client(message)
        else:
            frames.decode_to_client(message)


def _carry(messages: Sequence[str | bytes], client: ClientProtocol) -> None:
    for message in messages:
        client.receive_data(message)
    client.events_received()


def client_machine(data: bytes) -> None:
    """Whatever a relay says, the client's machine takes it or closes, and keeps its bounds."""
    role = Role.INBOX if data[:1] < b"\x80" else Role.POST
    client = ClientProtocol(role, now=NOW)
    _carry(RelayProtocol(TERMS, role, nonce=b"n" * 32, now=NOW).data_to_send(), client)
    if role is Role.INBOX:
        client.send(login(client.next_id()), NOW)
        client.receive_data(control.encode_control(welcome(1)))
        client.events_received()
    else:
        for _ in range(3):
            client.submit(
                ttl_class=2,
                route=Route(b"r" * 16),
                drop_secret=DropSecret(b"s" * 32),
                envelope_id=envelope_id(ENVELOPE),
                not_after=HOUR,
                envelope=ENVELOPE,
                now=NOW,
            )
    open_requests = set(client.unanswered())
    for message in _messages(data[1:]):
        closed = client.state is State.CLOSED
        client.receive_data(message)
        for event in client.events_received():
            assert not closed, "an event after the end"
            if isinstance(event, Accepted | Refused):
                told = event.requests if isinstance(event, Accepted) else (event.request,)
                assert set(told) <= open_requests, "a verdict on what was not asked"
                open_requests -= set(told)
            if isinstance(event, Deliver) and event.tag:
                client.acknowledge(event.tag)
    for message in client.data_to_send():
        assert isinstance(message, str) or frames.decode_to_relay(message)


def _json(examples: Sequence[dict[str, Any]]) -> Callable[[], list[bytes]]:
    return lambda: [json.dumps(filled(example)).encode() for example in examples]


def _record_seeds() -> list[bytes]:
    return [record.to_bytes() for record in (GENESIS, DEVICE_LIST, PREKEY, SEAL, HANDOVER)]


def _relay_seeds() -> list[bytes]:
    ask = [json.dumps(filled(example)) for example in TO_RELAY]
    return [
        b"\0" + joined(frames.encode_acknowledge([1, 2]), frames.encode_acknowledge([3])),
        b"\0" + joined(*ask[2:4], SUBMIT),
        b"\0" + joined(ask[5], ask[8]),
        b"\x80" + joined(SUBMIT, SUBMIT.replace(b"\0\0\0\x07", b"\0\0\0\x08", 1)),
        b"\x80" + joined(ask[9], ask[10], SUBMIT),
    ]


def _client_seeds() -> list[bytes]:
    said = [json.dumps(filled(example)) for example in TO_CLIENT]
    return [
        b"\0" + joined(DELIVER, said[9], said[8]),
        b"\0" + joined(said[0], said[7]),
        b"\x80"
        + joined(
            frames.encode_accepted([1, 2]), frames.encode_refused(frames.RefusalReason.FULL, 3, 9)
        ),
        b"\x80" + joined(said[5], said[6]),
    ]


TARGETS = (
    Target(
        "frame_to_relay",
        frame_to_relay,
        lambda: [SUBMIT[:80], frames.encode_acknowledge([1, 2, 3])],
    ),
    Target(
        "frame_to_client",
        frame_to_client,
        lambda: [
            DELIVER[:60],
            frames.encode_accepted([1, 2, 3]),
            frames.encode_refused(frames.RefusalReason.FULL, 3, 9),
        ],
    ),
    Target("control_to_relay", control_to_relay, _json(TO_RELAY), text=True),
    Target("control_to_client", control_to_client, _json(TO_CLIENT), text=True),
    Target("records", records, _record_seeds),
    Target("relay_machine", relay_machine, _relay_seeds),
    Target("client_machine", client_machine, _client_seeds),
)
