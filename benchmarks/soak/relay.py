"""The relay as an operator runs it, but for its clock, and on request with a leak in it.

python -m benchmarks.soak.relay serve ...      arguments of `hushpost-relay`
    HUSHPOST_SOAK_CLOCK=START/STEP     its clock (see `stepping_clock`)
    HUSHPOST_SOAK_LEAK=memory,descriptors,database     defects that the soak must find
"""

import os
import secrets
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from hushpost_server import data_folder
from hushpost_server import relay as relay_module
from hushpost_server.clock import Clock
from hushpost_server.command import main as relay_main
from hushpost_server.reception import Reception
from hushpost_server.session import Session
from hushpost_store.sqlite.options import SqliteOptions
from hushpost_store.sqlite.store import SqliteStore

from benchmarks.soak.stepping_clock import SteppingClock

CLOCK_VARIABLE = "HUSHPOST_SOAK_CLOCK"
LEAK_VARIABLE = "HUSHPOST_SOAK_LEAK"
# What a forgotten buffer would hold on to for each connection: a read's worth.
_LEAKED_BYTES = 60_000

# A tenth of the relay's own interval.
_CHECKPOINT_SECONDS = 1.0

_kept: list[object] = []


def _keep_memory() -> None:
    """Hold on to a buffer of every connection that ended."""
    lost = Session.lost

    def keeping(session: Session) -> None:
        _kept.append(secrets.token_bytes(_LEAKED_BYTES))
        lost(session)

    _change(Session, "lost", keeping)


def _keep_descriptors() -> None:
    """Open a descriptor for every tenth connection and never close it."""
    opened = Reception.opened
    count = 0

    def keeping(reception: Reception, *arguments: Any) -> Any:
        nonlocal count
        count += 1
        if count % 10 == 0:
            _kept.append(os.open(os.devnull, os.O_RDONLY))
        return opened(reception, *arguments)

    _change(Reception, "opened", keeping)


def _keep_rows() -> None:
    """Leave acknowledged envelopes in the database, and accounts that were deleted."""

    def keeping(_store: SqliteStore, *_arguments: Any) -> None:
        return

    async def forgetting(_store: SqliteStore, _account_id: bytes) -> bool:
        return True

    _change(SqliteStore, "acknowledge", keeping)
    _change(SqliteStore, "delete_account", forgetting)


def _change(owner: Any, name: str, replacement: object) -> None:
    """Put something else in the place of a part of the product."""
    setattr(owner, name, replacement)


LEAKS: Mapping[str, Callable[[], None]] = {
    "memory": _keep_memory,
    "descriptors": _keep_descriptors,
    "database": _keep_rows,
}


def main() -> int:
    """Run the relay on the clock of the soak."""
    clock = SteppingClock.from_text(os.environ[CLOCK_VARIABLE])

    def soak_clock() -> Clock:
        return clock

    _change(relay_module, "SystemClock", soak_clock)
    leaks = [LEAKS[name] for name in os.environ.get(LEAK_VARIABLE, "").split(",") if name]
    for plant in leaks:
        plant()
    if leaks:  # the run is short: what was written shall be in the database before it ends
        options = partial(SqliteOptions, checkpoint_seconds=_CHECKPOINT_SECONDS)
        _change(data_folder, "SqliteOptions", options)
    return relay_main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
