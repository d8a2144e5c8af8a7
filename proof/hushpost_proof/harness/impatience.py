"""Every timeout of a client cut to seconds, so that a fault can outlast them all in a short run.

The long run leaves them as they are. The relay's own are settings: `RELAY_SETTINGS`.
"""

import os
from importlib import import_module
from typing import Any, Final

IMPATIENT_VARIABLE: Final = "HUSHPOST_PROOF_IMPATIENT"
_TIMEOUTS: Final = (
    ("hushpost.transport_link", "OPEN_SECONDS_MAX", 1.0),
    ("hushpost.transport_link", "CLOSE_SECONDS_MAX", 0.5),
    ("hushpost.transport_link", "PING_INTERVAL_SECONDS", 1),
    ("hushpost.transport_link", "PING_TIMEOUT_SECONDS", 1),
    ("hushpost_wire.client_protocol", "ANSWER_SECONDS_MAX", 2),
    *(
        (f"hushpost.{module}", "VAULT_RETRY_SECONDS", 0.3)
        for module in ("receiver", "couriers", "errand_runner", "running")
    ),
)
RELAY_SETTINGS: Final = {
    "HUSHPOST_RELAY_HANDSHAKE_SECONDS_MAX": "1",
    "HUSHPOST_RELAY_LOGIN_SECONDS_MAX": "2",
    "HUSHPOST_RELAY_PING_INTERVAL_SECONDS": "1",
    "HUSHPOST_RELAY_PING_TIMEOUT_SECONDS": "1",
    "HUSHPOST_RELAY_SLOW_READER_SECONDS": "1",
    "HUSHPOST_RELAY_POST_SECONDS_MAX": "4",
}
# The longest of them is a silent connection's: a ping after one second, and one for the answer.
LONGER_THAN_ALL_SECONDS: Final = 3.5
# Unshortened, a ping after 45 seconds and 30 for its answer.
LONGER_THAN_ALL_REAL_SECONDS: Final = 80.0


class TimeoutUnknown(Exception):
    """A timeout that is to be shortened is no longer where it was."""


def shorten_if_told() -> None:
    """Shorten the client's timeouts if the environment says so; before a client is made."""
    if not os.environ.get(IMPATIENT_VARIABLE):
        return
    for name, constant, seconds in _TIMEOUTS:
        module: Any = import_module(name)
        if not hasattr(module, constant):
            raise TimeoutUnknown(f"{name}.{constant}")
        setattr(module, constant, seconds)
