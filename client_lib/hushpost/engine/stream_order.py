"""Order within one device's stream, with a bounded hold (docs/spec/content.md, 5).

stream = next   give it, and what is held behind it
stream > next   hold it in the vault: 60 seconds, 256 messages, 1 MiB
stream < next   give it, marked late
"""

from dataclasses import dataclass, replace
from typing import Final

from hushpost.content import Inner, Text, decode
from hushpost.engine import event_log, expiry
from hushpost.engine.contact_book import DeviceRow, all_contacts, devices_of
from hushpost.engine.desk import Desk
from hushpost.engine.ledger import Row, Table
from hushpost.events import AlarmKind

# Longer than a sender needs to reconnect and go on from the first envelope not accepted; shorter
# than a person waits before asking.
HOLD_SECONDS: Final = 60
HOLD_MESSAGES_MAX: Final = 256
HOLD_BYTES_MAX: Final = 1 << 20
# Gaps remembered for a request to send again (content.md, 11): the newest, as long as it may help.
GAPS_MAX: Final = 32
GAP_HOURS: Final = 45 * 24
# A text this much older than one shown before was sent again; less is a clock being set.
LATE_MILLISECONDS: Final = 60_000

_REORDERED: Final = (
    "the relay delivered this contact's messages in another order than they were accepted in; they"
    " are shown in the right order. Once, it may be a failing disk; often, the relay does it"
)


@dataclass(frozen=True, slots=True)
class InOrder:
    """A message whose turn it is; ``late`` if it belongs before others that were given."""

    inner: Inner
    late: bool = False


def arrange(
    desk: Desk, device: DeviceRow, inner: Inner, plain: bytes
) -> tuple[DeviceRow, list[InOrder]]:
    """Put a message of the stream in its place; the caller stores the row that is given."""
    stream = inner.header.stream
    if stream < device.highest_in:
        event_log.safety_alarm(desk, device.account_id, AlarmKind.REORDERED, _REORDERED)
    device = replace(device, highest_in=max(stream, device.highest_in))
    if stream < device.next_in:
        return _came_late(device, stream), [InOrder(inner, late=True)]
    if stream > device.next_in:
        return _hold(desk, device, stream, plain)
    device = replace(device, next_in=stream + 1)
    device, following = _take_held(desk, device)
    return device, [InOrder(inner), *following]


def skip_to(device: DeviceRow, stream: int) -> DeviceRow:
    """Move ``next`` behind a message of first contact, before which nothing else can be."""
    following = max(device.next_in, stream + 1)
    return replace(device, next_in=following, highest_in=max(device.highest_in, stream))


def overdue(desk: Desk) -> list[DeviceRow]:
    """Give the devices whose gap has been waited for long enough."""
    if not desk.ledger.count(Table.HELD):
        return []
    return [
        device
        for contact in all_contacts(desk)
        for device in devices_of(desk, contact.account_id)
        if device.held and _due(desk, device) <= desk.now
    ]


def next_deadline(desk: Desk) -> float | None:
    """Give the time at which the next gap is given up."""
    if not desk.ledger.count(Table.HELD):
        return None
    gaps = [
        _due(desk, device)
        for contact in all_contacts(desk)
        for device in devices_of(desk, contact.account_id)
        if device.held
    ]
    return min(gaps, default=None)


def give_up_all(desk: Desk, device: DeviceRow) -> tuple[DeviceRow, list[InOrder]]:
    """Give everything that is held, in order, skipping each gap in it."""
    given: list[InOrder] = []
    for _ in range(HOLD_MESSAGES_MAX + 1):
        device, some = _give_up(desk, device)
        given += some
        if not device.held:
            break
    return device, given


def recent_gaps(device: DeviceRow, hour: int) -> tuple[tuple[int, int, int], ...]:
    """Give the gaps that it is of use to name, as (first, last, hour)."""
    return tuple(gap for gap in device.missing if hour - gap[2] <= GAP_HOURS)


def note_times(
    desk: Desk, device: DeviceRow, given: list[InOrder]
) -> tuple[DeviceRow, list[InOrder]]:
    """Mark texts late that were written before others shown; the caller stores the row."""
    marked: list[InOrder] = []
    # Both clocks were ahead for a while: what came then may not make all late that comes now.
    newest = min(device.newest_sent, desk.milliseconds)
    for item in given:
        sent = item.inner.header.sent_milliseconds
        if isinstance(item.inner.body, Text) and sent:
            late = item.late or sent + LATE_MILLISECONDS < newest
            # A claim that lies ahead of this clock would make all that follows late.
            newest = max(newest, min(sent, desk.milliseconds))
            marked.append(replace(item, late=late))
        else:
            marked.append(item)
    return replace(device, newest_sent=newest), marked


