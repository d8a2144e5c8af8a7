"""Requests of a logged-in device: drops, prekeys, device lists, deletion (docs/spec/wire.md 6).

The relay checks what it can of a record (form, owner, signature, days), so that a defect shows at
its maker and not at the maker's contacts; readers check again and trust nothing of this.
"""

from __future__ import annotations

from typing import Final

from hushpost_store.errors import (
    AccountUnknown,
    DeviceListConflict,
    DeviceUnknown,
    DropConflict,
    DropsFull,
    MailboxUnknown,
    PrekeysFull,
    RouteTaken,
)
from hushpost_store.rows import AccountRow, DeviceRow, DropKind, OneTimePrekey, StandingRecord
from hushpost_wire import control
from hushpost_wire.account_records import DeviceList, Genesis
from hushpost_wire.close_codes import CloseCode
from hushpost_wire.control import Answer, Done, ErrorCode, PrekeyCount
from hushpost_wire.errors import WireError
from hushpost_wire.prekey_records import PrekeyKind, PrekeyRecord, SealRecord

from hushpost_server import auth
from hushpost_server.clock import day_of
from hushpost_server.errors import RequestRefused
from hushpost_server.login import ISSUE_DAYS_AHEAD_MAX, Device, challenge_of, list_row
from hushpost_server.session import Session

_KINDS: Final = {
    control.DropKind.CONTACT: DropKind.CONTACT,
    control.DropKind.ONCE: DropKind.ONCE,
    control.DropKind.KNOCK: DropKind.KNOCK,
}
# docs/spec/identity.md section 5: later, its secret would have to outlive the 37 days.
PREKEY_DAYS_MAX: Final = 21


def device_of(session: Session) -> Device:
    """Return who is logged in; the machine lets no request through before that."""
    if session.device is None:
        raise RequestRefused(ErrorCode.UNEXPECTED)
    return session.device


def answer(session: Session, message: Answer) -> None:
    """Send an answer, unless the connection ended while it was made."""
    if not session.gone:
        session.answer(message)


async def register_drop(session: Session, request: control.RegisterDrop) -> None:
    """Let the holder of a secret post here; durable when answered."""
    device = device_of(session)
    services = session.services
    try:
        await services.store.register_drop(
            device.route, request.drop_hash, _KINDS[request.kind], services.now()
        )
    except DropConflict:
        raise RequestRefused(ErrorCode.DROP_CONFLICT) from None
    except DropsFull:
        raise RequestRefused(ErrorCode.TOO_MANY_DROPS) from None
    except MailboxUnknown:
        raise RequestRefused(ErrorCode.NO_ACCOUNT) from None
    answer(session, Done(id=request.id))


async def revoke_drop(session: Session, request: control.RevokeDrop) -> None:
    """Forbid posting by a drop; what it posted stays."""
    device = device_of(session)
    try:
        await session.services.store.revoke_drop(device.route, request.drop_hash)
    except MailboxUnknown:
        raise RequestRefused(ErrorCode.NO_ACCOUNT) from None
    answer(session, Done(id=request.id))


async def publish_prekeys(session: Session, request: control.PublishPrekeys) -> None:
    """Keep prekeys and the seal record of the device; durable when answered."""
    device = device_of(session)
    services = session.services
    today = day_of(services.now())
    one_time = [
        _checked_prekey(data, PrekeyKind.ONE_TIME, device, today) for data in request.one_time
    ]
    signed = seal = None
    if request.signed is not None:
        record = _checked_prekey(request.signed, PrekeyKind.SIGNED, device, today)
        signed = StandingRecord(record.expiry_day, request.signed)
    if request.seal is not None:
        seal = _checked_seal(request.seal, session, device, today)
    try:
        left = await services.store.publish_prekeys(
            device.account_id,
            device.device_id,
            one_time=[
                OneTimePrekey(record.prekey_id, record.expiry_day, data)
                for record, data in zip(one_time, request.one_time, strict=True)
            ],
            signed=signed,
            seal=seal,
            day=today,
        )
    except PrekeysFull:
        raise RequestRefused(ErrorCode.TOO_MANY_PREKEYS) from None
    except (DeviceUnknown, AccountUnknown):
        raise RequestRefused(ErrorCode.NO_ACCOUNT) from None
    answer(session, PrekeyCount(id=request.id, left=left))


def _checked_prekey(data: bytes, kind: PrekeyKind, device: Device, today: int) -> PrekeyRecord:
    try:
        record = PrekeyRecord.from_bytes(data)
    except WireError:
        raise RequestRefused(ErrorCode.BAD_RECORD) from None
    if record.kind is not kind or record.device_id != device.device_id:
        raise RequestRefused(ErrorCode.BAD_RECORD)
    _check_days(record.issue_day, record.expiry_day, today)
    signed = record.signed_bytes(device.account_id)
    if not auth.verify(device.device_key, signed, record.signature):
        raise RequestRefused(ErrorCode.BAD_SIGNATURE)
    return record


