"""What to try after the demo, in commands that work where the person stands."""

import os
import shlex
import shutil
import sysconfig
from pathlib import Path


def next_steps(store: str) -> str:
    """Give the lines that end a demo on this store."""
    hushpost, relay = typed("hushpost"), typed("hushpost-relay")
    demo = f"{hushpost} demo" if store == "sqlite" else f"{hushpost} demo --store {store}"
    return (
        "hushpost is unaudited: read docs/threat-model.md before you trust it.\n"
        f"See it fail:      {demo} --leak\n"
        f"Look yourself:    {demo} --keep\n"
        f"Write yourself:   {relay} serve\n"
        f"                  then {hushpost} init, and {hushpost} chat"
    )


def typed(name: str) -> str:
    """Give what must be typed here to start a script of this installation.

    Its name alone where PATH leads to it, otherwise its path: `make` calls what is on no PATH.
    """
    own = Path(sysconfig.get_path("scripts")) / name
    found = shutil.which(name)
    if not own.exists() or (found is not None and os.path.samefile(found, own)):
        return name
    here = Path.cwd()
    shown = own.relative_to(here) if own.is_relative_to(here) else own
    return shlex.quote(str(shown))
