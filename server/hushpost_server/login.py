"""Creating an account and logging a device in (docs/spec/wire.md section 4, identity.md 7).

A login is answered with the relay's own signature and then with the mailbox: the backlog first,
what comes later live. Any failure is one indistinct error and close code 4002.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Final

from hushpost_store.errors import (
    AccountExists,
    MailboxUnknown,
    RouteTaken,
    StoreError,
    StoreMisuse,
)
from hushpost_store.rows import AccountRow, DeviceListRow, DeviceRow, ExpiredNotice
from hushpost_wire.account_records import FIRST_VERSION, DeviceList, Genesis
from hushpost_wire.close_codes import CloseCode
from hushpost_wire.control import (
    AccountCreated,
    CreateAccount,
    ErrorCode,
    Expired,
    ExpiredDrop,
    Hello,
    Login,
    PrekeysLow,
    Registration,
    Welcome,
)
from hushpost_wire.errors import WireError
from hushpost_wire.host import Host
from hushpost_wire.identifiers import (
    AccountId,
    DeviceId,
    DevicePublicKey,
    DropReference,
    Route,
    Signature,
    StoreGeneration,
)
from hushpost_wire.transcripts import Challenge
from hushpost_wire.transitions import State

from hushpost_server import auth
from hushpost_server.clock import day_of
from hushpost_server.errors import RequestRefused
from hushpost_server.feed import Feed
from hushpost_server.session import Session

# How far a client's calendar may be ahead of the relay's: the time zones, and a bad clock.
ISSUE_DAYS_AHEAD_MAX: Final = 1


@dataclass(frozen=True, slots=True)
class Device:
    """The device that a session speaks for."""

    account_id: AccountId
    device_id: DeviceId
    device_key: DevicePublicKey
    route: Route


def challenge_of(hello: Hello) -> Challenge:
    """Return what signatures on this connection bind."""
    return Challenge(
        nonce=hello.nonce,
        host=Host(hello.host),
        relay_key=hello.relay_key,
        protocol_min=hello.protocol.min,
        protocol_max=hello.protocol.max,
    )


async def create_account(session: Session, request: CreateAccount) -> None:
    """Make an account with its first device and that device's mailbox; durable when answered."""
    services = session.services
    _check_registration(session, request.token)
    genesis, device_list = _parse_creation(request)
    today = day_of(services.now())
    if device_list.issue_day > today + ISSUE_DAYS_AHEAD_MAX:
        raise RequestRefused(ErrorCode.BAD_RECORD)
    challenge = challenge_of(session.machine.hello)
    if not auth.list_signature_holds(genesis, device_list) or not auth.creation_holds(
        challenge,
        genesis=genesis,
        device_list=device_list,
        device_id=request.device,
        route=request.route,
        token=request.token,
        signature=request.signature,
    ):
        raise RequestRefused(ErrorCode.BAD_SIGNATURE)
    devices = tuple(
        DeviceRow(
            entry.device_id(),
            entry.device_key,
            request.route if entry.device_id() == request.device else services.random(16),
        )
        for entry in device_list.entries
    )
    row = AccountRow(genesis.account_id(), request.genesis, today, list_row(device_list), devices)
    try:
        await services.store.create_account(row)
    except AccountExists:
        raise RequestRefused(ErrorCode.ACCOUNT_EXISTS) from None
    except RouteTaken:
        raise RequestRefused(ErrorCode.BAD_RECORD) from None
    if session.machine.state is State.CREATING:
        session.machine.answer(AccountCreated(id=request.id))
        session.send_soon()


def _check_registration(session: Session, token: str | None) -> None:
    services = session.services
    registration = services.terms.registration
    if registration is Registration.CLOSED:
        raise RequestRefused(ErrorCode.REGISTRATION_CLOSED)
    if session.allowance.accounts.take(1, services.loop_time()) != 1:
        raise RequestRefused(ErrorCode.SLOW_DOWN, session.allowance.accounts.retry_after())
    if services.accounts.take(1, services.loop_time()) != 1:
        raise RequestRefused(ErrorCode.SLOW_DOWN, services.accounts.retry_after())
    if registration is Registration.TOKEN and not auth.token_holds(token, services.tokens):
        raise RequestRefused(ErrorCode.TOKEN_REFUSED)


