"""A vault with one byte changed: what it gives must be what was put, or the vault must say so."""

import random
import shutil
import time
from pathlib import Path

from hushpost.errors import VaultError
from hushpost.vault import Table, Vault
from hushpost.vault_header import KeychainKey

from hushpost_proof.power.flips import NO_BOUND, Flip, Tally, contents, flips

PAGE_BYTES = 4096
KEY = KeychainKey(bytes(range(32)))
NAME = "person.vault"
SIZES = (10, 300, 4_300, 40_000)
COMMITS = 5
RIGHT, REPORTED, REFUSED = "without effect", "reported", "refused to open"

Content = dict[str, list[tuple[bytes, bytes, int]]]


class FlippedVault:
    """Flips bytes of a vault that lay open when its process died: its log is full."""

    def __init__(self, folder: Path, work: Path) -> None:
        self._folder = folder
        self._work = work
        self._truth: tuple[Content, Content] = ({}, {})
        # A flip in the commit before may make both look like one.
        self._torn_from = _last_commit((folder / f"{NAME}-wal").read_bytes())

    async def try_flips(
        self, chance: random.Random, per_page: int, seconds: float, *, bad_max: int = NO_BOUND
    ) -> Tally:
        """Flip one byte after the other, each in a fresh copy, until the time is up.

        A control ends with `bad_max` bad outcomes: it has been found.
        """
        async with await Vault.open(self._copy() / NAME, KEY) as vault:
            self._truth = _content(vault)
        assert sum(map(len, self._truth[0].values())) >= len(SIZES)
        tally = Tally()
        until = time.monotonic() + seconds
        names = [NAME, f"{NAME}-wal"]
        for flip in flips(self._folder, names, PAGE_BYTES, chance, per_page):
            if time.monotonic() > until or tally.bad >= bad_max:
                break
            await self._try(flip, tally)
        return tally

    async def _try(self, flip: Flip, tally: Tally) -> None:
        copy = self._copy()
        flip.apply(copy)
        try:
            await self._try_vault(flip, tally, copy)
        except Exception as error:  # noqa: BLE001 - whatever it is, no app expects it
            tally.note(flip, f"RAISED {type(error).__name__}", is_bad=True)

    async def _try_vault(self, flip: Flip, tally: Tally, copy: Path) -> None:
        before = contents(copy)
        try:
            vault = await Vault.open(copy / NAME, KEY)
        except VaultError:
            kept = contents(copy) == before
            # A log that was whole is moved into the file before its rows are looked at.
            is_moved = flip.name == NAME and not kept
            tally.note(flip, REFUSED, is_bad=not kept and not is_moved)
            return
        try:
            content = _content(vault)
        except VaultError:
            tally.note(flip, REPORTED)
            return
        finally:
            await vault.close()
        if content == self._truth:
            tally.note(flip, RIGHT)
        elif flip.name != NAME and flip.place >= self._torn_from:
            # One commit that is not whole is what a power loss leaves (docs/vault.md, 8).
            tally.note(flip, "the last commit taken for torn")
        else:
            tally.note(flip, "SERVED or LOST without a report", is_bad=True)

    def _copy(self) -> Path:
        copy = self._work / "copy"
        if copy.exists():
            shutil.rmtree(copy)
        shutil.copytree(self._folder, copy)
        return copy


async def lay_out(folder: Path, chance: random.Random) -> None:
    """Make the files of a vault whose process died with commits in its log."""
    live = folder.with_name(f"{folder.name}-live")
    for made in (live, folder):
        made.mkdir(parents=True)
    vault = await Vault.create(live / NAME, KEY)
    async with vault.transaction() as transaction:
        for table in Table:
            for size in SIZES:
                key, lookup = chance.randbytes(16), chance.randbytes(4)
                transaction.put(table, key, chance.randbytes(size), lookup=lookup)
    await vault.close()
    vault = await Vault.open(live / NAME, KEY)
    for number in range(COMMITS):
        async with vault.transaction() as transaction:
            transaction.put(Table.SESSIONS, b"session", chance.randbytes(900))
            transaction.put(Table.OUTBOX, bytes([number]), chance.randbytes(4_300))
    for name in (NAME, f"{NAME}-wal"):
        shutil.copy(live / name, folder / name)
    await vault.close()


def _content(vault: Vault) -> tuple[Content, Content]:
    """Return all rows by list, and each again by its own key and through the other index."""
    listed: Content = {}
    single: Content = {}
    for table in Table:
        rows = vault.rows(table)
        listed[table] = [(row.key, row.value, row.position) for row in rows]
        single[table] = [(row.key, vault.get(table, row.key) or b"", 0) for row in rows]
        assert vault.count(table) == len(rows)
    return listed, single


def _last_commit(log: bytes) -> int:
    """Return where the frames of the log's last commit begin."""
    size = 24 + PAGE_BYTES
    ends = [
        start + size
        for start in range(32, len(log) - size + 1, size)
        if log[start + 4 : start + 8] != bytes(4)
    ]
    return ends[-2]
