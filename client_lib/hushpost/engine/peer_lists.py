"""Device lists of contacts: verify, follow, compare, raise the alarm (docs/spec/content.md, 8).

answer of a relay --follow--> the newest list, remembered        (take_lists)
what a message names --compare--> go on | fetch | stop           (compare_views)
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from hushpost_crypto.device_list import KnownList, follow, is_stale
from hushpost_crypto.errors import (
    DeviceListEqual,
    DeviceListForked,
    DeviceListLower,
    DeviceListSkipped,
    PeerFault,
)
from hushpost_crypto.genesis import read_genesis
from hushpost_wire.errors import MalformedRecord
from hushpost_wire.identifiers import AccountId
from hushpost_wire.records import DeviceList, Genesis

from hushpost.contacts import ContactStage
from hushpost.content import Header, ListView
from hushpost.engine import errands, event_log
from hushpost.engine.contact_book import ContactRow, DeviceRow, contact_row, save_contact
from hushpost.engine.desk import Desk
from hushpost.engine.errands import Errand, ErrandKind
from hushpost.engine.own_account import HEADS_KEPT, own_account
from hushpost.errors import RelayMisbehaved
from hushpost.events import AlarmKind

EXPLANATIONS: Final = {
    AlarmKind.FORGED_LIST: "a relay served a device list that this contact's account key never"
    " signed; it was not used. Ask the contact which relay they use, and whether it is theirs",
    AlarmKind.FORKED_LIST: "two different device lists of one version exist for this contact: the"
    " relay or a thief of the contact's account key shows people different devices. The"
    " conversation is stopped; compare the safety number by another way",
    AlarmKind.OWN_LIST_FORKED: "this contact was shown a device list of your account that this"
    " device never made. The conversation is stopped; your account key may be stolen, or the"
    " contact's relay lies",
    AlarmKind.WITHHELD_LIST: "the relay does not serve this contact's newest device list, although"
    " the contact's own messages name it",
    AlarmKind.ROLLED_BACK_LIST: "this contact's device went back to an older device list than it"
    " named before; somebody may have rolled its state or the relay's back",
    AlarmKind.STALE_LIST: "this contact's newest known device list is older than 30 days; the relay"
    " may be hiding a newer one",
    AlarmKind.FOREIGN_HOST: "this contact wants to be answered at a relay that you never agreed to;"
    " it was not contacted, since it would learn your IP address. If the person moved there, remove"
    " the contact and add the new address",
    AlarmKind.FOREIGN_PREKEYS: "a relay served keys for this contact that no device of the contact"
    " signed; they were not used",
}


class KeysRejected(RelayMisbehaved):
    """A relay served lists or prekeys that are not the account's; none of them was used.

    ``kind`` says what they are. Ask the person for the address by another way, and report the
    relay to its operator.
    """

    def __init__(self, kind: AlarmKind) -> None:
        super().__init__(EXPLANATIONS[kind])
        self.kind = kind


@dataclass(frozen=True, slots=True)
class ListAnswer:
    """What a relay says are an account's genesis record and lists, oldest first."""

    genesis: bytes
    lists: tuple[bytes, ...]


def read_answer(
    answer: ListAnswer, account_id: AccountId, *, known: ContactRow | None, today: int
) -> tuple[Genesis, DeviceList, tuple[DeviceList, ...]]:
    """Verify an answer against what is known; raises `KeysRejected`.

    Gives the genesis record, the newest list and all lists of the answer that are new.
    """
    try:
        genesis = read_genesis(answer.genesis, account_id)
        shown = tuple(DeviceList.from_bytes(data) for data in answer.lists)
        newest = None if known is None else known.device_list
        followed = follow(
            None if newest is None else KnownList.of(newest),
            shown,
            genesis,
            account_id,
            today=today,
        )
    except (DeviceListEqual, DeviceListForked):
        raise KeysRejected(AlarmKind.FORKED_LIST) from None
    except (DeviceListLower, DeviceListSkipped):
        raise KeysRejected(AlarmKind.WITHHELD_LIST) from None
    except (PeerFault, MalformedRecord):
        raise KeysRejected(AlarmKind.FORGED_LIST) from None
    return genesis, followed.device_list, shown


