"""Tests of hushpost_server.data_folder."""

from __future__ import annotations

import json
import secrets
import sys
from pathlib import Path

import pytest
from hushpost_proof.harness.device import NOW
from hushpost_server.configuration import Configuration
from hushpost_server.data_folder import DataFolder
from hushpost_server.errors import FolderUnusable, IdentityUnusable, StoreUnfit
from hushpost_server.file_inventory import DATA, names_in
from hushpost_server.logging import EventLog
from hushpost_store.errors import StorageFull, StoreFault, StoreInUse, StoreNewer
from hushpost_store.memory import MemoryStore
from hushpost_store.rows import AccountRow, DeviceListRow

from tests.server.conftest import quiet


def folder_of(configuration: Configuration) -> DataFolder:
    """Make the folder object of a configuration."""
    return DataFolder(configuration, now=lambda: NOW, random=secrets.token_bytes, log=EventLog())


def test_the_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    """A new folder, or one that is too open, ends with mode 0700."""
    path = tmp_path / "a" / "b"
    folder = folder_of(quiet(store="sqlite", data_folder=path))
    folder.prepare()
    assert path.stat().st_mode & 0o777 == 0o700
    path.chmod(0o755)
    folder.prepare()
    assert path.stat().st_mode & 0o777 == 0o700
    assert list(path.iterdir()) == []


def test_a_folder_of_others_is_not_made_the_relays_own(tmp_path: Path) -> None:
    """A slip such as /var/lib would lock everybody else out of it; it is refused and left alone."""
    path = tmp_path / "lib"
    (path / "postgresql").mkdir(parents=True)
    path.chmod(0o755)
    with pytest.raises(FolderUnusable, match=r"a folder of its own.*chmod 700"):
        folder_of(quiet(store="sqlite", data_folder=path)).prepare()
    assert path.stat().st_mode & 0o777 == 0o755
    path.chmod(0o700)  # by its owner, on purpose
    folder_of(quiet(store="sqlite", data_folder=path)).prepare()


def test_what_belongs_to_a_relay_is_not_of_others(tmp_path: Path) -> None:
    """A volume of its own, the configuration, and all that a relay writes may lie there."""
    for name in (*names_in(DATA), "relay.toml"):
        (tmp_path / name).touch()
    (tmp_path / "lost+found").mkdir()
    tmp_path.chmod(0o750)
    folder_of(quiet(store="sqlite", data_folder=tmp_path)).prepare()
    assert tmp_path.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    """A file in its place, or a parent that cannot be written to, is named with the remedy."""
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderUnusable, match="--data-folder"):
        folder_of(quiet(store="sqlite", data_folder=tmp_path / "file" / "x")).prepare()


def test_the_identity_is_made_once_and_never_replaced(tmp_path: Path) -> None:
    """The first start makes a key; later ones load it; a lost one beside a database is an error."""
    folder = folder_of(quiet(store="sqlite", data_folder=tmp_path))
    made = folder.find_identity()
    assert made is not None
    assert folder.find_identity() == made
    (tmp_path / "identity.json").unlink()
    folder.database.touch()
    with pytest.raises(IdentityUnusable, match="identity renew --lost"):
        folder.find_identity()


async def test_no_identity_is_made_beside_accounts(tmp_path: Path) -> None:
    """A store elsewhere that has accounts belongs to a relay that people know by another key."""
    folder = folder_of(quiet(store="redis", redis_url="redis://h", data_folder=tmp_path))
    store = await opened()
    await store.create_account(AccountRow(bytes(32), b"", 1, DeviceListRow(1, b"", b""), ()))
    assert folder.find_identity() is None
    with pytest.raises(IdentityUnusable, match="copy it from another relay"):
        folder.make_identity(store)
    assert not (tmp_path / "identity.json").exists()


