"""One step of the engine: the transaction it writes in, its clock, its randomness, what follows.

The caller opens a transaction, makes a `Desk`, calls engine functions, commits, and only then does
what the desk collected: posts, runs tasks, shows events. A step that raises is dropped whole.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from hushpost.content import InnerId
from hushpost.engine.ledger import Ledger
from hushpost.events import TransientEvent
from hushpost.messages import MessageState

HOUR_SECONDS: Final = 3600
DAY_SECONDS: Final = 86400

Random = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class StateChange:
    """An outgoing message moved; committed together with everything else of the step."""

    inner_id: InnerId
    account_id: bytes
    state: MessageState


@dataclass(slots=True)
class Desk:
    """What one step reads, writes and leaves to do. ``now`` is seconds since the epoch."""

    ledger: Ledger
    now: float
    random: Random
    states: list[StateChange] = field(default_factory=list[StateChange])
    transient: list[TransientEvent] = field(default_factory=list[TransientEvent])
    # Keys of envelopes put into the outbox by this step, in order.
    mail: list[bytes] = field(default_factory=list[bytes])
    changed_mail: bool = False
    new_tasks: bool = False
    new_events: bool = False

    @property
    def hour(self) -> int:
        """Whole hours since the epoch."""
        return int(self.now // HOUR_SECONDS)

    @property
    def day(self) -> int:
        """Whole days since the epoch."""
        return int(self.now // DAY_SECONDS)

    @property
    def milliseconds(self) -> int:
        """Whole milliseconds since the epoch."""
        return int(self.now * 1000)