def _checked_seal(data: bytes, session: Session, device: Device, today: int) -> StandingRecord:
    try:
        record = SealRecord.from_bytes(data)
    except WireError:
        raise RequestRefused(ErrorCode.BAD_RECORD) from None
    named = (record.account_id, record.device_id, record.route, record.host)
    host = session.services.terms.host
    if named != (device.account_id, device.device_id, device.route, host):
        raise RequestRefused(ErrorCode.BAD_RECORD)
    _check_days(record.issue_day, record.expiry_day, today)
    if not auth.verify(device.device_key, record.signed_bytes(), record.signature):
        raise RequestRefused(ErrorCode.BAD_SIGNATURE)
    return StandingRecord(record.expiry_day, data)


def _check_days(issue_day: int, expiry_day: int, today: int) -> None:
    fresh = issue_day <= today + ISSUE_DAYS_AHEAD_MAX and expiry_day >= today
    if not fresh or not issue_day <= expiry_day <= issue_day + PREKEY_DAYS_MAX:
        raise RequestRefused(ErrorCode.BAD_RECORD)


async def count_prekeys(session: Session, request: control.CountPrekeys) -> None:
    """Tell how many one-time prekeys are left."""
    device = device_of(session)
    services = session.services
    try:
        left = await services.store.count_prekeys(
            device.account_id, device.device_id, day_of(services.now())
        )
    except (DeviceUnknown, AccountUnknown):
        raise RequestRefused(ErrorCode.NO_ACCOUNT) from None
    answer(session, PrekeyCount(id=request.id, left=left))


async def publish_device_list(session: Session, request: control.PublishDeviceList) -> None:
    """Put the next device list in place; devices it no longer names are logged out."""
    device = device_of(session)
    services = session.services
    account = await _account(session)
    device_list = _checked_list(request.device_list, account, day_of(services.now()))
    known = {row.device_id: row for row in account.devices}
    devices = tuple(
        known.get(entry.device_id())
        or DeviceRow(entry.device_id(), entry.device_key, services.random(16))
        for entry in device_list.entries
    )
    try:
        await services.store.publish_device_list(
            device.account_id,
            expected_head=device_list.previous_hash,
            device_list=list_row(device_list),
            devices=devices,
        )
    except DeviceListConflict:
        raise RequestRefused(ErrorCode.LIST_CONFLICT) from None
    except (AccountUnknown, RouteTaken):
        raise RequestRefused(ErrorCode.NO_ACCOUNT) from None
    answer(session, Done(id=request.id))
    for row in account.devices:
        if device_list.find(row.device_id) is None:  # type: ignore[arg-type]  # stored as bytes
            services.presence.remove(row.route, CloseCode.ACCOUNT_GONE)


def _checked_list(data: bytes, account: AccountRow, today: int) -> DeviceList:
    """Return the list if it is the next link of the account's chain, or the last one again."""
    try:
        device_list = DeviceList.from_bytes(data)
        genesis = Genesis.from_bytes(account.genesis)
    except WireError:
        raise RequestRefused(ErrorCode.BAD_RECORD) from None
    if device_list.issue_day > today + ISSUE_DAYS_AHEAD_MAX:
        raise RequestRefused(ErrorCode.BAD_RECORD)
    if not auth.list_signature_holds(genesis, device_list):
        raise RequestRefused(ErrorCode.BAD_SIGNATURE)
    current = account.device_list
    repeated = data == current.record
    follows = (
        device_list.version == current.version + 1 and device_list.previous_hash == current.head
    )
    if not repeated and not follows:
        raise RequestRefused(ErrorCode.LIST_CONFLICT)
    return device_list


async def delete_account(session: Session, request: control.DeleteAccount) -> None:
    """Delete the account with everything queued for it, and log all its devices out."""
    device = device_of(session)
    services = session.services
    account = await _account(session)
    challenge = challenge_of(session.machine.hello)
    genesis = Genesis.from_bytes(account.genesis)
    if not auth.deletion_holds(challenge, genesis, device.account_id, request.signature):
        raise RequestRefused(ErrorCode.BAD_SIGNATURE)
    await services.store.delete_account(device.account_id)
    answer(session, Done(id=request.id))
    for row in account.devices:
        services.presence.remove(row.route, CloseCode.ACCOUNT_GONE)


async def _account(session: Session) -> AccountRow:
    account = await session.services.store.load_account(device_of(session).account_id)
    if account is None:
        raise RequestRefused(ErrorCode.NO_ACCOUNT)
    return account
