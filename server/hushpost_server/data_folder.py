"""The relay's data folder: database and identity key, readable by its owner only."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from hushpost_store.durable_folder import make_folder
from hushpost_store.errors import (
    StorageFull,
    StoreDamaged,
    StoreFault,
    StoreInUse,
    StoreMisuse,
    StoreNewer,
)
from hushpost_store.interface import Store
from hushpost_store.memory import MemoryStore
from hushpost_store.quotas import Quotas
from hushpost_store.sqlite import SqliteOptions, SqliteStore

from hushpost_server.configuration import MIB, Configuration
from hushpost_server.errors import FolderUnusable, IdentityUnusable, StoreUnfit
from hushpost_server.identity import FILE_NAME as IDENTITY_FILE
from hushpost_server.identity import (
    RelayIdentity,
    load_identity,
    new_identity,
    save_identity,
)
from hushpost_server.logging import EventLog

DATABASE_FILE = "relay.db"
FOLDER_MODE = 0o700
# What may lie in a folder that is made the relay's own; `file_inventory` has the files themselves.
_OURS = ("relay.", "identity.", ".writable", "lost+found")
# With bucket enforcement off: comparison with other systems is made with 1 KiB envelopes.
UNENFORCED_SIZES = (1024, 4096, 16384)


class DataFolder:
    """What one relay keeps on disk. Nothing is written there with `store = "memory"`."""

    def __init__(
        self,
        configuration: Configuration,
        *,
        now: Callable[[], float],
        random: Callable[[int], bytes],
        log: EventLog,
    ) -> None:
        self._configuration = configuration
        self._now = now
        self._random = random
        self._log = log
        self._store: Store | None = None
        self.path: Path = configuration.data_folder

    @property
    def database(self) -> Path:
        """The file of the SQLite store."""
        return self.path / DATABASE_FILE

    def prepare(self) -> None:
        """Make the folder and see that it can be written to; raises `FolderUnusable`."""
        try:
            make_folder(self.path, FOLDER_MODE)
            if os.name == "posix" and self.path.stat().st_mode & 0o077:
                self._require_own()
                self.path.chmod(FOLDER_MODE)
            probe = self.path / ".writable"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise FolderUnusable(
                f"data_folder {self.path} cannot be used ({error.strerror}): make it writable for"
                " this user, or name another with --data-folder"
            ) from None

    def _require_own(self) -> None:
        """Raise where others keep things there: they would be locked out by a slip of the pen."""
        foreign = [one.name for one in self.path.iterdir() if not one.name.startswith(_OURS)]
        if foreign:
            raise FolderUnusable(
                f"data_folder {self.path} is open to others and holds more than a relay's files"
                f" ({min(foreign)}): name a folder of its own, or close this one (chmod 700)"
            )

    def find_identity(self) -> RelayIdentity | None:
        """Load the identity key; None where a shared store must be asked before the first is made.

        Beside a database of its own the key comes first: a crash between the two leaves a key that
        the next start uses, and never a database whose key is missing. Raises `IdentityUnusable`.
        """
        if self._configuration.store == "memory":
            return new_identity(self._random)
        self.prepare()
        identity = load_identity(self.path)
        if identity is not None:
            if '"public_key"' not in (self.path / IDENTITY_FILE).read_text("ascii"):
                # Written by a release that could not tell a damaged seed.
                save_identity(self.path, identity)
            return identity
        if self._configuration.store == "redis":
            return None
        if self.database.exists():
            raise self._missing("an existing database")
        return self._new_identity()

    def make_identity(self, store: Store) -> RelayIdentity:
        """Make the first identity key beside a store that opened; raises `IdentityUnusable`."""
        if store.stats().accounts:
            raise self._missing("a store that has accounts")
        return self._new_identity()

    def _new_identity(self) -> RelayIdentity:
        identity = new_identity(self._random)
        save_identity(self.path, identity)
        self._log.write("identity_created")
        return identity

    def forget_identity(self) -> None:
        """Take back the key that `make_identity` has just made, which nobody was shown."""
        (self.path / IDENTITY_FILE).unlink(missing_ok=True)

    def _missing(self, beside: str) -> IdentityUnusable:
        return IdentityUnusable(
            f"{self.path / IDENTITY_FILE} is missing beside {beside}: restore it from a backup, or"
            " copy it from another relay on the same Redis; if there is none, see 'A lost"
            " identity' in docs/operating.md and run `hushpost-relay identity renew --lost`"
        )

    def make_store(self) -> Store:
        """Return the store the configuration names, not yet open."""
        quotas = self._configuration.quotas()
        if self._configuration.store == "memory":
            return MemoryStore(quotas)
        if self._configuration.store == "redis":
            return self._redis_store(quotas)
        options = SqliteOptions()
        if self._configuration.unsafe_no_bucket_enforcement:
            options = replace(options, bucket_sizes=UNENFORCED_SIZES)
        if self._configuration.quiet:
            # The store's own bound must not be met first: what it counts shrinks when somebody
            # acknowledges, and would show who does. It stops reading at half of it.
            room = 2 * self._configuration.quiet_bytes_max + 2 * MIB
            options = replace(options, intake_bytes_max=max(room, options.intake_bytes_max))
        return SqliteStore(self.database, quotas=quotas, options=options, clock=self._now)

    def _redis_store(self, quotas: Quotas) -> Store:
        try:
            # Imported here: it belongs to an extra that a relay on one machine does without.
            from hushpost_store.redis.options import Durability, RedisOptions  # noqa: PLC0415
            from hushpost_store.redis.store import RedisStore  # noqa: PLC0415
        except ImportError:
            raise StoreUnfit(
                'store = "redis" needs more packages: pip install "hushpost[redis]"'
            ) from None
        configuration = self._configuration
        url = configuration.redis_url
        options = RedisOptions(
            url.get_secret_value() if url is not None else "",
            Durability(configuration.redis_durability),
        )
        try:
            return RedisStore(options, quotas, self._now)
        except StoreMisuse as error:
            raise StoreUnfit(f"redis_url cannot be used: {error}") from None

    async def open_store(self, store: Store) -> None:
        """Open `store`; raises `FolderUnusable` or `StoreUnfit` with what to do."""
        if self._configuration.store == "redis":
            try:
                await store.open()
            except StoreFault as error:
                raise StoreUnfit(f"the Redis store cannot be used: {error}") from None
            self._store = store
            return
        try:
            await store.open()
        except StoreInUse:
            raise FolderUnusable(
                f"{self.database} is in use by another relay: stop that one, or name another folder"
                " with --data-folder"
            ) from None
        except StoreNewer:
            raise FolderUnusable(
                f"{self.database} was written by a newer hushpost: upgrade this one, or restore a"
                " backup that it made"
            ) from None
        except StoreDamaged as error:
            raise FolderUnusable(
                f"{self.database} is damaged or no database of hushpost, and was left as it is:"
                f" {error}. `hushpost-relay check` says more; a backup is put in its place with"
                " `hushpost-relay restore`"
            ) from None
        except StorageFull:
            raise FolderUnusable(
                f"the disk of {self.path} is full: free space and start again"
            ) from None
        except StoreFault as error:
            raise FolderUnusable(f"{self.database} cannot be opened: {error}") from None
        self._store = store

    async def close(self) -> None:
        """Close the store, if it was opened."""
        store, self._store = self._store, None
        if store is not None:
            await store.close()
