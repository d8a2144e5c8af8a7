"""What the load process is told to do: one JSON object a line, answered by one of figures.

The process that gives the orders starts and stops the servers and does nothing else meanwhile.
"""

import json
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.errors import BenchmarkFailure

RELAY = "relay"
FORWARDER = "forwarder"


@dataclass(frozen=True, slots=True, kw_only=True)
class Connect:
    """Open pairs to a server that runs as process `pid`; later orders name it by `target`.

    With `post_url` senders post there, at another relay of the same store. `store_pids` are
    processes that keep the mail for it: their time is told apart.
    """

    target: str
    kind: str
    url: str
    pid: int
    pairs: int
    envelope_bytes: int
    post_url: str = ""
    store_pids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedLoop:
    """Keep `window` messages a pair under way for `seconds`."""

    target: str
    pairs: int
    window: int
    seconds: float
    hold_tags: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLoop:
    """Send `per_second` messages on a fixed schedule for `seconds`, whatever the answers do.

    Between two messages the load polls its core away, or with `rests` sleeps a millisecond: for
    where a server shares that core.
    """

    target: str
    pairs: int
    per_second: int
    seconds: float
    hold_tags: bool = False
    rests: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Offline:
    """Close the inboxes, send `messages` in all, open the inboxes and drain them."""

    target: str
    pairs: int
    messages: int
    window: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Idle:
    """Open `connections` more, logged in where there is a login, and leave them alone."""

    kind: str
    url: str
    pid: int
    connections: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Disconnect:
    """Close every connection to a server."""

    target: str


Order = Connect | ClosedLoop | OpenLoop | Offline | Idle | Disconnect

_ORDERS: dict[str, type[Order]] = {
    kind.__name__: kind for kind in (Connect, ClosedLoop, OpenLoop, Offline, Idle, Disconnect)
}


def encode_order(order: Order) -> str:
    """Return the line that gives an order."""
    return json.dumps({"order": type(order).__name__, **asdict(order)}) + "\n"


def decode_order(line: str) -> Order:
    """Read a line that `encode_order` made."""
    fields: dict[str, Any] = json.loads(line)
    name = fields.pop("order")
    if name not in _ORDERS:
        raise BenchmarkFailure(f"the load knows no order {name!r}")
    if "store_pids" in fields:
        fields["store_pids"] = tuple(fields["store_pids"])
    return _ORDERS[name](**fields)