def remember_lists(row: ContactRow, shown: Sequence[DeviceList]) -> ContactRow:
    """Extend a contact's chain by verified lists; those known already change nothing."""
    known = dict(row.heads)
    fresh = tuple((item.version, item.head()) for item in shown if item.version not in known)
    if not fresh:
        return row
    heads = (*row.heads, *fresh)[-HEADS_KEPT:]
    return replace(row, heads=heads, list_bytes=shown[-1].to_bytes())


def take_lists(desk: Desk, account_id: AccountId, answer: ListAnswer) -> None:
    """Work in a fetched chain; alarms stand for what it proves (content.md, 8)."""
    row = contact_row(desk, account_id)
    wanted = [(version, head) for version, head in row.wanted_lists]
    row = replace(row, wanted_lists=())
    if answer.lists:
        try:
            _, _, shown = read_answer(answer, account_id, known=row, today=desk.day)
        except KeysRejected as rejected:
            save_contact(desk, row)
            raise_alarm(desk, row, rejected.kind)
            return
        row = remember_lists(row, shown)
    save_contact(desk, row)
    known = dict(row.heads)
    for version, head in wanted:
        if version not in known:
            raise_alarm(desk, row, AlarmKind.WITHHELD_LIST)
        elif known[version] != head:
            raise_alarm(desk, row, AlarmKind.FORKED_LIST)
    warn_if_stale(desk, account_id)


def compare_views(desk: Desk, device: DeviceRow, header: Header) -> DeviceRow | None:
    """Hold both list views of a message against what is known; None stops the message.

    Gives the device's row, changed where the message named a newer list, for the caller to store.
    """
    row = contact_row(desk, device.account_id)
    if not _knows_us(desk, row, header.peer_list):
        return None
    head = dict(row.heads).get(header.own_list.version)
    if head is not None and head != header.own_list.head:
        raise_alarm(desk, row, AlarmKind.FORKED_LIST)
        return None
    if head is None and header.own_list.version > row.view.version:
        _want_lists(desk, row, header.own_list)
    return _check_direction(desk, row, device, header)


def warn_if_stale(desk: Desk, account_id: bytes) -> None:
    """Warn once about a list that is older than it should ever get."""
    row = contact_row(desk, account_id)
    version = row.view.version
    if row.stale_warned_version == version or not is_stale(row.device_list.issue_day, desk.day):
        return
    save_contact(desk, replace(row, stale_warned_version=version))
    raise_alarm(desk, row, AlarmKind.STALE_LIST)


def raise_alarm(desk: Desk, row: ContactRow, kind: AlarmKind) -> None:
    """Tell the app; a fork also stops the conversation until the person removes the contact."""
    if kind in (AlarmKind.FORKED_LIST, AlarmKind.OWN_LIST_FORKED):
        current = contact_row(desk, row.account_id)
        if current.stage is not ContactStage.BLOCKED:
            save_contact(desk, replace(current, stage=ContactStage.STOPPED))
    event_log.safety_alarm(desk, row.account_id, kind, EXPLANATIONS[kind])


def _knows_us(desk: Desk, row: ContactRow, view: ListView) -> bool:
    own = own_account(desk)
    head = dict(own.heads).get(view.version)
    forgotten = view.version < own.heads[0][0]
    if head == view.head or forgotten:
        return True
    raise_alarm(desk, row, AlarmKind.OWN_LIST_FORKED)
    return False


def _want_lists(desk: Desk, row: ContactRow, view: ListView) -> None:
    wanted = (view.version, view.head)
    if wanted not in row.wanted_lists:
        # One per version is enough; a contact cannot make this grow.
        save_contact(desk, replace(row, wanted_lists=(*row.wanted_lists, wanted)[-8:]))
    errands.queue(desk, Errand(ErrandKind.FETCH_LISTS, row.account_id))


def _check_direction(desk: Desk, row: ContactRow, device: DeviceRow, header: Header) -> DeviceRow:
    stream, version = device.named_list
    named = header.own_list.version
    if header.stream > stream and named < version:
        raise_alarm(desk, row, AlarmKind.ROLLED_BACK_LIST)
        return device
    if header.stream > stream:
        return replace(device, named_list=(header.stream, named))
    return device
