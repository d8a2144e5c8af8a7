"""Device lists: issue, verify, follow the chain (docs/spec/identity.md, section 4).

    list 1 <--previous-- list 2 <--previous-- list 3     each signed by the account key
    what a client remembers of an account is one `KnownList`: version, head and issue day

Nothing here knows what a relay is: a list that does not continue the known one is refused with an
error of its own, and the caller raises the alarm.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from hushpost_wire.errors import MalformedRecord
from hushpost_wire.records import (
    DEVICES_MAX,
    FIRST_VERSION,
    NO_PREVIOUS,
    SIGNATURE_BYTES,
    AccountId,
    DeviceEntry,
    DeviceId,
    DeviceList,
    Genesis,
    ListHead,
    Signature,
)

from hushpost_crypto import primitives
from hushpost_crypto.errors import (
    AccountMismatch,
    BadRecord,
    DeviceListDatesWrong,
    DeviceListEqual,
    DeviceListForked,
    DeviceListLower,
    DeviceListSkipped,
    DeviceUnknown,
    LimitExceeded,
    Misuse,
    RecordMalformed,
)
from hushpost_crypto.keys import AccountKey, check_entry

# Longer than this since the last signed list, and a revocation may be hidden: the person is warned.
STALE_DAYS: Final = 30
# Day stamps round down and clocks differ; more than one day ahead is no difference but a lie.
CLOCK_DAYS_MAX: Final = 1
# What a relay keeps of a chain; a longer answer is no honest one.
CHAIN_LISTS_MAX: Final = 64

_UNSIGNED: Final = Signature(bytes(SIGNATURE_BYTES))


@dataclass(frozen=True, slots=True)
class KnownList:
    """What a client remembers of an account's newest accepted list; store it with the contact."""

    version: int
    head: ListHead
    issue_day: int

    @classmethod
    def of(cls, device_list: DeviceList) -> "KnownList":
        """Give what to remember of a list that `follow` accepted."""
        return cls(device_list.version, device_list.head(), device_list.issue_day)


@dataclass(frozen=True, slots=True)
class Followed:
    """The newest list of an account after `follow`; remember `known`, warn if `stale`."""

    device_list: DeviceList
    known: KnownList
    advanced: bool
    stale: bool


class Standing(Enum):
    """How a (version, head) that a message carries stands to the one that is known."""

    SAME = auto()
    NEWER = auto()
    OLDER = auto()
    FORKED = auto()


def issue_first(
    account_key: AccountKey, genesis: Genesis, entry: DeviceEntry, *, today: int
) -> DeviceList:
    """Issue version 1 with the account's first device."""
    return _issue(
        account_key,
        genesis,
        (entry,),
        version=FIRST_VERSION,
        previous_hash=NO_PREVIOUS,
        day=today,
    )


def issue_next(
    account_key: AccountKey,
    genesis: Genesis,
    previous: DeviceList,
    entries: Sequence[DeviceEntry],
    *,
    today: int,
) -> DeviceList:
    """Issue the list after `previous`; after 20 days with the same devices, so that none is stale.

    Store it before it is published: two different lists of one version are a fork for everybody.
    """
    if previous.account_id != genesis.account_id():
        raise Misuse("the previous device list belongs to another account")
    day = max(today, previous.issue_day)
    return _issue(
        account_key,
        genesis,
        entries,
        version=previous.version + 1,
        previous_hash=previous.head(),
        day=day,
    )


def read_device_list(
    data: bytes, genesis: Genesis, account_id: AccountId, *, today: int
) -> DeviceList:
    """Parse and verify one list; raises as `verify_device_list`, or `RecordMalformed`."""
    try:
        device_list = DeviceList.from_bytes(data)
    except MalformedRecord as error:
        raise RecordMalformed(str(error)) from None
    verify_device_list(device_list, genesis, account_id, today=today)
    return device_list


