"""Whether a relay that was used keeps, shows and logs what is declared and nothing else.

Each function names what it finds beyond the declaration; nothing: none. They judge what is really
there (files, the served page, printed lines), not what the code means to write.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

from hushpost_store.errors import StoreFault
from hushpost_store.sqlite.onlooker import look_into
from hushpost_store.sqlite.schema_audit import undeclared

from hushpost_server.data_folder import DATABASE_FILE
from hushpost_server.errors import FolderUnusable
from hushpost_server.file_inventory import FILES, names_in
from hushpost_server.health import DETAILS
from hushpost_server.identity import FILE_NAME as IDENTITY_FILE
from hushpost_server.log_events import EVENTS
from hushpost_server.metrics import DECLARED

_SAMPLE: Final = re.compile(r'([a-z_]+)(?:\{([a-z]+)="([a-z_]+)"\})? [-+.e\d]+')


def undeclared_in_folder(folder: Path, kind: str) -> tuple[str, ...]:
    """Name what is in a data folder or a backup and not declared: files, keys, parts of the schema.

    The relay may be running. Raises FolderUnusable.
    """
    declared = names_in(kind)
    odd = [f"file {path.name}" for path in sorted(folder.iterdir()) if path.name not in declared]
    if (folder / IDENTITY_FILE).is_file():
        odd += _odd_keys(folder / IDENTITY_FILE)
    if (folder / DATABASE_FILE).is_file():
        try:
            with look_into(folder / DATABASE_FILE) as look:
                odd += undeclared(look.connection)
        except StoreFault as error:
            raise FolderUnusable(f"{folder / DATABASE_FILE} cannot be read: {error}") from None
    return tuple(odd)


def undeclared_metrics(text: str) -> tuple[str, ...]:
    """Name every line of a metrics page that no declared series, label or value explains."""
    samples = {
        (series.name, series.label, value)
        for series in DECLARED
        for value in series.values or ("",)
    }
    comments = {
        f"# {line}"
        for series in DECLARED
        for line in (f"HELP {series.name} {series.help}", f"TYPE {series.name} {series.kind}")
    }
    odd: list[str] = []
    for line in text.splitlines():
        sample = _SAMPLE.fullmatch(line)
        known = sample is not None and tuple(part or "" for part in sample.groups()) in samples
        if not known and line not in comments:
            odd.append(f"metric {line}")
    return tuple(odd)


def undeclared_health(text: str) -> tuple[str, ...]:
    """Name every field of an answer of `/health` that is not declared."""
    answer: dict[str, Any] = json.loads(text)
    declared = {"status", "problems", *DETAILS}
    return tuple(f"health field {name}" for name in answer if name not in declared)


def undeclared_lines(log: str) -> tuple[str, ...]:
    """Return every line of a relay's standard error that is no declared event."""
    patterns = [event.pattern for event in EVENTS.values()]
    return tuple(
        line
        for line in log.splitlines()
        if not any(pattern.fullmatch(line) for pattern in patterns)
    )


def _odd_keys(path: Path) -> list[str]:
    declared = {key.name for file in FILES if file.name == path.name for key in file.keys}
    try:
        found: dict[str, Any] = json.loads(path.read_text("ascii"))
    except (OSError, ValueError) as error:
        raise FolderUnusable(f"{path} cannot be read ({type(error).__name__})") from None
    return [f"key {name} of {path.name}" for name in found if name not in declared]
