"""Reading whole accounts and mailboxes out of Redis (docs/spec/store.md, "Moving").

Plain commands that change nothing. They see one moment each: beside relays that serve, what does
not fit may be a change on its way, and is looked at again by who asks. What fits nothing that the
scripts write is StoreDamaged.
"""

from __future__ import annotations

import asyncio
from typing import Final

from hushpost_store import errors
from hushpost_store.contents import (
    GATHERING,
    PAGE_ENVELOPES,
    AccountContents,
    KeptDrop,
    KeptPrekey,
    KeptStanding,
    MailboxContents,
    QueuedThrough,
)
from hushpost_store.redis import answers, layout
from hushpost_store.redis.command import Answer, Unreadable
from hushpost_store.redis.keys import account_keys, mailbox_keys
from hushpost_store.redis.shards import Shards
from hushpost_store.rows import (
    DeviceRow,
    DropKind,
    ExpiredDrop,
    ExpiredNotice,
    QueuedEnvelope,
)

Fields = dict[bytes, bytes]

# What a calendar has room for by far.
_DAY_MAX: Final = 1 << 20
# Scripts count in what Redis counts in.
_FIGURE_END: Final = 1 << 63


class RedisExport:
    """An `Exporting` over open connections."""

    def __init__(self, shards: Shards) -> None:
        self._shards = shards

    async def account(self, account_id: bytes) -> AccountContents | None:
        """See `Exporting`; an account that is being deleted is unknown."""
        account, lists, fresh, records, taken, standing = account_keys(account_id)
        found, kept, fresh_rows, record_rows, taken_rows, standing_rows = await asyncio.gather(
            self._hash(account),
            self._hash(lists),
            self._scores(fresh),
            self._hash(records),
            self._scores(taken),
            self._hash(standing),
        )
        if not found or b"deleting" in found:
            return None
        try:
            flat = [part for pair in found.items() for part in pair]
            row = answers.account_row(account_id, flat)
            assert row is not None
            if not 0 <= row.created_day <= _DAY_MAX:
                raise errors.StoreDamaged("the day of an account is none")
            numbers = {
                int(number): name.removeprefix(b"number:")
                for name, number in found.items()
                if name.startswith(b"number:")
            }
            chain = [layout.unpacked_list(int(v), packed) for v, packed in kept.items()]
            prekeys = _prekeys(numbers, fresh_rows, record_rows, taken_rows)
            standings = [_standing(name, value) for name, value in standing_rows.items()]
        except (KeyError, ValueError) as fault:
            raise errors.StoreDamaged("an account lacks what it must have") from fault
        return AccountContents(
            row,
            tuple(sorted(chain, key=lambda listed: listed.version)),
            tuple(sorted(prekeys, key=lambda prekey: (prekey.device_id, prekey.prekey_id))),
            tuple(sorted(standings, key=lambda kept: (kept.device_id, kept.kind))),
        )

    async def mailbox(self, account_id: bytes, device: DeviceRow) -> MailboxContents | None:
        """See `Exporting`."""
        mailbox, drops, heads, order, bodies, expired = mailbox_keys(device.route)
        found, drop_rows, expired_rows, *lengths = await asyncio.gather(
            self._hash(mailbox),
            self._hash(drops),
            self._hash(expired),
            self._number(b"HLEN", heads),
            self._number(b"ZCARD", order),
            self._number(b"HLEN", bodies),
        )
        owner = account_id + device.device_id
        if found.get(b"owner", b"")[: layout.OWNER_BYTES] != owner:
            return None
        try:
            contents = _mailbox(device.route, found, drop_rows, expired_rows)
            counted = _figure(found, b"queued"), _figure(found, b"bytes")
            # Not moved, but a login must be able to count on.
            _figure(found, b"epoch")
        except ValueError as fault:
            raise errors.StoreDamaged("a figure of a mailbox is no number") from fault
        if set(lengths) != {contents.queued} or counted[0] != contents.queued:
            raise errors.StoreDamaged("what is queued in a mailbox does not fit its counts")
        if counted[1] != contents.queued_bytes:
            raise errors.StoreDamaged("the bytes of a mailbox do not fit its counts")
        return contents

    async def envelopes(self, route: bytes, after_sequence: int) -> list[QueuedEnvelope]:
        """See `Exporting`."""
        _, _, heads, order, bodies, _ = mailbox_keys(route)
        after = b"(%d" % after_sequence
        page = await self._ask(
            *(order, b"ZRANGEBYSCORE", order, after, b"+inf"),
            *(b"WITHSCORES", b"LIMIT", 0, PAGE_ENVELOPES),
        )
        scores = answers.fields(page)
        if not scores:
            return []
        found = await asyncio.gather(
            self._ask(heads, b"HMGET", heads, *scores),
            self._ask(bodies, b"HMGET", bodies, *scores),
        )
        rows: list[QueuedEnvelope] = []
        pairs = zip(*map(answers.items, found), strict=True)
        for (envelope_id, score), (head, body) in zip(scores.items(), pairs, strict=True):
            if not isinstance(head, bytes) or not isinstance(body, bytes):
                raise errors.StoreDamaged("an envelope lacks its head or its body")
            row = layout.unpacked_envelope(envelope_id, head, body)
            if row.sequence != int(score):
                raise errors.StoreDamaged("an envelope is not where its head says")
            rows.append(row)
        return rows

    async def _ask(self, key: bytes, *arguments: bytes | int) -> Answer:
        try:
            return await self._shards.ask(key, *arguments)
        except Unreadable as fault:
            raise errors.StoreDamaged("a key is not of the type that is written") from fault

    async def _hash(self, key: bytes) -> Fields:
        return answers.fields(await self._ask(key, b"HGETALL", key))

    async def _scores(self, key: bytes) -> Fields:
        return answers.fields(await self._ask(key, b"ZRANGE", key, 0, -1, b"WITHSCORES"))

    async def _number(self, verb: bytes, key: bytes) -> int:
        return answers.number(await self._ask(key, verb, key))


