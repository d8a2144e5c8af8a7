"""Digests of accounts: equal for equal contents, and different for each thing that can differ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import pytest
from hushpost_store.contents import AccountContents, KeptDrop, MailboxContents, QueuedThrough
from hushpost_store.contents_digest import AccountDigest, chained, digest_account, digest_damaged
from hushpost_store.errors import StoreDamaged
from hushpost_store.rows import DeviceRow, DropKind, ExpiredDrop, ExpiredNotice

from tests.store.held import ID, PERSON, Held, full

ROUTE = PERSON.devices[0].route


async def digest_of(held: Held) -> AccountDigest:
    """Return the digest of the one account."""
    found = await digest_account(held, ID)
    assert found is not None
    return found


def mailbox_with(**changes: object) -> Callable[[Held], None]:
    """Return what changes the mailbox."""

    def change(held: Held) -> None:
        held.mailboxes[ROUTE] = replace(held.mailboxes[ROUTE], **changes)  # type: ignore[arg-type]  # names of its own fields

    return change


def account_with(**changes: object) -> Callable[[Held], None]:
    """Return what changes the account."""

    def change(held: Held) -> None:
        held.accounts[ID] = replace(held.accounts[ID], **changes)  # type: ignore[arg-type]  # names of its own fields

    return change


def envelope_with(**changes: object) -> Callable[[Held], None]:
    """Return what changes an envelope."""

    def change(held: Held) -> None:
        rows = held.queued[ROUTE]
        rows[1] = rows[1]._replace(**changes)  # type: ignore[arg-type]  # names of its own fields

    return change


_FULL = full()
_BOX: MailboxContents = _FULL.mailboxes[ROUTE]
_ACCOUNT = _FULL.accounts[ID]
CHANGES: dict[str, Callable[[Held], object]] = {
    "a used mark": mailbox_with(drops=(_BOX.drops[0], replace(_BOX.drops[1], used_by=None))),
    "a kind": mailbox_with(drops=(replace(_BOX.drops[0], kind=DropKind.KNOCK), _BOX.drops[1])),
    "an end": mailbox_with(drops=(_BOX.drops[0], replace(_BOX.drops[1], life_end=1))),
    "a drop less": mailbox_with(drops=_BOX.drops[1:]),
    "a drop more": mailbox_with(drops=(*_BOX.drops, KeptDrop(bytes(32), DropKind.KNOCK, 0, None))),
    "a notice's number": mailbox_with(
        expired=(_BOX.expired[0], replace(_BOX.expired[1], notice_id=2))
    ),
    "a notice's count": mailbox_with(
        expired=(ExpiredNotice(0, (ExpiredDrop(_BOX.expired[0].drops[0].drop_ref, 5),)),)
    ),
    "a count by drop": mailbox_with(through=(QueuedThrough(_BOX.through[0].drop_ref, 3, 1),)),
    "knocks": mailbox_with(knocks=1),
    "the day of knocks": mailbox_with(knock_day=1),
    "the last sequence": mailbox_with(last_sequence=9),
    "the last notice": mailbox_with(notices_closed=9),
    "the first end": mailbox_with(earliest=9),
    "the last end": mailbox_with(latest=9),
    "its device": mailbox_with(device_id=bytes(16)),
    "the order": lambda held: held.queued[ROUTE].reverse(),
    "an envelope less": lambda held: held.queued[ROUTE].pop(),
    "a flipped byte": envelope_with(envelope=bytes(4096)),
    "a sequence": envelope_with(sequence=7),
    "an envelope's end": envelope_with(not_after=7),
    "an envelope's drop": envelope_with(drop_ref=bytes(16)),
    "an envelope's id": envelope_with(envelope_id=bytes(16)),
    "a taken prekey": account_with(prekeys=_ACCOUNT.prekeys[:1]),
    "a prekey taken": account_with(
        prekeys=(replace(_ACCOUNT.prekeys[0], record=None), _ACCOUNT.prekeys[1])
    ),
    "a standing record": account_with(standing=_ACCOUNT.standing[:1]),
    "a device list": account_with(lists=_ACCOUNT.lists[:1]),
    "the devices": account_with(account=replace(PERSON, devices=PERSON.devices[::-1])),
    "the day made": account_with(account=replace(PERSON, created_day=1)),
    "a mailbox less": lambda held: held.mailboxes.pop(PERSON.devices[1].route),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_each_change_gives_another_digest_and_is_named_by_its_place(
    change: Callable[[Held], object],
) -> None:
    """Whatever differs differs in the digest, and the sentence about it names nobody."""
    before, held = await digest_of(full()), full()
    change(held)
    after = await digest_of(held)
    assert after.whole != before.whole
    (sentence, *_) = before.differences(after)
    assert sentence.startswith(("mailbox", "the account", "the number of mailboxes"))
    assert ID.hex() not in sentence


async def test_equal_contents_have_equal_digests() -> None:
    """Nothing but what is held goes into a digest."""
    one, other = await digest_of(full()), await digest_of(full())
    assert one == other
    assert one.differences(other) == ()
    assert one.envelopes == 3
    assert await digest_account(full(), bytes(32)) is None


async def test_what_cannot_be_read_is_named_by_its_place() -> None:
    """A damaged mailbox does not hide which one it is; a damaged account is equal to nothing."""
    whole, broken = (
        await digest_of(full()),
        Broken(**{f.name: getattr(_FULL, f.name) for f in fields(Held)}),
    )
    found = await digest_damaged(broken, ID)
    assert found is not None
    assert [one.partition(":")[0] for one in whole.differences(found)] == ["mailbox 1"] * 2
    with pytest.raises(StoreDamaged):
        await digest_account(broken, ID)
    broken.is_account_broken = True
    assert await digest_damaged(broken, ID) == AccountDigest(b"", ())
    assert await digest_damaged(full(), ID) == whole
    assert await digest_damaged(Held(), ID) is None


@dataclass(slots=True)
class Broken(Held):
    """A store of which one mailbox, or the account, cannot be read."""

    is_account_broken: bool = False

    async def account(self, account_id: bytes) -> AccountContents | None:
        """See `Exporting`."""
        if self.is_account_broken:
            raise StoreDamaged("the account")
        return await Held.account(self, account_id)

    async def mailbox(self, account_id: bytes, device: DeviceRow) -> MailboxContents | None:
        """See `Exporting`."""
        if device == PERSON.devices[0]:
            raise StoreDamaged("the mailbox")
        return await Held.mailbox(self, account_id, device)


async def test_a_lost_mailbox_is_named() -> None:
    """An account with fewer mailboxes than the other differs in their number."""
    one = await digest_of(full())
    fewer = AccountDigest(one.itself, one.mailboxes[:1])
    assert one.differences(fewer) == ("the number of mailboxes",)


async def test_a_chain_depends_on_every_account_and_their_order() -> None:
    """The same two accounts in another order give another digest of the whole."""
    one, other = await digest_of(full(1)), await digest_of(full(2))
    assert chained(chained(b"", one), other) != chained(chained(b"", other), one)
    assert len(chained(b"", one)) == 32
