"""What a device owes its relay after a login (docs/spec/wire.md, 6.2).

The welcome says what the relay holds. A new *generation* means that it came back from a backup:
what this device registered, revoked and published since then is said again. All of it is queued in
the transaction that keeps the new generation, so that nothing of it is forgotten on the way.
"""

from dataclasses import dataclass, replace

from hushpost_wire.identifiers import Route

from hushpost.engine import errands, event_log, prekey_upkeep, wrong_clock
from hushpost.engine.desk import Desk
from hushpost.engine.errands import Errand, ErrandKind
from hushpost.engine.own_account import own_account, save_own
from hushpost.engine.own_drops import register_all_again
from hushpost.engine.peer_lists import EXPLANATIONS
from hushpost.events import AlarmKind

_ROUTE_CHANGED = (
    "your relay opened another mailbox than yours at login; mail for you may go elsewhere. Ask its"
    " operator"
)


@dataclass(frozen=True, slots=True)
class Greeting:
    """What a proven welcome said."""

    route: Route
    prekeys_left: int
    device_list_version: int
    generation: bytes
    # By the relay's clock, from its `hello`.
    hour: int


def greeted(desk: Desk, greeting: Greeting) -> None:
    """Work in a welcome: refill, publish, repeat after a restore, raise alarms."""
    wrong_clock.compare_hours(desk, greeting.hour)
    own = own_account(desk)
    if greeting.route != own.route:
        event_log.safety_alarm(desk, b"", AlarmKind.ALTERED, _ROUTE_CHANGED)
    if greeting.generation != own.generation:
        _keep_generation(desk, greeting.generation)
    prekey_upkeep.refill(desk, greeting.prekeys_left)
    version = own.view.version
    if greeting.device_list_version < version:
        errands.queue(desk, Errand(ErrandKind.PUBLISH_LIST))
    elif greeting.device_list_version > version:
        kind = AlarmKind.OWN_LIST_FORKED
        event_log.safety_alarm(desk, b"", kind, EXPLANATIONS[kind])


def _keep_generation(desk: Desk, generation: bytes) -> None:
    own = own_account(desk)
    if own.generation:
        errands.queue(desk, Errand(ErrandKind.PUBLISH_PREKEYS))
        register_all_again(desk)
    save_own(desk, replace(own_account(desk), generation=generation))
