"""A relay that was used, held against its inventory: all that it keeps, shows and logs is declared.

Each check judges what is really there, and each is shown to find what is planted for it.
"""

import asyncio
import contextlib
import shutil
import sqlite3
import urllib.request
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from hushpost.vault_inventory import TABLES
from hushpost.vault_records import RECORDS
from hushpost_server.configuration import Configuration
from hushpost_server.file_inventory import BACKUP, DATA
from hushpost_server.inventory import take_inventory
from hushpost_server.inventory_check import (
    undeclared_health,
    undeclared_in_folder,
    undeclared_lines,
    undeclared_metrics,
)
from hushpost_server.log_events import EVENTS
from hushpost_server.relay import RelayServer
from hushpost_store.sqlite.backup import write as write_backup

from hushpost_proof.claim import Row
from hushpost_proof.everyday import misuse, use_everything
from hushpost_proof.harness.relay_process import relay_process
from hushpost_proof.log_calls import log_calls
from hushpost_proof.memory_walk import attributes_of, unlisted

_ARGUMENTS = ("--log-level", "debug")
_ENVIRONMENT = {"HUSHPOST_RELAY_SWEEP_INTERVAL_SECONDS": "0.2"}
_LOOK_SECONDS = 0.01
_PLANTED_SCHEMA = (
    "CREATE TABLE visitor (address TEXT)",
    "ALTER TABLE account ADD COLUMN phone TEXT",
    "CREATE INDEX by_day ON account (created_day)",
    "CREATE TRIGGER seen AFTER DELETE ON account BEGIN DELETE FROM mailbox; END",
    "CREATE VIEW everyone AS SELECT account_id FROM account",
)
_PLANTED_FILES = ("access.log", "relay.db.bak", "visitors.json")
_PLANTED_LINES = (
    "2026-01-01T00:00:00 info relay_started alice: serving",
    "2026-01-01T00:00:00 debug frame received from 192.0.2.1",
    "Traceback (most recent call last):",
)
_PLANTED_METRICS = ('hushpost_connections{role="alice"} 1', "hushpost_accounts 3")
_DECLARED = {f"{table.name}.{column.name}" for table in TABLES for column in table.columns}
_PLANTED_CALLS = (
    'log.write("somebody_said")',
    'log.write("sweep_done", expired=f"{account}")',
    "print(account)",
    "import logging",
)


@dataclass(slots=True)
class Used:
    """What a relay left and showed, gathered while it was used and after it was killed."""

    data_folder: Path
    backup: Path
    names: set[str] = field(default_factory=set[str])
    metrics: str = ""
    health: str = ""
    log: str = ""


async def audit(folder: Path) -> list[Row]:
    """Use a relay, kill it, and judge everything."""
    used = await _use(folder)
    return [
        _schema(used),
        _files(used, folder),
        _figures(used),
        _lines(used),
        _calls(folder),
        _vaults(folder),
        *[await _memory(folder / store, store) for store in ("sqlite", "memory")],
    ]


async def _use(folder: Path) -> Used:
    async with relay_process(folder, arguments=_ARGUMENTS, environment=_ENVIRONMENT) as relay:
        used = Used(relay.data_folder, folder / "backup")
        async with _watched(relay.data_folder, used.names):
            await use_everything(relay.url, folder)
            used.metrics = await _get(f"{relay.metrics_url}/metrics")
            used.health = await _get(f"{relay.metrics_url}/health")
            used.backup.mkdir()
            await asyncio.to_thread(
                write_backup, relay.data_folder / "relay.db", used.backup / "relay.db", (4096,)
            )
            shutil.copy(relay.data_folder / "identity.json", used.backup)
            await relay.kill()
        used.log = relay.log_path.read_text()
    return used


@asynccontextmanager
async def _watched(folder: Path, names: set[str]) -> AsyncGenerator[None]:
    """Note the name of every file that is there at any moment, as far as looking can see."""

    async def look() -> None:
        while True:
            _note(folder, names)
            await asyncio.sleep(_LOOK_SECONDS)

    looking = asyncio.create_task(look())
    try:
        yield
    finally:
        looking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await looking
        _note(folder, names)


def _note(folder: Path, names: set[str]) -> None:
    names.update(path.name for path in folder.iterdir())


def _schema(used: Used) -> Row:
    odd = _database_parts(used.data_folder) + _database_parts(used.backup)
    found = 0
    for number, planted in enumerate(_PLANTED_SCHEMA):
        copy = used.backup.with_name(f"planted-{number}")
        shutil.copytree(used.data_folder, copy)
        with closing(sqlite3.connect(copy / "relay.db")) as connection:
            connection.execute(planted)
        found += len(_database_parts(copy)) > 0
    parts = len(take_inventory().items)
    return _row(
        f"schema of a used database and a backup, by an inventory of {parts} items",
        2,
        odd,
        (found, len(_PLANTED_SCHEMA)),
    )


