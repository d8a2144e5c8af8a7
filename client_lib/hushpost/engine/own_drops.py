"""Drops into this device's own mailbox (docs/spec/addresses.md, 5; docs/spec/content.md, 3).

Each row says whose drop a `drop_ref` is, so that an envelope is only ever opened as that contact's.
The relay holds the hash; of contact drops this device knows no secret.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import ClassVar, Final

from hushpost_crypto.address import Address, Invitation
from hushpost_crypto.drops import Drop, make_drop
from hushpost_wire.control import DropKind
from hushpost_wire.identifiers import DropHash, DropReference, drop_reference
from pydantic import ConfigDict

from hushpost.engine import errands
from hushpost.engine.desk import Desk
from hushpost.engine.errands import Errand, ErrandKind
from hushpost.engine.ledger import Table
from hushpost.engine.own_account import own_account
from hushpost.engine.shelf import ROW_CONFIG, Shelf


class DropUse(StrEnum):
    """What a drop into our mailbox is for."""

    CONTACT = "contact"
    REPLY = "reply"
    INVITATION = "invitation"
    KNOCK = "knock"


@dataclass(frozen=True, slots=True)
class DropRow:
    """One drop. ``account_id`` is empty where anybody may come through it."""

    __pydantic_config__: ClassVar[ConfigDict] = ROW_CONFIG

    drop_hash: DropHash
    use: DropUse
    account_id: bytes = b""
    seen: int = 0
    created_day: int = 0
    revoked_day: int = 0

    @property
    def is_spent(self) -> bool:
        """Whether a drop for one envelope has served."""
        return self.use in (DropUse.REPLY, DropUse.INVITATION) and self.seen > 0


# As long as mail that came through a drop may still matter; then a restored relay has no such mail.
REVOKED_DAYS: Final = 37
# What a relay keeps a drop for one envelope; older ones are not brought to life again.
ONCE_DAYS: Final = 30

_SHELF: Final = Shelf(Table.DROPS, DropRow)


def find_drop(desk: Desk, reference: DropReference) -> DropRow | None:
    """Give the drop of that name, or None."""
    return _SHELF.get(desk.ledger, reference)


def save_drop(desk: Desk, row: DropRow) -> None:
    """Store a drop's row."""
    _SHELF.put(desk.ledger, drop_reference(row.drop_hash), row, lookup=row.account_id)


def register(desk: Desk, row: DropRow, releases: tuple[bytes, ...] = ()) -> None:
    """Remember a drop and have the relay register it; then post what waits for it."""
    known = find_drop(desk, drop_reference(row.drop_hash))
    save_drop(desk, replace(row, created_day=desk.day) if known is None else known)
    purpose = _KINDS[row.use]
    errand = Errand(ErrandKind.REGISTER_DROP, row.drop_hash, purpose, releases=releases)
    errands.queue(desk, errand)


def make_reply_drop(desk: Desk, account_id: bytes) -> tuple[Drop, DropRow]:
    """Make the one-use drop through which a first reply comes; register it before posting."""
    drop = make_drop(own_account(desk).route, desk.random)
    return drop, DropRow(drop.hash(), DropUse.REPLY, account_id)


def create_invitation(desk: Desk) -> tuple[Invitation, bytes]:
    """Make an invitation and the key of its errand; hand it out when the errand is done."""
    own = own_account(desk)
    drop = make_drop(own.route, desk.random)
    row = DropRow(drop.hash(), DropUse.INVITATION)
    register(desk, row)
    errand = Errand(ErrandKind.REGISTER_DROP, row.drop_hash, _KINDS[row.use])
    return Invitation(Address(own.host, own.account_id), drop), errand.key


def take_back(desk: Desk, drop: DropHash) -> None:
    """Have one drop of ours revoked, registered or not."""
    row = find_drop(desk, drop_reference(drop))
    if row is not None:
        _revoke(desk, row)


def register_knock_drop(desk: Desk) -> None:
    """Open the door to strangers, if this account has one."""
    own = own_account(desk)
    if own.knock_secret is not None:
        drop = Drop(own.route, own.knock_secret)
        register(desk, DropRow(drop.hash(), DropUse.KNOCK))


def register_all_again(desk: Desk) -> None:
    """Repeat to a relay that came back from a backup what it may have forgotten (wire.md, 6.2)."""
    for row in list(_SHELF.all(desk.ledger)):
        if row.revoked_day:
            if desk.day - row.revoked_day <= REVOKED_DAYS:
                errands.queue(desk, Errand(ErrandKind.REVOKE_DROP, row.drop_hash))
        elif not row.is_spent and not _is_over(desk, row):
            register(desk, row)


def revoke_drops_of(desk: Desk, account_id: bytes) -> None:
    """Have every drop of a contact revoked; the rows stay, to recognise mail still queued."""
    for _, row in _SHELF.find(desk.ledger, account_id):
        _revoke(desk, row)


def _revoke(desk: Desk, row: DropRow) -> None:
    save_drop(desk, replace(row, revoked_day=desk.day))
    errands.finish(desk, Errand(ErrandKind.REGISTER_DROP, row.drop_hash, _KINDS[row.use]))
    errands.queue(desk, Errand(ErrandKind.REVOKE_DROP, row.drop_hash))


def _is_over(desk: Desk, row: DropRow) -> bool:
    once = row.use in (DropUse.REPLY, DropUse.INVITATION)
    return once and desk.day - row.created_day > ONCE_DAYS


_KINDS: Final = {
    DropUse.CONTACT: DropKind.CONTACT.value,
    DropUse.REPLY: DropKind.ONCE.value,
    DropUse.INVITATION: DropKind.ONCE.value,
    DropUse.KNOCK: DropKind.KNOCK.value,
}
