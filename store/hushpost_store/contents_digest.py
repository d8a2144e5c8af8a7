"""Digests of what a store holds, the same for every kind of store (docs/spec/store.md, "Moving").

BLAKE2b over every cell with its type and length. Against errors of a program, a disk or a server,
and against a store that was changed meanwhile; whoever can write to both stores needs no defect.
An account has a digest for itself and two for each mailbox, so that a difference can be named
without naming anybody.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from hushpost_store.contents import AccountContents, Exporting, MailboxContents
from hushpost_store.errors import StoreDamaged
from hushpost_store.rows import DeviceRow

DIGEST_BYTES: Final = 32

Cell = int | bytes | None


@dataclass(frozen=True, slots=True)
class MailboxDigest:
    """Digests of a mailbox (drops, notices, figures) and of what is queued in it."""

    itself: bytes
    queued: bytes
    envelopes: int


@dataclass(frozen=True, slots=True)
class AccountDigest:
    """Digests of an account: of its own rows, and of its mailboxes in the order of its devices."""

    itself: bytes
    mailboxes: tuple[MailboxDigest, ...]

    @property
    def whole(self) -> bytes:
        """One digest of all of it."""
        cells: list[Cell] = [self.itself]
        for mailbox in self.mailboxes:
            cells += (mailbox.itself, mailbox.queued, mailbox.envelopes)
        return _digest(cells)

    @property
    def envelopes(self) -> int:
        """How many envelopes wait in all of its mailboxes."""
        return sum(mailbox.envelopes for mailbox in self.mailboxes)

    def differences(self, other: AccountDigest) -> tuple[str, ...]:
        """Say where another digest of this account differs; by place, never by name."""
        found: list[str] = []
        if self.itself != other.itself:
            found.append("the account itself (records, lists or prekeys)")
        if len(self.mailboxes) != len(other.mailboxes):
            found.append("the number of mailboxes")
        pairs = zip(self.mailboxes, other.mailboxes, strict=False)
        for place, (mine, others) in enumerate(pairs, 1):
            if mine.itself != others.itself:
                found.append(f"mailbox {place}: drops, notices or counts")
            if (mine.queued, mine.envelopes) != (others.queued, others.envelopes):
                found.append(
                    f"mailbox {place}: what is queued ({mine.envelopes} and {others.envelopes}"
                    " envelopes)"
                )
        return tuple(found)


async def digest_account(source: Exporting, account_id: bytes) -> AccountDigest | None:
    """Return the digest of an account as a store has it; None where it has none.

    Reads page by page, as `contents.copy_account` does. Raises StoreDamaged.
    """
    contents = await source.account(account_id)
    if contents is None:
        return None
    devices = contents.account.devices
    mailboxes = [await _digest_mailbox(source, account_id, device) for device in devices]
    return AccountDigest(_digest(_cells_of_account(contents)), tuple(mailboxes))


async def digest_damaged(source: Exporting, account_id: bytes) -> AccountDigest | None:
    """Return the same, and for each part that cannot be read a digest that nothing has."""
    try:
        contents = await source.account(account_id)
    except StoreDamaged:
        return AccountDigest(b"", ())
    if contents is None:
        return None
    mailboxes: list[MailboxDigest] = []
    for device in contents.account.devices:
        try:
            mailboxes.append(await _digest_mailbox(source, account_id, device))
        except StoreDamaged:
            mailboxes.append(_NO_MAILBOX)
    return AccountDigest(_digest(_cells_of_account(contents)), tuple(mailboxes))


def chained(before: bytes, digest: AccountDigest) -> bytes:
    """Return the digest of a sequence of accounts that ends with this one; it begins with b""."""
    return _digest([before, digest.whole])


_NO_MAILBOX: Final = MailboxDigest(b"", b"", 0)


async def _digest_mailbox(source: Exporting, account_id: bytes, device: DeviceRow) -> MailboxDigest:
    mailbox = await source.mailbox(account_id, device)
    if mailbox is None:
        return _NO_MAILBOX
    queued, envelopes = await _digest_queued(source, device.route)
    return MailboxDigest(_digest(_cells_of_mailbox(mailbox)), queued, envelopes)


async def _digest_queued(source: Exporting, route: bytes) -> tuple[bytes, int]:
    hashed, after, envelopes = blake2b(digest_size=DIGEST_BYTES), 0, 0
    while page := await source.envelopes(route, after):
        for row in page:
            for cell in row:
                hashed.update(_encoded(cell))
        envelopes += len(page)
        after = page[-1].sequence
    return hashed.digest(), envelopes


def _cells_of_account(contents: AccountContents) -> list[Cell]:
    account = contents.account
    newest = account.device_list
    cells: list[Cell] = [
        *(account.account_id, account.genesis, account.created_day),
        *(newest.version, newest.head, newest.record),
        len(account.devices),
    ]
    for device in account.devices:
        cells += (device.device_id, device.device_key, device.route)
    cells.append(len(contents.lists))
    for row in contents.lists:
        cells += (row.version, row.head, row.record)
    cells.append(len(contents.prekeys))
    for prekey in contents.prekeys:
        cells += (prekey.device_id, prekey.prekey_id, prekey.expiry_day, prekey.record)
    for standing in contents.standing:
        cells += (standing.device_id, standing.kind, standing.expiry_day, standing.record)
    return cells


def _cells_of_mailbox(contents: MailboxContents) -> list[Cell]:
    cells: list[Cell] = [
        *(contents.route, contents.account_id, contents.device_id, contents.last_sequence),
        *(contents.knock_day, contents.knocks, contents.notices_closed),
        *(contents.earliest, contents.latest, len(contents.drops)),
    ]
    for drop in contents.drops:
        cells += (drop.drop_hash, int(drop.kind), drop.life_end, drop.used_by)
    cells.append(len(contents.expired))
    for notice in contents.expired:
        cells += (notice.notice_id, len(notice.drops))
        for expired in notice.drops:
            cells += (expired.drop_ref, expired.envelopes)
    for row in contents.through:
        cells += (row.drop_ref, row.envelopes, row.size)
    return cells


def _digest(cells: list[Cell]) -> bytes:
    hashed = blake2b(digest_size=DIGEST_BYTES)
    for cell in cells:
        hashed.update(_encoded(cell))
    return hashed.digest()


def _encoded(cell: Cell) -> bytes:
    if cell is None:
        return b"n"
    if isinstance(cell, int):
        return b"i" + cell.to_bytes(8, "big", signed=True)
    return b"b" + len(cell).to_bytes(4, "big") + cell
