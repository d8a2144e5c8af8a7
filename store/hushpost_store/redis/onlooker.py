"""Looking at all that Redis holds, of one account or of everybody, and changing nothing.

For the operator's own commands, beside relays that serve. There is no snapshot across servers, and
none across two commands: what belongs to an account is found by what each key says, and read key by
key; what does not fit together is looked at again, and only what stays so is a finding.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from hushpost_store import errors
from hushpost_store.contents import AccountContents, MailboxContents
from hushpost_store.redis import answers
from hushpost_store.redis.arrival import every_key, relays_running
from hushpost_store.redis.export import RedisExport
from hushpost_store.redis.field_inventory import readable, undeclared_in
from hushpost_store.redis.inventory import KEYS, RedisKey, declaration_of
from hushpost_store.redis.keys import account_keys, account_named_by, mailbox_keys, route_named_by
from hushpost_store.redis.options import RedisOptions
from hushpost_store.redis.shards import Shards
from hushpost_store.redis.url import RedisUrl
from hushpost_store.rows import QueuedEnvelope

# What does not fit may be an envelope that is acknowledged between two looks.
_LOOKS: Final = 4
_PAUSE_SECONDS: Final = 0.2
_AT_ONCE: Final = 256


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One field of a hash, or one member of a sorted set, as Redis has it."""

    key: str
    field: str
    value: bytes


@dataclass(frozen=True, slots=True)
class OwnedKeys:
    """What the keys of one declaration hold for one account; `rows` may be empty."""

    declared: RedisKey
    rows: tuple[KeyRow, ...]


@dataclass(frozen=True, slots=True)
class HeldMailbox:
    """A mailbox as a relay would read it."""

    contents: MailboxContents
    envelopes: tuple[QueuedEnvelope, ...]


@dataclass(frozen=True, slots=True)
class HeldAccount:
    """All that Redis holds of one account.

    `account` is None where a relay would find none: it is unknown, being deleted, or damaged.
    """

    keys: tuple[OwnedKeys, ...]
    account: AccountContents | None
    mailboxes: tuple[HeldMailbox, ...]
    keys_of_nobody: int
    relays: int


@asynccontextmanager
async def looked_into(options: RedisOptions) -> AsyncGenerator[Shards]:
    """Give connections to look through. Raises StoreFault."""
    shards = Shards(RedisUrl.parse(options.url), options)
    try:
        await shards.open()
        yield shards
    finally:
        await shards.close()


async def all_undeclared(shards: Shards) -> tuple[str, ...]:
    """Name whatever relays never declared: keys, types, fields, members."""
    odd: dict[str, None] = {}
    async for keys in every_key(shards):
        odd.update(dict.fromkeys(await undeclared_in(shards, keys)))
    return tuple(odd)


async def held_account(shards: Shards, account_id: bytes) -> HeldAccount:
    """Return every key of an account, whole, and what it means.

    A mailbox belongs to it that it names, or that names it. Raises StoreDamaged where Redis holds
    what was never declared, since nobody could say of that whose it is.
    """
    odd = await all_undeclared(shards)
    if odd:
        raise errors.StoreDamaged(
            f"Redis holds what hushpost never declared ({', '.join(odd)}): whatever made it, nobody"
            " can say what of it belongs to whom"
        )
    routes, of_nobody = await _routes_of(shards, account_id)
    names = [*account_keys(account_id), *(key for route in routes for key in mailbox_keys(route))]
    read = await asyncio.gather(*(_read(shards, name) for name in names))
    owned = tuple(
        OwnedKeys(declared, tuple(row for kind, rows in read if kind == declared for row in rows))
        for declared in KEYS
        if declared.name.startswith(("{route}", "{account}"))
    )
    account, mailboxes = await _meaning(shards, account_id)
    return HeldAccount(owned, account, mailboxes, of_nobody, await relays_running(shards))


async def _routes_of(shards: Shards, account_id: bytes) -> tuple[list[bytes], int]:
    """Return the routes of an account, and count the keys of mailboxes that nobody owns."""
    account = await _fields(shards, account_keys(account_id)[0])
    named = [value for name, value in account.items() if name.startswith(b"route:")]
    found: set[bytes] = set(named)
    owned = {mailbox_keys(route)[0].partition(b"}")[0] for route in named}
    seen: Counter[bytes] = Counter()
    async for keys in every_key(shards):
        seen.update(key.partition(b"}")[0] for key in keys if _is_of_mailbox(key))
        mailboxes = [key for key in keys if route_named_by(key) is not None]
        owners = await asyncio.gather(*(shards.ask(k, b"HGET", k, b"owner") for k in mailboxes))
        for key, owner in zip(mailboxes, owners, strict=True):
            if isinstance(owner, bytes):
                owned.add(key.partition(b"}")[0])
                if owner.startswith(account_id):
                    found.add(route_named_by(key) or b"")
    of_nobody = sum(count for tag, count in seen.items() if tag not in owned)
    return [*named, *sorted(found - set(named))], of_nobody


