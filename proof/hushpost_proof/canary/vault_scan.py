"""The scan of clients' vaults: as a thief has them without the secret, and as one with it.

Without: no word in clear, and of rows that were overwritten or deleted not a piece, since whoever
learns the passphrase later could open it. With: nothing that was deleted, no key that was spent, no
prekey that was used, no envelope that went out.
"""

import asyncio
import random
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final

from hushpost.vault import Table, Vault
from hushpost.vault_header import KeychainKey
from hushpost_demo.gram_search import GramIndex

from hushpost_proof.canary.canaries import needles_of
from hushpost_proof.canary.new_files import NewFiles
from hushpost_proof.canary.people import Company
from hushpost_proof.canary.scan import CanaryScan
from hushpost_proof.canary.vault_copy import VaultCopy, copy_vaults
from hushpost_proof.canary.vault_notes import VaultNotes, noting
from hushpost_proof.harness.capture import read_capture
from hushpost_proof.harness.recording_proxy import RecordingProxy
from hushpost_proof.harness.relay_process import relay_process

# docs/vault.md, section 5: a second, and what a busy machine takes to come to it.
ERASED_SECONDS_MAX: Final = 5.0
PIECE_BYTES: Final = 48
# What the people of the experiment tell each other by files.
ADDRESS_SUFFIX: Final = ".address"
# An erasure that was due may come right after a message.
_TRIES_MAX: Final = 5
# While erasure is timed: to look for all pieces takes longer than to erase them.
_COARSE_BYTES: Final = 1024
SETTLED_SECONDS_MAX: Final = 60.0
OPEN_FILES, CLOSED_FILES, WITH_KEY = "files while open", "files when closed", "rows opened"
NAMES: Final = ("writer", "friend")


@dataclass(frozen=True, slots=True)
class Hunted:
    """How many things of a kind were hunted where, and how many of them were found."""

    what: str
    where: str
    hunted: int
    found: int
    bytes_read: int


@dataclass(frozen=True, slots=True)
class OpenRow:
    """One row of a vault, opened."""

    table: str
    key: bytes
    value: bytes


@dataclass(slots=True)
class VaultOutcome:
    """What was found, how long erasure took, and what was made beside the vaults."""

    scan: CanaryScan
    hunted: list[Hunted] = field(default_factory=list[Hunted])
    left_at_once: int = 0
    erased_after: float = 0.0
    rows: int = 0
    new_files: list[str] = field(default_factory=list[str])
    messages: int = 0


async def scan_vaults(folder: Path, seed: int) -> VaultOutcome:
    """Have two people talk, and read their vaults at each stage."""
    vaults = folder / "vaults"
    vaults.mkdir()
    async with RecordingProxy(folder / "wire") as proxy:
        company = Company(vaults, proxy.url, random.Random(seed))
        own = _texts(company)
        outcome = VaultOutcome(CanaryScan(needles_of(company.canaries())))
        with noting() as notes, NewFiles([vaults]) as new_files:
            async with relay_process(folder, public_host=proxy.host) as relay:
                proxy.lead_to(relay.port)
                await company.arrive(*NAMES)
                await company.befriend()
                await company.converse()
                await _time_erasure(outcome, company, vaults, notes)
                await _look(outcome, vaults, notes, OPEN_FILES)
                await company.leave_all()
                await _look(outcome, vaults, notes, CLOSED_FILES)
                rows = [await open_rows(company.vault(name), name) for name in NAMES]
            outcome.new_files = sorted({path.name for path in new_files.names()})
    outcome.rows, outcome.messages = notes.rows, company.said
    envelopes = {submit.envelope for submit in read_capture(folder / "wire").submits}
    outcome.hunted += hunt_in_rows([row for some in rows for row in some], notes, own, envelopes)
    return outcome


def _texts(company: Company) -> list[bytes]:
    return [saying.encode() for name in NAMES for saying in company.characters[name].sayings]


