"""A relay's database with one byte changed: what is served must be what was written, or reported.

The truth is read once from the sound database by the real store. Then for each flip the store is
opened on a copy and asked for everything. Right answers are fine, and so is a refusal; a wrong
answer is not, and neither is a missing one without a report.
"""

import random
import shutil
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from hushpost_server.data_folder import DATABASE_FILE
from hushpost_server.errors import OperatorError
from hushpost_server.identity import FILE_NAME, load_identity
from hushpost_store import errors
from hushpost_store.rows import AccountRow, DropKind
from hushpost_store.sqlite import SqliteStore

from hushpost_proof.power.flips import NO_BOUND, Flip, Tally, contents, flips
from hushpost_proof.power.relay_images import takes

PAGE_BYTES = 4096
_ENOUGH = 10_000
RIGHT, REPORTED, REFUSED = "without effect", "reported", "refused to open"


@dataclass(slots=True)
class Answers:
    """All that a store says of what it holds."""

    generation: bytes = b""
    accounts: dict[bytes, AccountRow | None] = field(
        default_factory=dict[bytes, "AccountRow | None"]
    )
    lists: dict[bytes, tuple[object, ...]] = field(default_factory=dict[bytes, tuple[object, ...]])
    envelopes: dict[bytes, tuple[bytes, bytes, int]] = field(
        default_factory=dict[bytes, tuple[bytes, bytes, int]]
    )
    drops: set[bytes] = field(default_factory=set[bytes])
    prekeys: set[bytes] = field(default_factory=set[bytes])

    def has_had(self, account: AccountRow) -> bool:
        """Whether an account is this one, perhaps with an older list: signed, and found by peers.

        The newest list is gone where damage moved its row to another account.
        """
        written = self.accounts[account.account_id]
        return (
            written is not None
            and account.device_list in self.lists[account.account_id]
            and replace(account, device_list=written.device_list) == written
        )

    def wrong_against(self, truth: "Answers") -> str:
        """Name what is served that was not written; "" where all of it was."""
        if self.generation != truth.generation:
            return "another generation"
        for account in self.accounts.values():
            if account is not None and not truth.has_had(account):
                return "another account"
        for account_id, lists in self.lists.items():
            if not set(lists) <= set(truth.lists[account_id]):
                return "another device list"
        for envelope_id, row in self.envelopes.items():
            if truth.envelopes.get(envelope_id) != row:
                return "another envelope"
        if not self.drops <= truth.drops:
            return "another drop"
        return "" if self.prekeys <= truth.prekeys else "another prekey"


