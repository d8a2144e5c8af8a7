"""The relay as the operator's command runs it, with leaks or faults planted in it.

    HUSHPOST_PROOF_LEAKS=FILE python -m hushpost_proof.canary.planted_relay serve ...

FILE is JSON: what to leak, by surface. It takes the arguments of `hushpost-relay`. Each leak is one
that a careless change could make; each must be found on its surface, or the scan cannot see.
`HUSHPOST_PROOF_FAULTS` is a text that errors of all kinds then quote: it must not be found.
`HUSHPOST_PROOF_CLOCK` names a file with the seconds by which the clock is to be ahead.
"""

import asyncio
import base64
import json
import mmap
import os
import signal
import sqlite3
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from hushpost_server import backup, command, health, metrics, relay
from hushpost_server import serve_command as serve
from hushpost_server import session as sessions
from hushpost_store.sqlite import checkpointer, database
from websockets.server import ServerProtocol

from hushpost_proof.canary import surfaces
from hushpost_proof.harness.wrong_clock import clock_in_force

LEAKS_VARIABLE: Final = "HUSHPOST_PROOF_LEAKS"
FAULTS_VARIABLE: Final = "HUSHPOST_PROOF_FAULTS"
KEEPS_VARIABLE: Final = "HUSHPOST_PROOF_KEEPS"
# Ends the process with a report, as SIGABRT does the real one.
CRASH_SIGNAL: Final = signal.SIGUSR2
# Leaks into the data folder: on demand, since a database with another schema is not backed up.
FILES_SIGNAL: Final = signal.SIGUSR1
NOTES_NAME: Final = "notes.txt"

_kept: list[object] = []


def main() -> int:
    """Plant what the environment says, then be the relay's command."""
    if path := os.environ.get(LEAKS_VARIABLE):
        _plant_leaks(json.loads(Path(path).read_text()))
    if text := os.environ.get(FAULTS_VARIABLE):
        _plant_faults(text)
    _plant_clock()
    if os.environ.get(KEEPS_VARIABLE):
        _plant_keeping()
    return command.script()


# ---- leaks, one a surface


def _plant_leaks(leaks: dict[str, str]) -> None:
    _leak_in_answers(leaks[surfaces.HEADERS], leaks[surfaces.WIRE])
    _leak_in_pages(leaks[surfaces.METRICS], leaks[surfaces.HEALTH])
    _leak_in_copies(leaks[surfaces.BACKUP], leaks[surfaces.RESTORED])
    planted: Any = serve
    settle: Callable[[], None] = planted._settle_memory

    def started() -> None:
        settle()
        _leak_in_log(leaks[surfaces.LOG])
        _leak_in_temporary(leaks[surfaces.TEMPORARY])
        _leak_in_memory(leaks[surfaces.MEMORY])
        text = leaks[surfaces.CRASH_TEXT]
        signal.signal(CRASH_SIGNAL, partial(_crash, text))
        folder = Path(sys.argv[sys.argv.index("--data-folder") + 1])
        signal.signal(FILES_SIGNAL, partial(_leak_in_files, folder, leaks))

    planted._settle_memory = started


def _leak_in_answers(text: str, wire_text: str) -> None:
    planted: Any = ServerProtocol
    accept: Callable[..., Any] = planted.accept

    def talkative(self: Any, request: Any) -> Any:
        response = accept(self, request)
        response.headers["X-Served"] = quote(text)
        response.headers["X-Seen"] = wire_text.encode().hex()
        return response

    planted.accept = talkative


def _leak_in_pages(in_metrics: str, in_health: str) -> None:
    numbers: Any = metrics.Metrics
    page: Any = health.Health
    render_numbers: Callable[[Any], str] = numbers.render
    render_page: Callable[[Any], str] = page.render

    def leaky_numbers(self: Any) -> str:
        return render_numbers(self) + f'hushpost_by{{who="{in_metrics}"}} 1\n'

    def leaky_page(self: Any) -> str:
        return render_page(self) + json.dumps({"last": in_health}) + "\n"

    numbers.render, page.render = leaky_numbers, leaky_page


def _leak_in_copies(in_backup: str, in_restored: str) -> None:
    planted: Any = backup
    make, restore = planted.make_backup, planted.restore_backup

    def make_backup(configuration: Any, target: Path) -> None:
        make(configuration, target)
        (target / "made.txt").write_bytes(base64.b64encode(b"for " + in_backup.encode()))

    def restore_backup(configuration: Any, source: Path) -> bool:
        answer: bool = restore(configuration, source)
        with closing(sqlite3.connect(configuration.data_folder / "relay.db")) as connection:
            connection.execute("CREATE TABLE note (words TEXT)")
            connection.execute("INSERT INTO note VALUES (?)", (in_restored.upper(),))
            connection.commit()
        return answer

    planted.make_backup, planted.restore_backup = make_backup, restore_backup


