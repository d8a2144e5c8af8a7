"""Answers to orders, held against the raw database of a relay that people used.

Produced by the command itself, in a process of its own, beside the running relay; then the relay is
stopped and every row of its database is crossed off. And the looking is measured: how long one
takes, and whether deleted envelopes leave the relay's log all the same.
"""

import asyncio
import json
import shutil
import sqlite3
import sys
import time
import urllib.request
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from hushpost_server.published_schema import from_json
from hushpost_server.subpoena import Subpoena
from hushpost_server.subpoena_command import UNKNOWN_ACCOUNT
from hushpost_store.sqlite import row_digest
from hushpost_store.sqlite.onlooker import look_into
from hushpost_store.sqlite.owned_rows import owned_rows

from hushpost_proof.claim import Row
from hushpost_proof.disclosure import accounts_of, unaccounted
from hushpost_proof.everyday import use_everything
from hushpost_proof.harness.relay_process import RelayProcess, relay_process

_PLANTED = (
    "CREATE TABLE visitor AS SELECT 'alice' AS name",
    "ALTER TABLE account ADD COLUMN phone TEXT",
    "INSERT INTO one_time_prekey SELECT x'07', device_id, prekey_id, expiry_day, record, digest"
    " FROM one_time_prekey LIMIT 1",
)
_LOOKS = 100
# The store's promise; a look may cost one checkpoint its turn, which comes again a second later.
_DELETION_SECONDS_MAX = 30.0


async def audit(folder: Path) -> list[Row]:
    """Use a relay, answer for every account, and judge the answers."""
    async with relay_process(folder) as relay:
        await use_everything(relay.url, folder)
        database = relay.data_folder / "relay.db"
        answers = [await _ask(relay, account) for account in accounts_of(database)]
        unknown = await _answer(relay, "f" * 64)
        looking = await _look_often(relay, database)
    stopped = [await _ask(relay, account) for account in accounts_of(database)]
    return [
        _complete(database, answers, "beside the running relay"),
        _complete(database, stopped, "from the stopped relay's folder"),
        _planted(database, answers, folder),
        _unknown(unknown),
        looking,
    ]


async def _answer(relay: RelayProcess, account: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hushpost_server.command", "subpoena", account),
        *("--format", "json", "--data-folder", str(relay.data_folder)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    printed, _ = await process.communicate()
    return process.returncode, printed.decode()


async def _ask(relay: RelayProcess, account: str) -> dict[str, Any]:
    status, printed = await _answer(relay, account)
    assert status == 0, printed
    from_json(Subpoena, printed)  # as its schema says, or the experiment fails
    answer: dict[str, Any] = json.loads(printed)
    return answer


def _complete(database: Path, answers: Sequence[dict[str, Any]], where: str) -> Row:
    odd = unaccounted(database, answers)
    tables = [table for answer in answers for table in answer["stored"]]
    rows = sum(len(table["rows"]) for table in tables)
    kinds = len({table["table"] for table in tables if table["rows"]})
    return Row(
        f"answers for every account, {where}, against all rows of all tables",
        len(answers),
        f"{rows} rows of {kinds} tables produced, each once, for one account;"
        f" {len(odd)} kinds left over or too many {'; '.join(odd)}",
        holds=not odd and len(answers) > 1 and kinds > 5,
    )


def _planted(database: Path, answers: Sequence[dict[str, Any]], folder: Path) -> Row:
    found = 0
    for number, planted in enumerate(_PLANTED):
        copy = folder / f"planted-{number}.db"
        shutil.copy(database, copy)
        with closing(sqlite3.connect(copy)) as connection:
            row_digest.install(connection, row_digest.Damage())
            connection.execute(planted)
            connection.commit()
        found += bool(unaccounted(copy, answers))
    return Row(
        "a planted table, column and row of nobody's, against the same answers",
        len(_PLANTED),
        f"found {found}",
        holds=found == len(_PLANTED),
    )


def _unknown(answered: tuple[int | None, str]) -> Row:
    status, printed = answered
    answer: dict[str, Any] = json.loads(printed)
    rows = sum(len(table["rows"]) for table in answer["stored"])
    return Row(
        "an account that is not here",
        1,
        f"status {status}, {rows} rows, {len(answer['cannot'])} absences with their reasons",
        holds=status == UNKNOWN_ACCOUNT and rows == 0 and not answer["is_known"],
    )


async def _look_often(relay: RelayProcess, database: Path) -> Row:
    accounts = [bytes.fromhex(account) for account in accounts_of(database)]
    longest = 0.0
    lag = 0.0
    for number in range(_LOOKS):
        began = time.monotonic()
        with look_into(database) as look:
            owned_rows(look.connection, accounts[number % len(accounts)])
        longest = max(longest, time.monotonic() - began)
        if number % 10 == 0:
            lag = max(lag, await _lag(relay))
    return Row(
        "looks at a running relay's database",
        _LOOKS,
        f"longest {longest * 1000:.0f} ms; age of the oldest deletion at most {lag:.0f} s",
        holds=longest < _DELETION_SECONDS_MAX / 6 and lag < _DELETION_SECONDS_MAX,
    )


async def _lag(relay: RelayProcess) -> float:
    def fetch() -> float:
        with urllib.request.urlopen(f"{relay.metrics_url}/health") as answer:
            return float(json.load(answer)["deletion_lag_seconds"])

    return await asyncio.to_thread(fetch)