def _database_parts(folder: Path) -> list[str]:
    return [one for one in undeclared_in_folder(folder, DATA) if not one.startswith("file ")]


def _files(used: Used, folder: Path) -> Row:
    in_backup = undeclared_in_folder(used.backup, BACKUP)
    seen = folder / "seen"
    seen.mkdir()
    for name in used.names:
        (seen / name).touch()
    (seen / "relay.db").unlink()
    (seen / "identity.json").unlink()
    odd = [*undeclared_in_folder(seen, DATA), *in_backup]
    for name in _PLANTED_FILES:
        (seen / name).touch()
    found = len(undeclared_in_folder(seen, DATA)) - len(odd)
    return _row(
        f"files of the data folder, looked at every {_LOOK_SECONDS * 1000:.0f} ms until it was"
        " killed",
        len(used.names),
        odd,
        (found, len(_PLANTED_FILES)),
    )


def _figures(used: Used) -> Row:
    odd = [*undeclared_metrics(used.metrics), *undeclared_health(used.health)]
    found = sum(bool(undeclared_metrics(f"{line}\n")) for line in _PLANTED_METRICS)
    found += bool(undeclared_health('{"status": "ok", "last_login": "alice"}'))
    lines = len(used.metrics.splitlines())
    return _row(
        "lines of the metrics page and an answer of health, as served",
        lines + 1,
        odd,
        (found, len(_PLANTED_METRICS) + 1),
    )


def _lines(used: Used) -> Row:
    odd = undeclared_lines(used.log)
    found = sum(bool(undeclared_lines(line)) for line in _PLANTED_LINES)
    return _row(
        "lines on standard error at DEBUG",
        len(used.log.splitlines()),
        odd,
        (found, len(_PLANTED_LINES)),
    )


def _calls(folder: Path) -> Row:
    packages = [Path(str(files(f"hushpost_{name}"))) for name in ("server", "store", "wire")]
    judged = [log_calls(package) for package in packages]
    planted = folder / "planted"
    planted.mkdir()
    (planted / "feed.py").write_text("\n".join(_PLANTED_CALLS))
    found = len(log_calls(planted).undeclared)
    return _row(
        f"calls that log, in the source ({len(EVENTS)} events declared)",
        sum(one.calls for one in judged),
        [odd for one in judged for odd in one.undeclared],
        (found, len(_PLANTED_CALLS)),
    )


def _vaults(folder: Path) -> Row:
    vaults = sorted(folder.glob("*.vault"))
    odd = [f"{vault.name}: {column}" for vault in vaults for column in _columns(vault) - _DECLARED]
    planted = folder / "planted.db"
    shutil.copy(vaults[0], planted)
    with closing(sqlite3.connect(planted)) as connection:
        connection.execute("ALTER TABLE directory ADD COLUMN name TEXT")
        connection.execute("CREATE TABLE contacts (name TEXT)")
    found = len(_columns(planted) - _DECLARED)
    columns = f"columns of used vaults ({len(_DECLARED)} declared, {len(RECORDS)} kinds of record)"
    return _row(columns, len(vaults), odd, (found, 2))


def _columns(vault: Path) -> set[str]:
    with closing(sqlite3.connect(vault)) as connection:
        rows = connection.execute(
            "SELECT m.name, c.name FROM sqlite_master m JOIN pragma_table_xinfo(m.name) c"
            " WHERE m.type <> 'index'"
        )
        return {f"{table}.{column}" for table, column in rows.fetchall()}


async def _memory(folder: Path, store: str) -> Row:
    configuration = Configuration.model_validate(
        {"listen_port": 0, "metrics_port": 0, "store": store, "data_folder": folder}
    )
    async with RelayServer(configuration) as relay:
        await misuse(relay.url)
        odd = unlisted(relay)
        walked = len(attributes_of(relay))
        relay.visitors = {"192.0.2.1": "alice"}  # type: ignore[attr-defined]  # what is planted
        found = len(unlisted(relay)) - len(odd)
    return _row(f"attributes in memory of a used relay, store {store}", walked, odd, (found, 1))


def _row(tried: str, times: int, odd: Iterable[str], planted: tuple[int, int]) -> Row:
    names = list(odd)
    found, of = planted
    told = f"; first: {names[0]}" if names else ""
    return Row(
        tried,
        times,
        f"{len(names)} undeclared{told}; planted {of}, found {found}",
        holds=not names and found == of and times > 0,
    )


async def _get(url: str) -> str:
    def fetch() -> str:
        with urllib.request.urlopen(url) as answer:
            text: str = answer.read().decode()
        return text

    fetched: Callable[[], str] = fetch
    return await asyncio.to_thread(fetched)
