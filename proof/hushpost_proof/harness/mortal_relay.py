"""The relay as the operator's command runs it, made to die where the harness says.

    HUSHPOST_PROOF_DOOM=POINT|PASS python -m hushpost_proof.harness.mortal_relay serve ...

It takes the arguments of `hushpost-relay`. The log is truncated every half second instead of every
ten, so that a short life passes that too. `HUSHPOST_PROOF_CLOCK` names a file with the seconds by
which its clock is wrong; `HUSHPOST_PROOF_DEFECT` a defect to plant.
"""

import sys
from functools import partial
from typing import Any, cast

from hushpost_server import command, data_folder, relay

from hushpost_proof import kill_sites
from hushpost_proof.harness import defects
from hushpost_proof.harness.mortality import Mortality
from hushpost_proof.harness.wall import build_wall
from hushpost_proof.harness.wrong_clock import clock_in_force
from hushpost_proof.kill_points import RELAY_CALLS

CHECKPOINT_SECONDS = 0.5


class _Clock:
    """The relay's clock, wrong by what the harness says."""

    def __init__(self) -> None:
        self.now = clock_in_force()


def main(arguments: list[str] | None = None) -> int:
    """Prepare, then be the relay's command, behind the wall of every relay of the suite."""
    build_wall()
    defects.plant()
    folder, changed = cast("Any", data_folder), cast("Any", relay)
    folder.SqliteOptions = partial(folder.SqliteOptions, checkpoint_seconds=CHECKPOINT_SECONDS)
    changed.SystemClock = _Clock
    mortality = Mortality.from_environment()
    mortality.watch_system()
    mortality.watch_store(kill_sites.store_changes)
    for target in RELAY_CALLS:
        mortality.watch_call(target)
    return command.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
