"""Keys a relay serves for an account: verified whole, or refused (docs/spec/content.md, 3 and 8).

genesis == address id    lists follow what is known    each record signed by a listed device
"""

from dataclasses import dataclass, replace

from hushpost_crypto.errors import PeerFault
from hushpost_crypto.pqxdh import Bundle, RemoteDevice
from hushpost_crypto.prekeys import read_prekey, read_seal
from hushpost_wire.host import Host
from hushpost_wire.identifiers import AccountId, DeviceId
from hushpost_wire.records import DeviceList, Genesis, PrekeyKind

from hushpost.contacts import ContactStage
from hushpost.engine.contact_book import (
    ContactRow,
    DeviceRow,
    PostPath,
    find_device,
    save_device,
)
from hushpost.engine.desk import Desk
from hushpost.engine.peer_lists import KeysRejected, ListAnswer, read_answer, remember_lists
from hushpost.events import AlarmKind


@dataclass(frozen=True, slots=True)
class BundleAnswer:
    """What a relay says are one device's records; ``one_time`` None when its stock is empty."""

    device_id: DeviceId
    signed: bytes
    seal: bytes
    one_time: bytes | None


@dataclass(frozen=True, slots=True)
class KeysAnswer:
    """What a relay says are an account's lists (oldest first) and its devices' bundles."""

    lists: ListAnswer
    bundles: tuple[BundleAnswer, ...]


def read_keys(
    answer: KeysAnswer, account_id: AccountId, host: Host, *, known: ContactRow | None, today: int
) -> tuple[ContactRow, tuple[Bundle, ...]]:
    """Verify everything of an answer; raises `KeysRejected` and then none of it may be used.

    Gives the contact's row with its lists brought up to date (a row of stage NEW if there was
    none) and a bundle for each device that published one.
    """
    genesis, newest, shown = read_answer(answer.lists, account_id, known=known, today=today)
    if known is None:
        known = ContactRow(
            account_id=account_id,
            host=host,
            genesis_bytes=genesis.to_bytes(),
            list_bytes=newest.to_bytes(),
            heads=((newest.version, newest.head()),),
            stage=ContactStage.NEW,
        )
    row = remember_lists(known, shown)
    bundles = tuple(read_bundle(bundle, genesis, newest, today=today) for bundle in answer.bundles)
    return row, bundles


def read_bundle(
    answer: BundleAnswer, genesis: Genesis, device_list: DeviceList, *, today: int
) -> Bundle:
    """Verify one device's records; raises `KeysRejected` with `FOREIGN_PREKEYS`."""
    entry = device_list.find(answer.device_id)
    if entry is None:
        raise KeysRejected(AlarmKind.FOREIGN_PREKEYS)
    account_id = genesis.account_id()
    try:
        signed = read_prekey(answer.signed, PrekeyKind.SIGNED, account_id, entry, today=today)
        seal = read_seal(answer.seal, account_id, entry, today=today)
        one_time = None
        if answer.one_time is not None:
            one_time = read_prekey(
                answer.one_time, PrekeyKind.ONE_TIME, account_id, entry, today=today
            )
    except PeerFault:
        raise KeysRejected(AlarmKind.FOREIGN_PREKEYS) from None
    return Bundle(RemoteDevice(genesis, device_list, entry), signed, one_time, seal)


def remember_bundle(desk: Desk, bundle: Bundle) -> DeviceRow:
    """Keep a verified bundle with its device until a session begins with it."""
    account_id, device_id = bundle.device.account_id(), bundle.device.device_id()
    seal = bundle.seal
    row = find_device(desk, account_id, device_id)
    if row is None:
        row = DeviceRow(account_id, device_id, seal.host, seal.route, PostPath.NONE)
    one_time = None if bundle.one_time is None else bundle.one_time.to_bytes()
    row = replace(row, bundle=(bundle.signed.to_bytes(), seal.to_bytes(), one_time))
    if row.path in (PostPath.NONE, PostPath.KNOCK):
        knock = PostPath.NONE if seal.knock_secret is None else PostPath.KNOCK
        row = replace(
            row, host=seal.host, route=seal.route, path=knock, path_secret=seal.knock_secret
        )
    save_device(desk, row)
    return row


def kept_bundle(desk: Desk, contact: ContactRow, device: DeviceRow) -> Bundle | None:
    """Give the bundle kept for a device if it may still be used today."""
    if device.bundle is None:
        return None
    signed, seal, one_time = device.bundle
    answer = BundleAnswer(device.device_id, signed, seal, one_time)
    try:
        return read_bundle(answer, contact.genesis, contact.device_list, today=desk.day)
    except KeysRejected:
        return None
