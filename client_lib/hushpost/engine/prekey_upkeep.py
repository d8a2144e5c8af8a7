"""Own prekeys of this device: stock, rotation, erasure (docs/spec/content.md, 10).

Secrets are stored before their records are published. A secret's position is its erase day.
"""

from dataclasses import dataclass, replace
from typing import Final, TypeVar

from hushpost_crypto.prekeys import (
    ONE_TIME_RECORDS,
    REFILL_BELOW,
    ROTATE_DAYS,
    PrekeySecret,
    SealSecret,
    make_one_time,
    make_prekey,
    make_seal,
)
from hushpost_wire.identifiers import PrekeyId
from hushpost_wire.limits import ONE_TIME_PREKEYS_BATCH_MAX
from hushpost_wire.records import PrekeyKind

from hushpost.engine import errands
from hushpost.engine.desk import Desk
from hushpost.engine.errands import Errand, ErrandKind
from hushpost.engine.ledger import Table
from hushpost.engine.own_account import own_account, reissue_list, save_own

# What a relay may have taken from this device between two erasures, 20 times its whole stock: one
# that says "none left" without end makes the vault grow to 5 MiB and no further. Beyond it the
# signed prekey serves, as whenever the stock is empty.
ONE_TIME_KEPT_MAX: Final = 2_000

_Dated = TypeVar("_Dated", PrekeySecret, SealSecret)
_PUBLISHED: Final = b"\x01"
_UNPUBLISHED: Final = b"\x00"
_PUBLISH: Final = Errand(ErrandKind.PUBLISH_PREKEYS)


@dataclass(frozen=True, slots=True)
class PublishBatch:
    """Records to publish in one request; the ids are marked when the relay has them."""

    one_time: tuple[bytes, ...]
    one_time_ids: tuple[PrekeyId, ...]
    signed: bytes
    seal: bytes


def upkeep(desk: Desk) -> None:
    """Rotate what is due, erase what is past its day, re-issue the list; call this daily."""
    own = own_account(desk)
    if own.rotated_day == 0 or not 0 <= desk.day - own.rotated_day < ROTATE_DAYS:
        # Also if the clock went back behind the last one: peers refuse records of the future.
        _rotate(desk)
    if reissue_list(desk):
        errands.queue(desk, Errand(ErrandKind.PUBLISH_LIST))
    erase_old(desk)


def erase_old(desk: Desk) -> None:
    """Erase every secret on its erase day."""
    for table in (Table.ONE_TIME_PREKEYS, Table.SIGNED_PREKEYS, Table.SEAL_SECRETS):
        desk.ledger.delete_through(table, desk.day)


def refill(desk: Desk, left: int) -> None:
    """Make one-time prekeys when the relay says that few are left."""
    if left >= REFILL_BELOW:
        return
    unpublished = len(_unpublished(desk))
    room = ONE_TIME_KEPT_MAX - desk.ledger.count(Table.ONE_TIME_PREKEYS)
    wanted = min(ONE_TIME_RECORDS - left - unpublished, room)
    for secret in make_one_time(max(0, wanted), today=desk.day, random=desk.random):
        _store_one_time(desk, secret, _UNPUBLISHED)
    errands.queue(desk, _PUBLISH)


def next_batch(desk: Desk) -> PublishBatch:
    """Give the next records to publish: always the signed ones, and some one-time ones."""
    own = own_account(desk)
    secrets = _unpublished(desk)[:ONE_TIME_PREKEYS_BATCH_MAX]
    key, device_id, account_id = own.device_key, own.device_id, own.account_id
    signed = _newest_of_today(signed_secrets(desk), desk.day)
    seal = _newest_of_today(seal_secrets(desk), desk.day)
    seal_record = seal.record(
        key,
        device_id,
        account_id,
        host=own.host,
        route=own.route,
        knock_secret=own.knock_secret,
    )
    return PublishBatch(
        tuple(secret.record(key, device_id, account_id).to_bytes() for secret in secrets),
        tuple(secret.prekey_id for secret in secrets),
        signed.record(key, device_id, account_id).to_bytes(),
        seal_record.to_bytes(),
    )


def batch_published(desk: Desk, batch: PublishBatch, errand: Errand) -> None:
    """Mark a batch as published; the errand is done when nothing is left to publish."""
    for prekey_id in batch.one_time_ids:
        secret = one_time_secret(desk, prekey_id)
        if secret is not None:
            _store_one_time(desk, secret, _PUBLISHED)
    if not _unpublished(desk):
        errands.finish(desk, errand)


def one_time_secret(desk: Desk, prekey_id: PrekeyId | None) -> PrekeySecret | None:
    """Give a one-time secret that is not used up."""
    value = None if prekey_id is None else desk.ledger.get(Table.ONE_TIME_PREKEYS, prekey_id)
    return None if value is None else PrekeySecret.from_bytes(value[1:])


def erase_one_time(desk: Desk, prekey_id: PrekeyId) -> None:
    """Erase a one-time secret that was used."""
    desk.ledger.delete(Table.ONE_TIME_PREKEYS, prekey_id)


def signed_secret(desk: Desk, prekey_id: PrekeyId) -> PrekeySecret | None:
    """Give a signed prekey's secret that is not erased yet."""
    value = desk.ledger.get(Table.SIGNED_PREKEYS, prekey_id)
    return None if value is None else PrekeySecret.from_bytes(value)


def signed_secrets(desk: Desk) -> list[PrekeySecret]:
    """Give the signed prekeys' secrets, the newest first."""
    rows = desk.ledger.rows(Table.SIGNED_PREKEYS)
    return [PrekeySecret.from_bytes(row.value) for row in reversed(rows)]


def seal_secrets(desk: Desk) -> list[SealSecret]:
    """Give the seal secrets, the newest first."""
    return [
        SealSecret.from_bytes(row.value) for row in reversed(desk.ledger.rows(Table.SEAL_SECRETS))
    ]


def _rotate(desk: Desk) -> None:
    signed = make_prekey(PrekeyKind.SIGNED, today=desk.day, random=desk.random)
    seal = make_seal(today=desk.day, random=desk.random)
    ledger = desk.ledger
    ledger.put(Table.SIGNED_PREKEYS, signed.prekey_id, signed.to_bytes(), position=signed.erase_day)
    ledger.put(Table.SEAL_SECRETS, seal.key_id, seal.to_bytes(), position=seal.erase_day)
    save_own(desk, replace(own_account(desk), rotated_day=desk.day))
    errands.queue(desk, _PUBLISH)


def _newest_of_today(secrets: list[_Dated], today: int) -> _Dated:
    """Give the newest that is not of the future: the clock may have been ahead for a while."""
    return next((secret for secret in secrets if secret.issue_day <= today), secrets[0])


def _unpublished(desk: Desk) -> list[PrekeySecret]:
    rows = desk.ledger.find(Table.ONE_TIME_PREKEYS, _UNPUBLISHED)
    return [PrekeySecret.from_bytes(row.value[1:]) for row in rows]


def _store_one_time(desk: Desk, secret: PrekeySecret, mark: bytes) -> None:
    desk.ledger.put(
        Table.ONE_TIME_PREKEYS,
        secret.prekey_id,
        mark + secret.to_bytes(),
        position=secret.erase_day,
        lookup=mark,
    )