def _parse_creation(request: CreateAccount) -> tuple[Genesis, DeviceList]:
    try:
        genesis = Genesis.from_bytes(request.genesis)
        device_list = DeviceList.from_bytes(request.device_list)
    except WireError:
        raise RequestRefused(ErrorCode.BAD_RECORD) from None
    if device_list.version != FIRST_VERSION or device_list.find(request.device) is None:
        raise RequestRefused(ErrorCode.BAD_RECORD)
    return genesis, device_list


def list_row(device_list: DeviceList) -> DeviceListRow:
    """Return a device list as the store keeps it."""
    return DeviceListRow(device_list.version, device_list.head(), device_list.to_bytes())


async def log_in(session: Session, request: Login) -> None:
    """Open the device's mailbox, displacing an older session, and start its deliveries."""
    services = session.services
    if session.allowance.logins.take(1, services.loop_time()) != 1:
        session.close(CloseCode.RATE_LIMITED)
        return
    account = await services.store.load_account(request.account)
    device = _verified(session, request, account)
    if not _waits(session):
        return
    feed = Feed(
        session.machine,
        services.store,
        route=device.route,
        window=services.terms.limits.deliveries_in_flight_max,
        now=services.now,
        send_soon=session.send_soon,
        spawn=partial(services.spawn, session=session),
        counts=services.delivered,
    )
    session.device = device
    session.feed = feed
    services.presence.enter(session)
    try:
        mailbox = await services.store.open_mailbox(device.route, services.now())
    except MailboxUnknown:  # deleted since the account was read
        raise RequestRefused(ErrorCode.LOGIN_FAILED) from None
    try:
        left = await services.store.count_prekeys(
            device.account_id, device.device_id, day_of(services.now())
        )
    except StoreError as error:
        services.store.close_mailbox(device.route, mailbox.epoch)
        if isinstance(error, StoreMisuse):  # deleted between the two reads
            raise RequestRefused(ErrorCode.LOGIN_FAILED) from None
        raise
    if not _waits(session):
        services.store.close_mailbox(device.route, mailbox.epoch)
        return
    assert account is not None
    _welcome(session, request, device, left, account.device_list.version)
    feed.opened(mailbox)
    notify_expired(session, mailbox.expired)
    notify_low(session, left)


def _waits(session: Session) -> bool:
    """Say whether the connection is still there and waiting for the answer to its login."""
    return not session.gone and session.machine.state is State.VERIFYING


def _verified(session: Session, request: Login, account: AccountRow | None) -> Device:
    """Return the device whose login holds; one refusal for every other case."""
    if account is not None:
        device_list = DeviceList.from_bytes(account.device_list.record)
        row = account.device(request.device)
        entry = device_list.find(request.device)
        if (
            row is not None
            and entry is not None
            and auth.login_holds(
                challenge_of(session.machine.hello),
                device_list=device_list,
                device_id=request.device,
                client_nonce=request.client_nonce,
                protocol=request.protocol,
                signature=request.signature,
            )
        ):
            return Device(request.account, request.device, entry.device_key, Route(row.route))
    raise RequestRefused(ErrorCode.LOGIN_FAILED)


def _welcome(
    session: Session, request: Login, device: Device, left: int, list_version: int
) -> None:
    generation = StoreGeneration(session.services.store.stats().generation)
    signature = auth.sign_welcome(
        session.services.identity.seed,
        challenge_of(session.machine.hello),
        client_nonce=request.client_nonce,
        protocol=request.protocol,
        account_id=device.account_id,
        device_id=device.device_id,
        route=device.route,
        prekeys_left=left,
        device_list_version=list_version,
        generation=generation,
    )
    session.machine.answer(
        Welcome(
            id=request.id,
            protocol=request.protocol,
            route=device.route,
            prekeys_left=left,
            device_list_version=list_version,
            generation=generation,
            signature=Signature(signature),
        )
    )
    session.send_soon()


def notify_expired(session: Session, notices: tuple[ExpiredNotice, ...]) -> None:
    """Tell an owner which drops lost envelopes to their TTL; repeated until it is seen."""
    if session.machine.state is not State.OPEN:
        return
    for notice in notices:
        drops = tuple(
            ExpiredDrop(drop_ref=DropReference(drop_ref), count=count)
            for drop_ref, count in notice.drops
        )
        session.machine.notify(Expired(notice=notice.notice_id, drops=drops))
    session.send_soon()


def notify_low(session: Session, left: int) -> None:
    """Tell an owner that one-time prekeys run out."""
    low = session.services.terms.limits.one_time_prekeys_low
    if left < low and session.machine.state is State.OPEN:
        session.machine.notify(PrekeysLow(left=left))
        session.send_soon()
