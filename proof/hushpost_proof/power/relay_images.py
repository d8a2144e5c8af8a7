"""A disk that a power loss left, opened by the real store, and held against what was promised."""

import sqlite3
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from hushpost_server.data_folder import DATABASE_FILE
from hushpost_server.errors import OperatorError
from hushpost_server.identity import load_identity
from hushpost_store.errors import MailboxUnknown, StoreError
from hushpost_store.rows import Admitted, Refusal, Submission, TtlClass
from hushpost_store.sqlite import SqliteStore
from hushpost_wire.control import DropKind

from hushpost_proof.power.relay_promises import Promises

BACKLOG_MAX = 10_000


@dataclass(slots=True)
class Probe:
    """Asks whether a drop would take a message, without leaving one."""

    answer: Admitted | Refusal | None = None

    def admitted(self, admitted: Admitted) -> None:
        """See `SubmissionListener`."""
        self.answer = admitted

    def refused(self, reason: Refusal, retry_after: int) -> None:
        """See `SubmissionListener`."""
        self.answer = reason

    def committed(self) -> None:
        """See `SubmissionListener`."""

    def failed(self) -> None:
        """See `SubmissionListener`."""


@dataclass(slots=True)
class Inspector:
    """Looks at the images of one tape, in order; remembers what was certainly gone."""

    promises: Promises
    secrets: Mapping[bytes, bytes]
    gone: set[bytes] = field(default_factory=set[bytes])

    async def inspect(self, folder: Path, position: int, *, is_least: bool) -> list[str]:
        """Return a complaint for each promise that the relay's folder breaks.

        `is_least`: nothing uncertain reached this disk, so that what is absent is gone for good.
        """
        complaints = self._identity(folder, position)
        database = folder / DATABASE_FILE
        expected = any(account.begins < position for account in self.promises.accounts)
        if not database.exists():
            return [*complaints, "the database is not there"] if expected else complaints
        store = SqliteStore(database)
        try:
            await store.open()
        except StoreError as error:
            return [*complaints, f"the store does not open: {error}"]
        try:
            complaints += await self._look(store, position, is_least=is_least)
        except StoreError as error:
            complaints.append(f"the store cannot be read: {error!r}")
        finally:
            await store.close()
        return complaints + integrity(database)

    def _identity(self, folder: Path, position: int) -> list[str]:
        try:
            identity = load_identity(folder)
        except OperatorError as error:
            return [f"the identity does not load: {error}"]
        promised = self.promises.identity
        if promised is None or promised[0] >= position:
            return []
        if identity is None:
            return ["the identity key that was shown to people is lost"]
        return [] if identity.follows(promised[1]) else ["the identity key is another one"]

    async def _look(self, store: SqliteStore, position: int, *, is_least: bool) -> list[str]:
        promised = self.promises.generation
        complaints: list[str] = []
        is_told = promised is not None and promised[0] < position
        if promised is not None and is_told and store.stats().generation != promised[1]:
            complaints.append("the generation is another one")
        complaints += await self._accounts(store, position)
        complaints += await self._envelopes(store, position, is_least=is_least)
        complaints += await self._drops(store, position)
        complaints += await self._prekeys(store, position)
        return complaints

    async def _accounts(self, store: SqliteStore, position: int) -> list[str]:
        complaints: list[str] = []
        for held in self.promises.accounts:
            if held.holds_at(position):
                account = await store.load_account(held.account_id)
                if account is None:
                    complaints.append("an account is lost")
                elif account.device_list.version < held.version:
                    complaints.append("a device list went back")
        for account_id, deleted in self.promises.deleted.items():
            if deleted < position and await store.load_account(account_id) is not None:
                complaints.append("a deleted account is back")
        return complaints

    async def _envelopes(self, store: SqliteStore, position: int, *, is_least: bool) -> list[str]:
        complaints: list[str] = []
        present: dict[bytes, bytes] = {}
        routes = {held.route for held in self.promises.accounts if held.holds_at(position)}
        for route in routes:
            try:
                opened = await store.open_mailbox(route, time.time())
            except MailboxUnknown:
                complaints.append("a mailbox is lost")
                continue
            for queued in await store.read_backlog(
                route, opened.epoch, after_sequence=0, limit=BACKLOG_MAX, now=time.time()
            ):
                present[queued.envelope_id] = queued.envelope
            store.close_mailbox(route, opened.epoch)
        for known_as, envelope in present.items():
            if sha256(envelope).digest()[:16] != known_as:
                complaints.append("an envelope is not what was sent")
        for kept in self.promises.envelopes:
            if kept.holds_at(position) and present.get(kept.envelope_id) != kept.envelope:
                complaints.append("an accepted envelope is lost")
            if kept.envelope_id in self.gone and kept.envelope_id in present:
                complaints.append("a deleted envelope is back")
            if is_least and kept.ends < position and kept.envelope_id not in present:
                self.gone.add(kept.envelope_id)
        return complaints

    async def _drops(self, store: SqliteStore, position: int) -> list[str]:
        complaints: list[str] = []
        for drop in self.promises.drops:
            if drop.kind is not DropKind.CONTACT:
                continue
            if drop.holds_at(position) and not takes(store, drop.route, drop.hashed):
                complaints.append("a registered drop is lost")
            if drop.revoked < position and takes(store, drop.route, drop.hashed):
                complaints.append("a revoked drop is open")
        return complaints

    async def _prekeys(self, store: SqliteStore, position: int) -> list[str]:
        served: set[bytes] = set()
        today = int(time.time() // 86_400)
        for account_id in {held.account_id for held in self.promises.accounts}:
            while taken := await store.take_prekeys(account_id, today):
                fresh = {bundle.one_time for bundle in taken.bundles if bundle.one_time}
                if not fresh:
                    break
                served |= fresh
        complaints: list[str] = []
        for record, position_out in self.promises.handed_out.items():
            if position_out < position and record in served:
                complaints.append("a one-time prekey is served twice")
        ended = {held.account_id for held in self.promises.accounts if not held.ends >= position}
        if not ended:
            for record, stocked in self.promises.stocked.items():
                kept = stocked < position and record not in self.promises.handed_out
                if kept and record not in served:
                    complaints.append("a published prekey is lost")
        return complaints


def takes(store: SqliteStore, route: bytes, hashed: bytes) -> bool:
    """Say whether the drop would take an ephemeral envelope; the mailbox is loaded already."""
    now = time.time()
    envelope = bytes(4096)
    known_as = sha256(envelope).digest()[:16]
    hour = int(now // 3600) + 1
    probe = Probe()
    submission = Submission(route, hashed, known_as, int(TtlClass.EPHEMERAL), hour, envelope)
    store.submit(submission, probe, now)
    return isinstance(probe.answer, Admitted)


def integrity(database: Path) -> list[str]:
    """Return what SQLite finds wrong with a database."""
    with closing(sqlite3.connect(database)) as connection:
        try:
            found = connection.execute("PRAGMA integrity_check").fetchall()
        except sqlite3.DatabaseError as error:
            return [f"the database is damaged: {error}"]
    return [] if found == [("ok",)] else ["the database is damaged"]