def verify_device_list(
    device_list: DeviceList, genesis: Genesis, account_id: AccountId, *, today: int
) -> None:
    """Verify one list by itself; its place in the chain is for `follow`.

    Raises `RecordMalformed`, `AccountMismatch`, `BadSignature`, `BadKey`, `DeviceListDatesWrong`.
    """
    try:
        device_list.check_form()
    except MalformedRecord as error:
        raise RecordMalformed(str(error)) from None
    if genesis.account_id() != account_id or device_list.account_id != account_id:
        raise AccountMismatch("the device list belongs to another account than the one asked for")
    primitives.ed25519_verify(
        genesis.account_key, device_list.signed_bytes(), device_list.signature
    )
    for entry in device_list.entries:
        check_entry(entry)
    if device_list.issue_day > today + CLOCK_DAYS_MAX:
        raise DeviceListDatesWrong(
            "the device list is dated in the future; check this device's clock"
        )


def follow(
    known: KnownList | None,
    shown: Sequence[DeviceList],
    genesis: Genesis,
    account_id: AccountId,
    *,
    today: int,
) -> Followed:
    """Verify every list shown, oldest first, each against the one before it or `known`.

    All or nothing: any raise means that nothing of `shown` may be remembered. `known` is None for
    an account never seen, of which any version is accepted first. Raises as `verify_device_list`,
    and `DeviceListLower`, `DeviceListEqual`, `DeviceListSkipped`, `DeviceListForked`,
    `DeviceListDatesWrong`.
    """
    if not 1 <= len(shown) <= CHAIN_LISTS_MAX:
        raise BadRecord(f"{len(shown)} device lists in one answer; 1 to {CHAIN_LISTS_MAX} may be")
    reached = known
    for device_list in shown:
        verify_device_list(device_list, genesis, account_id, today=today)
        if reached is not None:
            _check_link(reached, device_list)
        reached = KnownList.of(device_list)
    latest = shown[-1]
    return Followed(
        device_list=latest,
        known=KnownList.of(latest),
        advanced=known is None or latest.version > known.version,
        stale=is_stale(latest.issue_day, today),
    )


def is_stale(issue_day: int, today: int) -> bool:
    """Whether a list of that day is old enough to warn about."""
    return today - issue_day > STALE_DAYS


def standing(known: KnownList, version: int, head: ListHead) -> Standing:
    """Compare the view that a sealed message carries with what is known.

    NEWER: fetch the chain and `follow` it. FORKED: stop the conversation with an alarm.
    """
    if version > known.version:
        return Standing.NEWER
    if version < known.version:
        return Standing.OLDER
    return Standing.SAME if primitives.equal(head, known.head) else Standing.FORKED


def find_entry(device_list: DeviceList, device_id: DeviceId) -> DeviceEntry:
    """Give that device's entry; raises `DeviceUnknown`."""
    entry = device_list.find(device_id)
    if entry is None:
        raise DeviceUnknown("the account's device list does not hold that device")
    return entry


def _issue(
    account_key: AccountKey,
    genesis: Genesis,
    entries: Sequence[DeviceEntry],
    *,
    version: int,
    previous_hash: ListHead,
    day: int,
) -> DeviceList:
    if account_key.public_key() != genesis.account_key:
        raise Misuse("this account key is not the one of the genesis record")
    ordered = tuple(sorted(entries, key=DeviceEntry.device_id))
    if not 1 <= len(ordered) <= DEVICES_MAX:
        raise LimitExceeded(f"an account has 1 to {DEVICES_MAX} devices, not {len(ordered)}")
    if len({entry.device_id() for entry in ordered}) != len(ordered):
        raise Misuse("a device stands twice in the list")
    draft = DeviceList(genesis.account_id(), version, previous_hash, day, ordered, _UNSIGNED)
    signature = account_key.sign(draft.signed_bytes())
    return DeviceList(genesis.account_id(), version, previous_hash, day, ordered, signature)


def _check_link(known: KnownList, shown: DeviceList) -> None:
    if shown.version < known.version:
        raise DeviceListLower(
            f"device list {shown.version} was shown after list {known.version}: a roll-back"
        )
    if shown.version == known.version:
        if not primitives.equal(shown.head(), known.head):
            raise DeviceListEqual(f"two different device lists of version {shown.version}: a fork")
        return
    if shown.version > known.version + 1:
        raise DeviceListSkipped(
            f"device list {shown.version} was shown after list {known.version}; "
            "fetch the lists between"
        )
    if not primitives.equal(shown.previous_hash, known.head):
        raise DeviceListForked(f"device list {shown.version} continues another history: a fork")
    if shown.issue_day < known.issue_day:
        raise DeviceListDatesWrong("the device list is dated before the one it follows")