class FlippedRelay:
    """Flips bytes of one relay's folder. `truth` must have been read from it."""

    def __init__(self, folder: Path, routes: dict[bytes, bytes], work: Path) -> None:
        self._folder = folder
        self._routes = routes
        self._work = work
        self._hashes = _drop_hashes(folder / DATABASE_FILE)
        self._truth = Answers()
        self._identity = load_identity(folder)

    async def try_flips(
        self, chance: random.Random, per_page: int, seconds: float, *, bad_max: int = NO_BOUND
    ) -> Tally:
        """Flip one byte after the other, each in a fresh copy, until the time is up.

        A control ends with `bad_max` bad outcomes: it has been found.
        """
        self._truth = await self._ask(self._copy())
        assert self._truth.envelopes
        assert self._truth.prekeys
        tally = Tally()
        names = [FILE_NAME, DATABASE_FILE]
        log = DATABASE_FILE + "-wal"
        if (self._folder / log).exists():
            names.append(log)
        until = time.monotonic() + seconds
        for flip in flips(self._folder, names, PAGE_BYTES, chance, per_page):
            if time.monotonic() > until or tally.bad >= bad_max:
                break
            await self._try(flip, tally)
        return tally

    async def _try(self, flip: Flip, tally: Tally) -> None:
        copy = self._copy()
        flip.apply(copy)
        if flip.name == FILE_NAME:
            self._judge_identity(flip, tally, copy)
            return
        try:
            await self._try_store(flip, tally, copy)
        except Exception as error:  # noqa: BLE001 - whatever it is, no operator can read it
            tally.note(flip, f"RAISED {type(error).__name__}", is_bad=True)

    async def _try_store(self, flip: Flip, tally: Tally, copy: Path) -> None:
        store = SqliteStore(copy / DATABASE_FILE)
        before = contents(copy)
        try:
            await store.open()
        except errors.StoreFault:
            kept = contents(copy) == before
            outcome = REFUSED if kept else "refused to open, and changed the files"
            tally.note(flip, outcome, is_bad=not kept)
            return
        try:
            answers = await self._ask_store(store)
            stats = store.stats()
        finally:
            await store.close()
        wrong = answers.wrong_against(self._truth)
        is_reported = stats.damaged > 0 or stats.log_was_cut or stats.faulty
        if wrong:
            tally.note(flip, f"SERVED {wrong}", is_bad=True)
        elif answers == self._truth:
            tally.note(flip, REPORTED if is_reported else RIGHT)
        elif is_reported:
            tally.note(flip, REPORTED)
        else:
            tally.note(flip, "LOST without a report", is_bad=True)

    def _judge_identity(self, flip: Flip, tally: Tally, copy: Path) -> None:
        try:
            identity = load_identity(copy)
        except OperatorError:
            tally.note(flip, REFUSED)
            return
        is_same = identity == self._identity
        tally.note(flip, RIGHT if is_same else "SERVED another identity", is_bad=not is_same)

    def _copy(self) -> Path:
        copy = self._work / "copy"
        if copy.exists():
            shutil.rmtree(copy)
        shutil.copytree(self._folder, copy)
        return copy

    async def _ask(self, folder: Path) -> Answers:
        store = SqliteStore(folder / DATABASE_FILE)
        await store.open()
        try:
            return await self._ask_store(store)
        finally:
            await store.close()

    async def _ask_store(self, store: SqliteStore) -> Answers:
        answers = Answers(store.stats().generation)
        now = time.time()
        for account_id, route in self._routes.items():
            try:
                answers.accounts[account_id] = await store.load_account(account_id)
                answers.lists[account_id] = await store.device_lists(account_id, 0)
            except errors.StoreError:
                answers.accounts[account_id] = None
            await self._ask_mailbox(store, route, now, answers)
            await self._take(store, account_id, now, answers)
        return answers

    async def _ask_mailbox(
        self, store: SqliteStore, route: bytes, now: float, answers: Answers
    ) -> None:
        try:
            opened = await store.open_mailbox(route, now)
            rows = await store.read_backlog(
                route, opened.epoch, after_sequence=0, limit=_ENOUGH, now=now
            )
        except errors.StoreError:
            return
        for row in rows:
            answers.envelopes[row.envelope_id] = (row.envelope, row.drop_ref, row.not_after)
        answers.drops |= {hashed for hashed in self._hashes if takes(store, route, hashed)}
        store.close_mailbox(route, opened.epoch)

    async def _take(
        self, store: SqliteStore, account_id: bytes, now: float, answers: Answers
    ) -> None:
        try:
            while taken := await store.take_prekeys(account_id, int(now // 86_400)):
                fresh = {bundle.one_time for bundle in taken.bundles if bundle.one_time}
                for bundle in taken.bundles:
                    answers.prekeys |= {one for one in (bundle.signed, bundle.seal) if one}
                answers.prekeys |= fresh
                if not fresh:
                    return
        except errors.StoreError:
            return


def _drop_hashes(database: Path) -> set[bytes]:
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute(
            "SELECT drop_hash FROM mailbox_drop WHERE kind = ?", (int(DropKind.CONTACT),)
        )
        return {hashed for (hashed,) in rows}