def _prekeys(
    numbers: dict[int, bytes], fresh: Fields, records: Fields, taken: Fields
) -> list[KeptPrekey]:
    if set(fresh) != set(records):
        raise errors.StoreDamaged("one-time prekeys and their records do not fit")
    rows: list[KeptPrekey] = []
    for scores, held in ((fresh, records), (taken, Fields())):
        for name, score in scores.items():
            number, day = divmod(int(score), layout.DEVICE_STEP)
            device_id = name[: layout.DEVICE_ID_BYTES]
            if numbers[number] != device_id:
                raise errors.StoreDamaged("a one-time prekey stands under another device")
            prekey_id = name[layout.DEVICE_ID_BYTES :]
            rows.append(KeptPrekey(device_id, prekey_id, day, held.get(name)))
    return rows


def _standing(name: bytes, value: bytes) -> KeptStanding:
    day = value[: layout.LENGTH.size]
    if len(day) < layout.LENGTH.size:
        raise errors.StoreDamaged("a standing record cannot be read")
    return KeptStanding(
        name[1:], int(name[:1]), int.from_bytes(day, "big"), value[layout.LENGTH.size :]
    )


def _mailbox(route: bytes, found: Fields, drops: Fields, expired: Fields) -> MailboxContents:
    owner = found[b"owner"][: layout.OWNER_BYTES]
    kept = tuple(layout.unpacked_drop(name, drops[name]) for name in sorted(drops))
    _require_ends_noted(kept, _figure(found, b"drop_end"))
    refs = sorted(name[1:] for name in found if _counts_drop(name, b"#"))
    if refs != sorted(name[1:] for name in found if _counts_drop(name, b"%")):
        raise errors.StoreDamaged("counts of a drop do not fit")
    through = tuple(
        QueuedThrough(ref, int(found[b"#" + ref]), int(found[b"%" + ref])) for ref in refs
    )
    return MailboxContents(
        route=route,
        account_id=owner[: -layout.DEVICE_ID_BYTES],
        device_id=owner[-layout.DEVICE_ID_BYTES :],
        last_sequence=_figure(found, b"last"),
        knock_day=_figure(found, b"knock_day"),
        knocks=_figure(found, b"knocks"),
        notices_closed=_figure(found, b"notices"),
        drops=kept,
        expired=_notices(expired),
        through=through,
        earliest=_figure(found, b"earliest") if through else 0,
        latest=_figure(found, b"latest") if through else 0,
    )


def _figure(found: Fields, name: bytes) -> int:
    """Return a figure, 0 where there is none; ValueError for what no script writes."""
    figure = int(found.get(name, b"0"))
    if not 0 <= figure < _FIGURE_END:
        raise ValueError(name)
    return figure


_REF_FIELD_BYTES: Final = 1 + layout.DROP_REF_BYTES


def _counts_drop(name: bytes, mark: bytes) -> bool:
    return len(name) == _REF_FIELD_BYTES and name.startswith(mark)


def _require_ends_noted(drops: tuple[KeptDrop, ...], noted: int) -> None:
    """Raise where a one-use drop would outlive its end, since no sweep would look for it."""
    ends = [drop.life_end for drop in drops if drop.kind is DropKind.ONCE]
    if ends and not 0 < noted <= min(ends):
        raise errors.StoreDamaged("the end of a one-use drop is not noted")


def _notices(expired: Fields) -> tuple[ExpiredNotice, ...]:
    gathering: list[ExpiredDrop] = []
    closed: list[ExpiredNotice] = []
    for name in sorted(expired):
        if name.startswith(b"g"):
            gathering.append(ExpiredDrop(name[1:], int(expired[name])))
        else:
            drops = layout.unpacked_notice(expired[name])
            closed.append(ExpiredNotice(int(name[1:]), drops))
    first = (ExpiredNotice(GATHERING, tuple(gathering)),) if gathering else ()
    return (*first, *sorted(closed, key=lambda notice: notice.notice_id))
