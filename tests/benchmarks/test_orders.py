"""What the load is told arrives as it was meant."""

import pytest

from benchmarks.errors import BenchmarkFailure
from benchmarks.orders import (
    ClosedLoop,
    Connect,
    Disconnect,
    Idle,
    Offline,
    OpenLoop,
    Order,
    decode_order,
    encode_order,
)

ORDERS: list[Order] = [
    Connect(target="a", kind="relay", url="ws://h:1", pid=1, pairs=2, envelope_bytes=1024),
    Connect(
        target="a",
        kind="relay",
        url="ws://h:1",
        pid=1,
        pairs=2,
        envelope_bytes=1024,
        post_url="ws://h:2",
        store_pids=(7, 8),
    ),
    ClosedLoop(target="a", pairs=1, window=4, seconds=0.5, hold_tags=True),
    OpenLoop(target="a", pairs=1, per_second=2000, seconds=1.0),
    Offline(target="a", pairs=2, messages=10, window=3),
    Idle(kind="relay", url="ws://h:1", pid=1, connections=5),
    Disconnect(target="a"),
]


@pytest.mark.parametrize("order", ORDERS)
def test_an_order_survives_its_line(order: Order) -> None:
    """Each kind of order is one line and comes back equal."""
    line = encode_order(order)
    assert line.count("\n") == 1
    assert decode_order(line) == order


def test_an_unknown_order_is_refused() -> None:
    """A typing error stops the run instead of being skipped."""
    with pytest.raises(BenchmarkFailure, match="Nothing"):
        decode_order('{"order": "Nothing"}')