async def _time_erasure(
    outcome: VaultOutcome, company: Company, folder: Path, notes: VaultNotes
) -> None:
    """Overwrite a state, find the old one in the files, and wait until it is gone."""
    for _ in range(_TRIES_MAX):
        before = set(notes.sealed)
        message, began = await company.write_once(), time.monotonic()
        left = dead_rows(await copy_vaults(folder), before, every=_COARSE_BYTES)
        outcome.left_at_once = len(left)
        if left:
            while left and outcome.erased_after < ERASED_SECONDS_MAX:
                left = dead_rows(await copy_vaults(folder), left)
                outcome.erased_after = time.monotonic() - began
            await message.reached("delivered", timeout=SETTLED_SECONDS_MAX)
            break
    await company.settle()
    # Until the last of what that made is gone as well.
    await asyncio.sleep(ERASED_SECONDS_MAX)


def dead_rows(copy: VaultCopy, sealed: set[bytes], every: int = PIECE_BYTES) -> set[bytes]:
    """Return those rows that no table holds any more and of which a file holds a piece.

    A piece in `every` so many bytes is looked for.
    """
    # Nonces of 24 bytes begin a row; what follows is its alone.
    pieces = {
        row[start : start + PIECE_BYTES]: row
        for row in sealed - copy.live
        for start in range(24, len(row) - PIECE_BYTES + 1, every)
    }
    index = GramIndex(pieces)
    return {pieces[piece] for data in copy.files.values() for piece in index.search(data)}


async def _look(outcome: VaultOutcome, folder: Path, notes: VaultNotes, surface: str) -> None:
    copy = await copy_vaults(folder)
    for name, data in copy.files.items():
        if not name.endswith(ADDRESS_SUFFIX):
            outcome.scan.look(surface, name, data)
    size = sum(map(len, copy.files.values()))
    dead = notes.sealed - copy.live
    left = await asyncio.to_thread(dead_rows, copy, notes.sealed)
    outcome.hunted.append(
        Hunted("overwritten and deleted rows", surface, len(dead), len(left), size)
    )
    keys = notes.chain_keys | notes.message_keys
    found = _hunt("chain and message keys", surface, keys, list(copy.files.values()))
    outcome.hunted.append(found)


async def open_rows(path: Path, name: str) -> list[OpenRow]:
    """Open a closed vault as a thief with its secret would, and return all rows by table."""
    async with await Vault.open(path, KeychainKey(sha256(name.encode()).digest())) as vault:
        return [
            OpenRow(str(table), row.key, row.value) for table in Table for row in vault.rows(table)
        ]


def hunt_in_rows(
    rows: Sequence[OpenRow], notes: VaultNotes, texts: Iterable[bytes], sent: Iterable[bytes]
) -> list[Hunted]:
    """Hunt what is deleted, spent, used or gone in all rows that the vaults still hold."""
    stretches = [row.key + row.value for row in rows]
    kept = {(row.table, row.key) for row in rows}
    used = {
        value
        for (table, key), values in notes.values.items()
        if table == Table.ONE_TIME_PREKEYS and (table, key) not in kept
        for value in values
    }
    pieces = {one[at : at + PIECE_BYTES] for one in sent for at in range(64, 4000, 512)}
    return [
        _hunt("texts of messages that both have", WITH_KEY, set(texts), stretches),
        _hunt("chain keys that were stepped beyond", WITH_KEY, notes.chain_keys, stretches),
        _hunt("message keys", WITH_KEY, notes.message_keys, stretches),
        _hunt("secrets of used one-time prekeys", WITH_KEY, _secrets(used), stretches),
        _hunt("pieces of envelopes that went out", WITH_KEY, pieces, stretches),
    ]


def _secrets(values: Iterable[bytes]) -> set[bytes]:
    """Return the parts of records that are secret to any reader: every piece of them."""
    return {value[at : at + 32] for value in values for at in range(0, len(value) - 31, 32)}


def _hunt(what: str, where: str, wanted: set[bytes], stretches: list[bytes]) -> Hunted:
    index = GramIndex(wanted)
    found: set[bytes] = set()
    for stretch in stretches:
        found |= index.search(stretch).keys()
    return Hunted(what, where, len(wanted), len(found), sum(map(len, stretches)))
