"""What the relay holds and sees at one moment, as its operator could look it up (docs/demo.md).

Nothing here is told by the clients. Mailboxes and envelopes come from the relay's database file,
opened read-only while the relay runs; connections and counts from its own metrics port; the rest
from its log. While the relay is dead its files are copied and the copy is opened, so that looking
changes nothing of what the next start finds.
"""

import asyncio
import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from hushpost_store.sqlite.inventory import ENVELOPE_TABLE_PREFIX

from hushpost_demo.errors import FactFailed
from hushpost_demo.relay_process import RelayProcess

HTTP_SECONDS_MAX: Final = 5.0
METRICS_PATH: Final = "/metrics"
_SEQUENCE_BITS: Final = 32


@dataclass(frozen=True, slots=True)
class MailboxView:
    """A mailbox as the relay knows it: a random name, what waits, and how many may post."""

    route: bytes
    envelopes: int
    envelope_bytes: int
    drops: int


@dataclass(frozen=True, slots=True)
class RelayView:
    """One look. Counts of connections are None while no relay runs."""

    pid: int | None
    accounts: int
    mailboxes: tuple[MailboxView, ...]
    envelopes: tuple[bytes, ...]
    connected: int | None
    anonymous: int | None
    accepted: int | None
    acknowledged: int | None
    log_lines: int
    last_log_line: str
    file_bytes: int

    @property
    def queued(self) -> int:
        """How many envelopes wait, over all mailboxes."""
        return len(self.envelopes)


@dataclass(frozen=True, slots=True)
class Holdings:
    """What the database file holds."""

    accounts: int
    mailboxes: tuple[MailboxView, ...]
    envelopes: tuple[bytes, ...]


async def look(relay: RelayProcess) -> RelayView:
    """Look at the relay as it is now, running or not."""
    pid = relay.pid
    holdings = await asyncio.to_thread(_holdings, relay.database, alive=pid is not None)
    log = relay.log.read_text(errors="replace").splitlines()
    metrics = {} if pid is None else await read_metrics(relay.address.metrics)
    return RelayView(
        pid=pid,
        accounts=holdings.accounts,
        mailboxes=holdings.mailboxes,
        envelopes=holdings.envelopes,
        connected=_count(metrics, "hushpost_logged_in"),
        anonymous=_count(metrics, 'hushpost_connections{role="post"}'),
        accepted=_count(metrics, "hushpost_accepted_total"),
        acknowledged=_count(metrics, "hushpost_acknowledged_total"),
        log_lines=len(log),
        last_log_line=log[-1] if log else "",
        file_bytes=sum(path.stat().st_size for path in _files(relay.data_folder)),
    )


def _holdings(database: Path, *, alive: bool) -> Holdings:
    with _readable(database, alive=alive) as connection:
        connection.execute("BEGIN")
        try:
            return _read(connection)
        finally:
            connection.execute("ROLLBACK")


@contextlib.contextmanager
def _readable(database: Path, *, alive: bool) -> Generator[sqlite3.Connection]:
    if alive:
        address = f"{database.as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, isolation_level=None)) as connection:
            yield connection
        return
    with tempfile.TemporaryDirectory(prefix="hushpost-look-") as folder:
        for suffix in ("", "-wal"):
            source = database.with_name(database.name + suffix)
            if source.exists():
                shutil.copyfile(source, Path(folder) / source.name)
        copy = Path(folder) / database.name
        with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
            yield connection


def _read(connection: sqlite3.Connection) -> Holdings:
    waiting: dict[int, list[bytes]] = {}
    tables = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB ?",
        (ENVELOPE_TABLE_PREFIX + "*",),
    ).fetchall()
    for (table,) in tables:
        rows = connection.execute(f"SELECT id, envelope FROM {table} ORDER BY id")  # noqa: S608  a name from the database's own schema
        for row_id, envelope in rows:
            waiting.setdefault(row_id >> _SEQUENCE_BITS, []).append(envelope)
    mailboxes = connection.execute(
        "SELECT slot, route, (SELECT count(*) FROM mailbox_drop d WHERE d.slot = m.slot)"
        " FROM mailbox m ORDER BY route"
    ).fetchall()
    (accounts,) = connection.execute("SELECT count(*) FROM account").fetchone()
    return Holdings(
        accounts,
        tuple(
            MailboxView(route, len(held := waiting.get(slot, [])), sum(map(len, held)), drops)
            for slot, route, drops in mailboxes
        ),
        tuple(envelope for held in waiting.values() for envelope in held),
    )


async def read_metrics(url: str) -> dict[str, float]:
    """Read the counters at a relay's own port; raises `FactFailed` where it gives none."""
    parts = urlsplit(url)
    async with asyncio.timeout(HTTP_SECONDS_MAX):
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        writer.write(f"GET {METRICS_PATH} HTTP/1.1\r\nHost: relay\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
    head, _, body = answer.partition(b"\r\n\r\n")
    if b" 200 " not in head.partition(b"\r\n")[0]:
        raise FactFailed("the relay's metrics port gave no answer")
    lines = (line.rpartition(" ") for line in body.decode().splitlines() if line[:1] != "#")
    return {name: float(value) for name, _, value in lines}


def _count(metrics: dict[str, float], name: str) -> int | None:
    return int(metrics[name]) if metrics else None


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_file()]