async def test_a_key_that_was_just_made_can_be_taken_back(tmp_path: Path) -> None:
    """Another relay was first: the file must not stand in the way of a copy of its key."""
    folder = folder_of(quiet(store="redis", redis_url="redis://h", data_folder=tmp_path))
    folder.find_identity()
    folder.make_identity(await opened())
    folder.forget_identity()
    assert folder.find_identity() is None


async def opened() -> MemoryStore:
    """Open an empty store."""
    store = MemoryStore()
    await store.open()
    return store


def test_in_memory_nothing_touches_the_disk(tmp_path: Path) -> None:
    """`store = "memory"` writes neither a key nor a folder."""
    folder = folder_of(quiet(data_folder=tmp_path / "none"))
    assert folder.find_identity() is not None
    assert isinstance(folder.make_store(), MemoryStore)
    assert not (tmp_path / "none").exists()


async def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    """Garbage in the database's place stops the relay and stays as it was."""
    folder = folder_of(quiet(store="sqlite", data_folder=tmp_path))
    folder.database.write_bytes(b"not a database" * 1000)
    with pytest.raises(FolderUnusable, match="restore a backup"):
        await folder.open_store(folder.make_store())
    assert folder.database.read_bytes() == b"not a database" * 1000


async def test_a_redis_store_is_made_and_its_troubles_are_told(tmp_path: Path) -> None:
    """A URL that names none, and a server that is not there, stop the relay with what to do."""
    with pytest.raises(StoreUnfit, match="redis_url"):
        folder_of(quiet(store="redis", redis_url="http://h", data_folder=tmp_path)).make_store()
    far = quiet(store="redis", redis_url="redis://u:secret@127.0.0.1:1", data_folder=tmp_path)
    folder = folder_of(far)
    with pytest.raises(StoreUnfit, match=r"cannot reach Redis at 127\.0\.0\.1:1:") as told:
        await folder.open_store(folder.make_store())
    assert "secret" not in str(told.value)


def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without redis-py the error says what to install."""
    monkeypatch.setitem(sys.modules, "hushpost_store.redis.store", None)
    with pytest.raises(StoreUnfit, match=r"hushpost\[redis\]"):
        folder_of(quiet(store="redis", redis_url="redis://h", data_folder=tmp_path)).make_store()


class Refusing(MemoryStore):
    """A store that does not open."""

    fault: StoreFault = StoreFault("")

    async def open(self) -> None:
        """Raise what the test asks for."""
        raise self.fault


@pytest.mark.parametrize(
    ("fault", "advice"),
    [
        (StoreInUse("x"), "stop that one"),
        (StoreNewer("x"), "upgrade this one"),
        (StorageFull("x"), "free space"),
        (StoreFault("the reason"), "the reason"),
    ],
)
async def test_each_fault_of_opening_says_what_to_do(
    tmp_path: Path, fault: StoreFault, advice: str
) -> None:
    """One line for the operator, and nothing is left open."""
    folder = folder_of(quiet(store="sqlite", data_folder=tmp_path))
    store = Refusing()
    store.fault = fault
    with pytest.raises(FolderUnusable, match=advice):
        await folder.open_store(store)
    await folder.close()


def test_an_identity_of_an_older_release_is_completed(tmp_path: Path) -> None:
    """The public key is written beside the seed, so that a damaged seed is noticed from now on."""
    folder = folder_of(quiet(store="sqlite", data_folder=tmp_path))
    made = folder.find_identity()
    path = tmp_path / "identity.json"
    old = {k: v for k, v in json.loads(path.read_text()).items() if k != "public_key"}
    path.write_text(json.dumps(old))
    assert folder.find_identity() == made
    assert "public_key" in json.loads(path.read_text())


async def test_a_quiet_relay_reads_on_until_its_own_bound(tmp_path: Path) -> None:
    """The store's bound leaves room for what the tick holds, and the folder closes its store."""
    folder = folder_of(quiet(store="sqlite", data_folder=tmp_path, quiet=True))
    folder.prepare()
    store = folder.make_store()
    await folder.open_store(store)
    assert not store.under_pressure()
    await folder.close()
    await folder.close()
