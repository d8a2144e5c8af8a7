"""A relay on Redis with a defect planted that an experiment must find: HUSHPOST_PROOF_DEFECT=NAME.

python -m hushpost_proof.redis_faults.planted_relay serve ...

no-look    does not look at the mailboxes logged in on it: a lost hint is never made good
no-fence   scripts that read and acknowledge do not ask whose login it is
"""

import os
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import Any, Final

from hushpost_proof.harness.defects import DEFECT_VARIABLE


class DefectNotPlanted(Exception):
    """The product is no longer as the defect expects it: it would show nothing."""


def _no_look() -> None:
    wake_ups: Any = import_module("hushpost_store.redis.wake_ups")
    if not hasattr(wake_ups, "LOOK_SECONDS"):
        raise DefectNotPlanted("LOOK_SECONDS")
    wake_ups.LOOK_SECONDS = 3_600.0


def _no_fence() -> None:
    scripts: Any = import_module("hushpost_store.redis.scripts")
    made = scripts._script

    def unfenced(name: str, *before: str) -> Any:
        script = made(name, *before)
        if "mailbox" not in before:
            return script
        text, times = _FENCE.subn(b"return true", script.text)
        if times != 1:
            raise DefectNotPlanted(f"{name}.lua holds its fence {times} times")
        sha = scripts.hashlib.sha1(text, usedforsecurity=False).hexdigest().encode()
        return replace(script, text=text, sha=sha)

    scripts._script = unfenced


# Where mailbox.lua says whether a login is the present one.
_FENCE: Final = re.compile(rb"return present\[1\] == epoch[^\n]*")

DEFECTS: Final[dict[str, Callable[[], None]]] = {"no-look": _no_look, "no-fence": _no_fence}


def main(arguments: list[str] | None = None) -> int:
    """Plant what the environment names, then run the relay."""
    name = os.environ.get(DEFECT_VARIABLE, "")
    if name:
        DEFECTS[name]()
    from hushpost_server import command  # noqa: PLC0415 - what is planted stands before

    return command.script() if arguments is None else command.main(arguments)


if __name__ == "__main__":
    sys.exit(main())