def _leak_in_log(text: str) -> None:
    os.write(2, b"debug got " + text.encode().hex().encode() + b"\n")


def _leak_in_temporary(text: str) -> None:
    nameless = tempfile.TemporaryFile()  # noqa: SIM115 - it stays open, as a leak would
    nameless.write(text.encode("utf-16-le"))
    nameless.flush()
    _kept.append(nameless)
    with tempfile.NamedTemporaryFile(prefix="relay-spool-"):
        pass  # gone at once: only who watches the folder knows


def _leak_in_memory(text: str) -> None:
    """Keep it on the heap, in anonymous memory, and in a private view of a file."""
    encoded = text.encode()
    anonymous = mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    anonymous[:16] = b"anonymous memory"
    anonymous[16 : 16 + len(encoded)] = encoded[::-1]
    with Path(__file__).open("rb") as file:
        private = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    private[: len(encoded)] = encoded.upper()
    _kept.extend((["heap", base64.b64encode(encoded)], anonymous, private))


def _leak_in_files(folder: Path, leaks: dict[str, str], *_: object) -> None:
    path = folder / "relay.db"
    in_page, in_log = leaks[surfaces.DATABASE], leaks[surfaces.WAL]
    connection = sqlite3.connect(path, isolation_level=None, timeout=10)
    # Left in a freed page: written, deleted, and nothing overwritten.
    connection.execute("PRAGMA secure_delete = OFF")
    connection.execute("CREATE TABLE note (words BLOB)")
    connection.execute("INSERT INTO note VALUES (?)", (in_page.encode("utf-16-be"),))
    connection.execute("DELETE FROM note")
    connection.execute("PRAGMA wal_checkpoint(FULL)")
    connection.execute("ALTER TABLE account ADD COLUMN nickname TEXT")
    connection.execute("INSERT INTO note VALUES (?)", (in_log,))
    _kept.append(connection)
    with (folder / "relay.db-shm").open("ab") as index:
        index.write(leaks[surfaces.SHM].encode())
    # The last of them: whoever waits for it finds all.
    (folder / NOTES_NAME).write_text(leaks[surfaces.OTHER_FILES].encode().hex(" "))


def _crash(text: str, *_: object) -> None:
    try:
        raise ValueError(text)
    except ValueError:
        traceback.print_exc(file=sys.__stderr__)
    os.abort()


# ---- errors that quote what they failed on; the relay must not print them


def _plant_faults(text: str) -> None:
    planted: Any = sessions.Session
    received: Callable[..., None] = planted.received

    def stumbles(self: Any, batch: Any) -> None:
        if any(is_text for is_text, _ in batch):
            _stumble_aside(text)
            raise ValueError(f"cannot read {text}")
        received(self, batch)

    planted.received = stumbles


def _stumble_aside(text: str) -> None:
    """Fail in a thread, in a task that nobody awaits, and in a finalizer."""

    def fail() -> None:
        raise RuntimeError(f"{text} in a thread")

    async def fail_later() -> None:
        raise LookupError(f"{text} in a task")

    class Failing:
        def __del__(self) -> None:
            raise OSError(f"{text} in a finalizer")

    threading.Thread(target=fail).start()
    asyncio.get_running_loop().create_task(fail_later()).add_done_callback(lambda _: None)
    Failing()
    sys.stderr.write(f"{text} printed\n")


# ---- time


def _plant_clock() -> None:
    class Clock:
        now = staticmethod(clock_in_force())

    planted: Any = relay
    planted.SystemClock = Clock


# ---- keeping what should go


def _plant_keeping() -> None:
    """Undo what keeps ciphertext from staying: overwriting in memory, and in freed pages."""
    undone: Any = serve
    undone.overwrite_freed_memory = _not_at_all
    checkpoints: Any = checkpointer
    checkpoints.forget_rows = _not_at_all
    planted: Any = database.Database
    configure: Callable[..., None] = planted._configure

    def careless(self: Any, connection: sqlite3.Connection) -> None:
        configure(self, connection)
        connection.execute("PRAGMA secure_delete = OFF")

    planted._configure = careless


def _not_at_all(*_: object) -> bool:
    return False


if __name__ == "__main__":
    sys.exit(main())
