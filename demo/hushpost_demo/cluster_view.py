"""What two relays and the Redis behind them have and see at one moment (docs/demo.md)."""

from dataclasses import dataclass

from hushpost_demo.relay_view import MailboxView


@dataclass(frozen=True, slots=True)
class NodeView:
    """One relay: its process, and the counters at its own port; None while it is dead."""

    name: str
    pid: int | None
    connected: int | None
    anonymous: int | None
    accepted: int | None
    acknowledged: int | None


@dataclass(frozen=True, slots=True)
class ServerView:
    """One Redis server; ``pid`` is None while it is dead."""

    port: int
    pid: int | None
    is_primary: bool


@dataclass(frozen=True, slots=True)
class ClusterView:
    """One look at all of it."""

    nodes: tuple[NodeView, ...]
    servers: tuple[ServerView, ...]
    keys: tuple[bytes, ...]
    accounts: int
    mailboxes: tuple[MailboxView, ...]
    envelopes: tuple[bytes, ...]

    @property
    def queued(self) -> int:
        """How many envelopes wait, over all mailboxes."""
        return len(self.envelopes)

    def node(self, name: str) -> NodeView:
        """Give one relay."""
        return next(node for node in self.nodes if node.name == name)