def _give_up(desk: Desk, device: DeviceRow) -> tuple[DeviceRow, list[InOrder]]:
    """Skip the gap and give what is held behind it, telling the app how many are missing."""
    rows = desk.ledger.find(Table.HELD, device.key)
    if not rows:
        return replace(device, held=0, held_bytes=0, gap_since=0), []
    device, passed = _take_passed(desk, device, rows)
    ahead = [_stream_of(row.key) for row in rows if _stream_of(row.key) >= device.next_in]
    if ahead and min(ahead) > device.next_in:
        event_log.messages_missing(desk, device.account_id, min(ahead) - device.next_in)
        expiry.gap_given_up(desk, device.account_id)
        gap = (device.next_in, min(ahead) - 1, desk.hour)
        missing = _join((*recent_gaps(device, desk.hour), gap))
        device = replace(device, next_in=min(ahead), missing=missing[-GAPS_MAX:])
    device, following = _take_held(desk, device)
    return device, [*passed, *following]


def _hold(
    desk: Desk, device: DeviceRow, stream: int, plain: bytes
) -> tuple[DeviceRow, list[InOrder]]:
    key = device.key + stream.to_bytes(8, "big")
    if desk.ledger.get(Table.HELD, key) is not None:
        # No honest sender gives a place twice: the second is shown out of its place, none is lost.
        return device, [InOrder(decode(plain), late=True)]
    desk.ledger.put(Table.HELD, key, plain, lookup=device.key)
    device = replace(
        device,
        held=device.held + 1,
        held_bytes=device.held_bytes + len(plain),
        gap_since=device.gap_since or int(desk.now),
    )
    given: list[InOrder] = []
    while device.held > HOLD_MESSAGES_MAX or device.held_bytes > HOLD_BYTES_MAX:
        device, some = _give_up(desk, device)
        given += some
    return device, given


def _came_late(device: DeviceRow, stream: int) -> DeviceRow:
    """Take a place out of the gaps."""
    left: list[tuple[int, int, int]] = []
    for first, last, hour in device.missing:
        if not first <= stream <= last:
            left.append((first, last, hour))
            continue
        left += [(first, stream - 1, hour)] if first < stream else []
        left += [(stream + 1, last, hour)] if stream < last else []
    return replace(device, missing=tuple(left[-GAPS_MAX:]))


def _join(gaps: tuple[tuple[int, int, int], ...]) -> tuple[tuple[int, int, int], ...]:
    """Make one gap of two that touch: all in between was given up."""
    joined: list[tuple[int, int, int]] = []
    for first, last, hour in gaps:
        if joined and joined[-1][1] + 1 == first:
            joined[-1] = (joined[-1][0], last, hour)
        else:
            joined.append((first, last, hour))
    return tuple(joined)


def _take_held(desk: Desk, device: DeviceRow) -> tuple[DeviceRow, list[InOrder]]:
    given: list[InOrder] = []
    while device.held:
        key = device.key + device.next_in.to_bytes(8, "big")
        plain = desk.ledger.get(Table.HELD, key)
        if plain is None:
            break
        desk.ledger.delete(Table.HELD, key)
        given.append(InOrder(decode(plain)))
        device = replace(
            device,
            next_in=device.next_in + 1,
            held=device.held - 1,
            held_bytes=device.held_bytes - len(plain),
        )
    since = int(desk.now) if device.held else 0
    return replace(device, gap_since=since), given


def _take_passed(desk: Desk, device: DeviceRow, rows: list[Row]) -> tuple[DeviceRow, list[InOrder]]:
    """Give what was held in places that an ACCEPT has moved behind."""
    passed = [row for row in rows if _stream_of(row.key) < device.next_in]
    for row in passed:
        desk.ledger.delete(Table.HELD, row.key)
    device = replace(
        device,
        held=device.held - len(passed),
        held_bytes=device.held_bytes - sum(len(row.value) for row in passed),
    )
    passed.sort(key=lambda row: _stream_of(row.key))
    return device, [InOrder(decode(row.value), late=True) for row in passed]


def _due(desk: Desk, device: DeviceRow) -> float:
    """Give the time at which a gap is given up: at once if the clock went back behind it."""
    if device.gap_since > desk.now:
        return desk.now
    return device.gap_since + HOLD_SECONDS


def _stream_of(key: bytes) -> int:
    return int.from_bytes(key[-8:], "big")