_MAILBOX_TAG: Final = len(mailbox_keys(bytes(16))[0].partition(b"}")[0])


def _is_of_mailbox(key: bytes) -> bool:
    return len(key.partition(b"}")[0]) == _MAILBOX_TAG


async def _fields(shards: Shards, key: bytes) -> dict[bytes, bytes]:
    return answers.fields(await shards.ask(key, b"HGETALL", key))


async def _read(shards: Shards, key: bytes) -> tuple[RedisKey | None, list[KeyRow]]:
    kind = answers.blob(await shards.ask(key, b"TYPE", key)).decode()
    declared = declaration_of(key, kind)
    if declared is None:
        return None, []
    if kind == "zset":
        pairs = answers.fields(await shards.ask(key, b"ZRANGE", key, 0, -1, b"WITHSCORES"))
    else:
        pairs = await _fields(shards, key)
    text = key.decode("ascii")
    return declared, [KeyRow(text, readable(declared, n), value) for n, value in pairs.items()]


async def _meaning(
    shards: Shards, account_id: bytes
) -> tuple[AccountContents | None, tuple[HeldMailbox, ...]]:
    """Read an account as a relay would; nothing where that stays impossible."""
    for _ in range(_LOOKS):
        try:
            return await _meaning_now(RedisExport(shards), account_id)
        except errors.StoreDamaged:
            await asyncio.sleep(_PAUSE_SECONDS)
    return None, ()


async def _meaning_now(
    export: RedisExport, account_id: bytes
) -> tuple[AccountContents | None, tuple[HeldMailbox, ...]]:
    account = await export.account(account_id)
    mailboxes: list[HeldMailbox] = []
    for device in account.account.devices if account is not None else ():
        contents = await export.mailbox(account_id, device)
        if contents is None:
            continue
        envelopes: list[QueuedEnvelope] = []
        while page := await export.envelopes(
            device.route, envelopes[-1].sequence if envelopes else 0
        ):
            envelopes += page
        mailboxes.append(HeldMailbox(contents, tuple(envelopes)))
    return account, tuple(mailboxes)


@dataclass(frozen=True, slots=True)
class Damaged:
    """How many accounts and mailboxes stay unreadable, and the first sentences about them."""

    accounts: int
    mailboxes: int
    sentences: tuple[str, ...]
    looked_at: int


async def damaged_parts(shards: Shards) -> Damaged:
    """Read every account with its mailboxes, and say what does not fit; by counts, never names."""
    accounts = mailboxes = looked_at = 0
    sentences: dict[str, None] = {}
    async for keys in every_key(shards):
        ids = [one for key in keys if (one := account_named_by(key)) is not None]
        looked_at += len(ids)
        for start in range(0, len(ids), _AT_ONCE):
            batch = ids[start : start + _AT_ONCE]
            for own, others in await asyncio.gather(*(_faults(shards, one) for one in batch)):
                accounts += bool(own)
                mailboxes += len(others)
                sentences.update(dict.fromkeys((*own, *others)))
    return Damaged(accounts, mailboxes, tuple(sentences), looked_at)


async def _faults(shards: Shards, account_id: bytes) -> tuple[list[str], list[str]]:
    """Return what is wrong with an account itself, and with each of its mailboxes."""
    own, others = list[str](), list[str]()
    for look in range(_LOOKS):
        own, others = await _faults_now(RedisExport(shards), account_id)
        if not own and not others:
            break
        if look + 1 < _LOOKS:
            await asyncio.sleep(_PAUSE_SECONDS)
    return own, others


async def _faults_now(export: RedisExport, account_id: bytes) -> tuple[list[str], list[str]]:
    try:
        account = await export.account(account_id)
    except errors.StoreDamaged as damage:
        return [str(damage)], []
    if account is not None and account.account.device_list not in account.lists:
        return ["the newest device list is not among those that are kept"], []
    others: list[str] = []
    for device in account.account.devices if account is not None else ():
        try:
            contents = await export.mailbox(account_id, device)
            if contents is None:
                others.append("a device has no mailbox")
                continue
            await _require_counted(export, contents)
        except errors.StoreDamaged as damage:
            others.append(str(damage))
    return [], others


async def _require_counted(export: RedisExport, contents: MailboxContents) -> None:
    after, through = 0, dict[bytes, int]()
    while page := await export.envelopes(contents.route, after):
        for row in page:
            through[row.drop_ref] = through.get(row.drop_ref, 0) + 1
            if not contents.earliest <= row.not_after:
                raise errors.StoreDamaged("an envelope ends before the first end that is noted")
        after = page[-1].sequence
    if through != {row.drop_ref: row.envelopes for row in contents.through}:
        raise errors.StoreDamaged("what is queued through a drop does not fit its count")
    if after > contents.last_sequence:
        raise errors.StoreDamaged("an envelope has a number that was not given yet")
