"""Layout, migration and SQLite's errors in this library's words."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hushpost.errors import (
    VaultDamaged,
    VaultError,
    VaultFull,
    VaultInUse,
    VaultNewer,
    VaultUncertain,
)
from hushpost.vault_schema import (
    MIGRATIONS,
    SCHEMA_VERSION,
    check_identity,
    connect,
    initialise,
    migrate,
    read_header,
    roll_back,
    truncate_log,
    vault_error,
    write_header,
)


def test_pragmas_hold(tmp_path: Path) -> None:
    """Erasure and durability rest on these settings; every connection has them."""
    with closing(connect(tmp_path / "v")) as connection:
        found = {
            name: connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("secure_delete", "synchronous", "temp_store", "wal_autocheckpoint")
        }
    assert found == {
        "secure_delete": 1,
        "synchronous": 2,
        "temp_store": 2,
        "wal_autocheckpoint": 0,
    }


def test_a_later_step_runs_once(tmp_path: Path) -> None:
    """A vault of an older schema gets the missing steps, once, and keeps its rows."""
    runs: list[int] = []

    def add_table(connection: sqlite3.Connection) -> None:
        runs.append(1)
        connection.execute("CREATE TABLE added (one BLOB)")

    with closing(connect(tmp_path / "v")) as connection:
        initialise(connection)
        write_header(connection, b"header")
        migrate(connection, (*MIGRATIONS, add_table))
        migrate(connection, (*MIGRATIONS, add_table))
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION + 1,)
        assert read_header(connection) == b"header"
        with pytest.raises(VaultNewer, match="update the app"):
            migrate(connection)
    assert runs == [1]


def test_a_failing_step_leaves_the_old_schema(tmp_path: Path) -> None:
    """A migration that fails half-way leaves version and tables as they were."""

    def fail(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE half (one BLOB)")
        raise ZeroDivisionError

    with closing(connect(tmp_path / "v")) as connection:
        initialise(connection)
        with pytest.raises(ZeroDivisionError):
            migrate(connection, (*MIGRATIONS, fail))
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
        tables = connection.execute("SELECT name FROM sqlite_master WHERE name = 'half'")
        assert tables.fetchall() == []


def test_another_sqlite_file_is_no_vault(tmp_path: Path) -> None:
    """A database of another program is refused before anything is read from it."""
    with closing(connect(tmp_path / "v")) as connection:
        connection.execute("CREATE TABLE notes (text)")
        with pytest.raises(VaultDamaged, match="no hushpost vault"):
            check_identity(connection)


def test_a_lost_header_is_damage(tmp_path: Path) -> None:
    """A vault without header record is reported."""
    with closing(connect(tmp_path / "v")) as connection:
        initialise(connection)
        with pytest.raises(VaultDamaged, match="header"):
            read_header(connection)


def test_truncation_empties_the_log(tmp_path: Path) -> None:
    """After truncation the write-ahead log has no byte; with a reader about it says so."""
    path = tmp_path / "v"
    with closing(connect(path)) as connection, closing(connect(path)) as reader:
        initialise(connection)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA busy_timeout=20")
        write_header(connection, b"one")
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM header").fetchall()
        write_header(connection, b"two")
        assert not truncate_log(connection)
        roll_back(reader)
        assert truncate_log(connection)
        assert path.with_name("v-wal").stat().st_size == 0


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (sqlite3.SQLITE_FULL, VaultFull),
        (sqlite3.SQLITE_IOERR_WRITE, VaultFull),
        (sqlite3.SQLITE_IOERR_FSYNC, VaultUncertain),
        (sqlite3.SQLITE_IOERR_DIR_FSYNC, VaultUncertain),
        (sqlite3.SQLITE_READONLY, VaultFull),
        (sqlite3.SQLITE_CANTOPEN, VaultFull),
        (sqlite3.SQLITE_IOERR_READ, VaultDamaged),
        (sqlite3.SQLITE_CORRUPT, VaultDamaged),
        (sqlite3.SQLITE_NOTADB, VaultDamaged),
        (sqlite3.SQLITE_BUSY, VaultInUse),
        (sqlite3.SQLITE_LOCKED, VaultInUse),
    ],
)
def test_each_error_of_sqlite(code: int, expected: type[VaultError]) -> None:
    """Every code has the error that tells what to do, and never SQLite's own text."""
    error = sqlite3.OperationalError("SELECT a secret")
    error.sqlite_errorcode, error.sqlite_errorname = code, "SQLITE_NAME"
    told = vault_error(error)
    assert type(told) is expected
    assert "secret" not in str(told)
