"""Order in one stream: held, given up, late (docs/spec/content.md, 5)."""

import itertools
from dataclasses import replace

import pytest
from hushpost.content import Header, Inner, InnerId, ListView, Text, decode, encode
from hushpost.engine import stream_order
from hushpost.engine.contact_book import DeviceRow, device_row, save_device
from hushpost.engine.desk import Desk
from hushpost.events import MessagesMissing
from hushpost_wire.identifiers import ListHead

from tests.client_lib.engine.people import Person, PostRoom, only_device

VIEW = ListView(1, ListHead(bytes(32)))


def _setup() -> tuple[Person, bytes]:
    alice, bob = Person("alice", 1), Person("bob", 2)
    PostRoom(alice, bob).befriend(alice, bob)
    alice.events()
    return alice, only_device(alice, bob)


def _inner(stream: int, size: int = 1) -> Inner:
    header = Header(InnerId(stream.to_bytes(16, "big")), stream, 0, 0, VIEW, VIEW)
    parts = 1 if size <= 1280 else -(-size // 12288)
    return Inner(header, Text(0, parts, size, b"x" * min(size, 12288)))


def _arrive(person: Person, key: bytes, *streams: int, size: int = 1) -> list[tuple[int, bool]]:
    """Have streams arrive, counted from the next one expected; gives what was given, with late."""

    def step(desk: Desk, stream: int) -> list[stream_order.InOrder]:
        inner = _inner(stream, size)
        device, given = stream_order.arrange(desk, device_row(desk, key), inner, encode(inner))
        save_device(desk, device)
        return given

    out: list[tuple[int, bool]] = []
    for stream in streams:
        out += [(i.inner.header.stream, i.late) for i in person.step(step, stream)]
    return out


def test_what_came_while_clocks_were_ahead_makes_nothing_late_afterwards() -> None:
    """A day ahead on both sides and back again, texts are late by none of the two jumps."""
    person, key = _setup()

    def step(desk: Desk, stream: int) -> bool:
        inner = _inner(stream)
        sent = replace(inner, header=replace(inner.header, sent_milliseconds=desk.milliseconds))
        marks = stream_order.note_times(desk, device_row(desk, key), [stream_order.InOrder(sent)])
        save_device(desk, marks[0])
        return marks[1][0].late

    late: list[bool] = []
    for stream, jump in enumerate((86_400, 0, -86_400, 1), start=1):
        person.now += jump
        late.append(person.step(step, stream))
    assert late == [False] * 4


def _reset(person: Person, key: bytes) -> None:
    def step(desk: Desk) -> None:
        save_device(desk, replace(device_row(desk, key), next_in=1, highest_in=0))

    person.step(step)


@pytest.mark.parametrize("order", list(itertools.permutations((1, 2, 3, 4))))
def test_any_order_is_given_in_order(order: tuple[int, ...]) -> None:
    """Four messages in any order come out 1, 2, 3, 4, none late."""
    alice, key = SETUP
    ledger = alice.ledger
    _reset(alice, key)
    assert _arrive(alice, key, *order) == [(n, False) for n in (1, 2, 3, 4)]
    assert alice.look(device_row, key).held == 0
    alice.ledger = ledger


SETUP = _setup()


def test_a_gap_is_given_up_after_a_minute() -> None:
    """Then what is held comes, the gap is told, and what was missing is late."""
    alice, key = _setup()
    _reset(alice, key)
    assert _arrive(alice, key, 3, 4) == []
    assert alice.look(stream_order.overdue) == []
    deadline = alice.look(stream_order.next_deadline)
    assert deadline is not None
    assert deadline == int(alice.now) + 60
    alice.now = deadline
    (waiting,) = alice.look(stream_order.overdue)

    def give_up(desk: Desk) -> list[int]:
        device, given = stream_order.give_up_all(desk, waiting)
        save_device(desk, device)
        return [item.inner.header.stream for item in given]

    assert alice.step(give_up) == [3, 4]
    assert alice.look(stream_order.next_deadline) is None
    assert [e.count for e in alice.events() if isinstance(e, MessagesMissing)] == [2]
    assert _arrive(alice, key, 1, 5) == [(1, True), (5, False)]


def test_the_hold_is_bounded_in_number_and_bytes() -> None:
    """The 257th held message, or the second MiB, gives up the gap before its time."""
    alice, key = _setup()
    _reset(alice, key)
    given = _arrive(alice, key, *range(2, 2 + stream_order.HOLD_MESSAGES_MAX + 1))
    assert len(given) == stream_order.HOLD_MESSAGES_MAX + 1
    _reset(alice, key)
    given = _arrive(alice, key, *range(2, 100), size=65536)
    assert given[0] == (2, False)
    assert alice.look(device_row, key).held_bytes <= stream_order.HOLD_BYTES_MAX


def test_a_counter_that_is_wrong_gives_nothing_up_twice() -> None:
    """Giving up where nothing is held changes nothing but the counters."""
    alice, key = _setup()
    row: DeviceRow = replace(alice.look(device_row, key), held=3, held_bytes=9, gap_since=1)
    device, given = alice.step(stream_order.give_up_all, row)
    assert (device.held, device.held_bytes, device.gap_since, given) == (0, 0, 0, [])


def test_first_contact_moves_next_behind_itself() -> None:
    """Before a request nothing can be missing; going back is not possible."""
    alice, key = _setup()
    row = replace(alice.look(device_row, key), next_in=5, highest_in=4)
    assert stream_order.skip_to(row, 9).next_in == 10
    assert stream_order.skip_to(row, 2).next_in == 5
    assert decode(encode(_inner(3))).header.stream == 3
