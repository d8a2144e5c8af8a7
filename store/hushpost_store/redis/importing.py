"""Writing what another store held into Redis (docs/spec/store.md, "Moving").

Plain commands and no scripts: no relay uses the store meanwhile, and what a crash leaves half
written is forgotten before it is written anew. Ends of keys are set last (`set_ends`), so that
Redis ends nothing while a migration that was broken off waits to go on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from hushpost_store.contents import GATHERING, AccountContents, MailboxContents
from hushpost_store.redis import layout
from hushpost_store.redis.durable_run import write_durably
from hushpost_store.redis.keys import account_keys, mailbox_keys
from hushpost_store.redis.shards import Shards
from hushpost_store.rows import DropKind, QueuedEnvelope

# Fields of one command: a server takes them in well under a millisecond.
_FIELDS_AT_ONCE: Final = 512
_HOUR_SECONDS: Final = 3_600

Part = bytes | int


class RedisImport:
    """An `Importing` for a Redis that no relay uses."""

    def __init__(self, shards: Shards) -> None:
        self._shards = shards

    async def forget(self, account_id: bytes, routes: Sequence[bytes]) -> None:
        """See `Importing`."""
        every = [account_keys(account_id), *map(mailbox_keys, routes)]
        await asyncio.gather(
            *(write_durably(self._shards, keys[0], b"UNLINK", *keys) for keys in every)
        )

    async def put_account(self, contents: AccountContents) -> None:
        """See `Importing`."""
        account, lists, fresh, records, taken, standing = account_keys(contents.account.account_id)
        numbers = {
            device.device_id: number for number, device in enumerate(contents.account.devices, 1)
        }

        def stock(device_id: bytes, day: int) -> int:
            return numbers[device_id] * layout.DEVICE_STEP + day

        left = [prekey for prekey in contents.prekeys if prekey.record is not None]
        gone = [prekey for prekey in contents.prekeys if prekey.record is None]
        names = [(prekey, prekey.device_id + prekey.prekey_id) for prekey in (*left, *gone)]
        scores = [(stock(p.device_id, p.expiry_day), name) for p, name in names]
        await asyncio.gather(
            self._put(b"HSET", account, _account_fields(contents)),
            self._put(
                b"HSET", lists, [(row.version, layout.packed_list(row)) for row in contents.lists]
            ),
            self._put(b"ZADD", fresh, scores[: len(left)]),
            self._put(
                b"HSET", records, [(p.device_id + p.prekey_id, p.record or b"") for p in left]
            ),
            self._put(b"ZADD", taken, scores[len(left) :]),
            self._put(
                b"HSET",
                standing,
                [
                    (b"%d%b" % (row.kind, row.device_id), _DAY.pack(row.expiry_day) + row.record)
                    for row in contents.standing
                ],
            ),
        )

    async def put_mailbox(self, contents: MailboxContents) -> None:
        """See `Importing`."""
        mailbox, drops, _, _, _, expired = mailbox_keys(contents.route)
        notices: list[tuple[Part, Part]] = []
        for notice in contents.expired:
            if notice.notice_id == GATHERING:
                notices += [(b"g" + drop.drop_ref, drop.envelopes) for drop in notice.drops]
            else:
                notices.append((b"n%d" % notice.notice_id, layout.packed_notice(notice.drops)))
        await asyncio.gather(
            self._put(b"HSET", mailbox, _mailbox_fields(contents)),
            self._put(b"HSET", drops, [layout.packed_drop(drop) for drop in contents.drops]),
            self._put(b"HSET", expired, notices),
        )

    async def put_envelopes(self, route: bytes, page: Sequence[QueuedEnvelope]) -> None:
        """See `Importing`."""
        _, _, heads, order, bodies, _ = mailbox_keys(route)
        await asyncio.gather(
            self._put(b"HSET", heads, [(row.envelope_id, layout.packed_head(row)) for row in page]),
            self._put(
                b"HSET",
                bodies,
                [(row.envelope_id, row.envelope[: -layout.TAIL_BYTES]) for row in page],
            ),
            self._put(b"ZADD", order, [(row.sequence, row.envelope_id) for row in page]),
        )

    async def set_ends(self, route: bytes, latest: int, now: float) -> None:
        """Have Redis end a mailbox's envelopes by itself, should no relay sweep them."""
        _, _, heads, order, bodies, _ = mailbox_keys(route)
        left = latest * _HOUR_SECONDS - int(now) + layout.GRACE_SECONDS
        # What has expired while the migration waited is for the first sweep to count.
        seconds = max(left, layout.GRACE_SECONDS)
        await asyncio.gather(
            *(
                write_durably(self._shards, key, b"EXPIRE", key, seconds)
                for key in (heads, order, bodies)
            )
        )

    async def _put(self, verb: bytes, key: bytes, pairs: Sequence[tuple[Part, Part]]) -> None:
        for start in range(0, len(pairs), _FIELDS_AT_ONCE):
            flat = [part for pair in pairs[start : start + _FIELDS_AT_ONCE] for part in pair]
            await write_durably(self._shards, key, verb, key, *flat)


_DAY: Final = layout.LENGTH


def _account_fields(contents: AccountContents) -> list[tuple[Part, Part]]:
    account = contents.account
    newest = account.device_list
    fields: list[tuple[Part, Part]] = [
        (b"genesis", account.genesis),
        (b"created_day", account.created_day),
        (b"version", newest.version),
        (b"head", newest.head),
        (b"record", newest.record),
        (b"devices", len(account.devices)),
        (b"numbers", len(account.devices)),
    ]
    for place, device in enumerate(account.devices, 1):
        fields += [
            (b"device_id:%d" % place, device.device_id),
            (b"device_key:%d" % place, device.device_key),
            (b"route:%d" % place, device.route),
            (b"number:" + device.device_id, place),
        ]
    return fields


def _mailbox_fields(contents: MailboxContents) -> list[tuple[Part, Part]]:
    fields: list[tuple[Part, Part]] = [(b"owner", contents.account_id + contents.device_id)]
    ends = [drop.life_end for drop in contents.drops if drop.kind is DropKind.ONCE]
    figures = {
        b"last": contents.last_sequence,
        b"queued": contents.queued,
        b"bytes": contents.queued_bytes,
        b"knock_day": contents.knock_day,
        b"knocks": contents.knocks,
        b"notices": contents.notices_closed,
        b"earliest": contents.earliest,
        b"latest": contents.latest,
        b"drop_end": min(ends, default=0),
    }
    fields += [(name, figure) for name, figure in figures.items() if figure]
    for row in contents.through:
        fields += [(b"#" + row.drop_ref, row.envelopes), (b"%" + row.drop_ref, row.size)]
    return fields
