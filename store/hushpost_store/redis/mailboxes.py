"""The way of an envelope in and out (docs/spec/store.md, "Redis")."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from struct import Struct
from typing import Final

from hushpost_store import admission, errors
from hushpost_store.interface import SubmissionListener
from hushpost_store.quotas import Quotas
from hushpost_store.redis import answers
from hushpost_store.redis.command import Answer
from hushpost_store.redis.durable_run import run_durably
from hushpost_store.redis.figures import Figures
from hushpost_store.redis.keys import mailbox_keys
from hushpost_store.redis.layout import TAIL_BYTES, check_sum
from hushpost_store.redis.options import Durability, RedisOptions
from hushpost_store.redis.posting import RETRY_SECONDS, Posting
from hushpost_store.redis.shards import Shards
from hushpost_store.redis.wake_ups import EPOCH_BITS, WakeUps
from hushpost_store.rows import (
    NOTICE_DROPS_MAX,
    NOTICES_MAX,
    Admitted,
    DropKind,
    ExpiredNotice,
    OpenedMailbox,
    QueuedEnvelope,
    Refusal,
    Submission,
    TtlClass,
)

# As in mailbox.lua.
_QUOTAS: Final = Struct(">7Q")


class Mailboxes:
    """Envelopes, drops, logins and notices; every operation is one script on one mailbox."""

    def __init__(
        self,
        shards: Shards,
        wake_ups: WakeUps,
        quotas: Quotas,
        options: RedisOptions,
        figures: Figures,
    ) -> None:
        self._shards = shards
        self._wake_ups = wake_ups
        self._node = options.node.encode()
        self._quotas = quotas
        self._options = options
        self._figures = figures
        self._stalls = shards.stalls
        self._waits_for_replicas = options.durability is Durability.REPLICATED
        self._bounds = _QUOTAS.pack(
            quotas.mailbox_envelopes_max,
            quotas.mailbox_bytes_max,
            quotas.drop_envelopes_max,
            quotas.drop_bytes_max,
            quotas.knocks_per_day,
            quotas.knock_bytes_max,
            quotas.full_retry_seconds,
        )

    def submit(self, submission: Submission, listener: SubmissionListener, now: float) -> None:
        """See `MailboxStore`: Redis decides; its answer comes after its sync."""
        route, drop_hash, envelope_id, ttl_class, not_after, envelope = submission
        if not admission.is_lifetime_valid(ttl_class, not_after, now):
            listener.refused(Refusal.BAD_TTL, 0)
            return
        if self._shards.waiting_bytes + len(envelope) > self._options.waiting_bytes_max:
            self._stalls.begin(route)
            listener.refused(Refusal.RETRY, RETRY_SECONDS)
            return
        if self._stalls.refuses(route, drop_hash):
            self._figures.failed += 1
            listener.refused(Refusal.RETRY, RETRY_SECONDS)
            return
        posting = Posting(
            submission,
            listener,
            figures=self._figures,
            stalls=self._stalls,
            on_admitted=self._tell,
            waits_for_replicas=self._waits_for_replicas,
        )
        self._shards.send(
            "enqueue",
            mailbox_keys(route),
            (
                *_halves(drop_hash),
                envelope_id,
                int(ttl_class == TtlClass.EPHEMERAL),
                not_after,
                int(now),
                len(envelope),
                envelope[:-TAIL_BYTES],
                envelope[-TAIL_BYTES:],
                self._bounds,
                check_sum(envelope_id, drop_hash[: admission.DROP_REF_BYTES], not_after, envelope),
            ),
            posting.answered,
            posting.durable if self._waits_for_replicas else None,
        )

    def _tell(self, node: bytes, submission: Submission, admitted: Admitted) -> None:
        """Wake the node where the mailbox is logged in, unless it is this one."""
        if node == self._node:
            return
        self._wake_ups.contradicted(submission.route, node)
        if not node or admitted.duplicate:
            return
        if admitted.sequence:
            self._wake_ups.mail_waits(node, submission.route, admitted.sequence)
        else:
            self._wake_ups.ephemeral(node, submission)

    async def open(self, route: bytes) -> OpenedMailbox:
        """See `MailboxStore.open_mailbox`."""
        answer = await run_durably(
            self._shards,
            "open",
            mailbox_keys(route),
            self._node,
            NOTICE_DROPS_MAX,
            NOTICES_MAX,
            secrets.randbits(EPOCH_BITS),
        )
        if answer is None:
            raise errors.MailboxUnknown("no mailbox has this route")
        begun, last, queued, notices, before, ended = answers.items(answer)
        epoch, node = answers.number(begun), answers.blob(before)
        if node and node != self._node:
            self._wake_ups.login_ended(node, route, answers.number(ended))
        self._wake_ups.logins[route] = epoch
        return OpenedMailbox(
            epoch,
            answers.number(last),
            answers.number(queued),
            answers.expired_notices(notices),
        )

    def close(self, route: bytes, epoch: int) -> None:
        """See `MailboxStore.close_mailbox`; a lost answer leaves a login that the next one ends."""
        if self._wake_ups.logins.get(route) == epoch:
            del self._wake_ups.logins[route]
        self._shards.send("close", mailbox_keys(route), (epoch, self._node), lambda _: None)

    async def read(
        self, route: bytes, epoch: int, *, after_sequence: int, limit: int, now: float
    ) -> list[QueuedEnvelope]:
        """See `MailboxStore.read_backlog`."""
        keys = mailbox_keys(route)
        while True:
            answer = await self._shards.run(
                "read", keys, epoch, self._node, after_sequence, limit, int(now)
            )
            rows = answers.items(answer)
            found = self._whole(route, rows)
            if found or not rows:
                return found
            # All damaged: what follows is looked for, since an empty page would mean the end.
            after_sequence = answers.number(answers.items(rows[-1])[0])

    def _whole(self, route: bytes, rows: Sequence[Answer]) -> list[QueuedEnvelope]:
        """Return the envelopes that are what was written; the others are counted."""
        found: list[QueuedEnvelope] = []
        for row in rows:
            try:
                found.append(answers.queued_envelope(row))
            except errors.StoreDamaged:
                self._figures.note_damage(route + answers.blob(answers.items(row)[1]))
        return found

    def acknowledge(self, route: bytes, epoch: int, sequences: Sequence[int]) -> None:
        """See `MailboxStore`: what a lost answer leaves is delivered again."""
        if sequences:
            keys = mailbox_keys(route)
            self._shards.send(
                "acknowledge", keys, (epoch, self._node, *_runs(sequences)), self._gone
            )

    def _gone(self, answer: Answer) -> None:
        if isinstance(answer, errors.StoreFault):
            self._figures.fail(answer)
            return
        self._figures.count_out(*answers.numbers(answer))

    async def notices(self, route: bytes) -> tuple[ExpiredNotice, ...]:
        """See `MailboxStore.expired_notices`."""
        answer = await self._shards.run(
            "notices", mailbox_keys(route), NOTICE_DROPS_MAX, NOTICES_MAX
        )
        return answers.expired_notices(answer)

    async def seen(self, route: bytes, notice_id: int) -> None:
        """See `MailboxStore.expired_seen`."""
        if answers.number(await self._shards.run("seen", mailbox_keys(route), notice_id)):
            self._figures.on_deleted(0)

    async def register_drop(
        self, route: bytes, drop_hash: bytes, kind: DropKind, now: float
    ) -> None:
        """See `DropStore`."""
        life_end = admission.once_life_end(now, self._quotas) if kind is DropKind.ONCE else 0
        answer = await run_durably(
            self._shards,
            "register_drop",
            mailbox_keys(route),
            *_halves(drop_hash),
            int(kind),
            life_end,
            self._quotas.drops_max,
        )
        match answers.number(answer):
            case -1:
                raise errors.MailboxUnknown("no mailbox has this route")
            case -2:
                raise errors.DropConflict(
                    "the drop, or its first 16 bytes, is registered already: draw a new secret"
                )
            case -3:
                raise errors.DropsFull("the mailbox has as many drops as it may: revoke one first")
            case _:
                return

    async def revoke_drop(self, route: bytes, drop_hash: bytes) -> None:
        """See `DropStore`."""
        answer = await run_durably(
            self._shards, "revoke_drop", mailbox_keys(route), *_halves(drop_hash)
        )
        if answers.number(answer) < 0:
            raise errors.MailboxUnknown("no mailbox has this route")
        self._figures.on_deleted(0)


def _runs(sequences: Sequence[int]) -> list[int]:
    """Return the first and the last of each run of sequences that follow each other."""
    runs: list[int] = []
    for sequence in sorted(sequences):
        if runs and sequence <= runs[-1] + 1:
            runs[-1] = sequence
        else:
            runs += (sequence, sequence)
    return runs


def _halves(drop_hash: bytes) -> tuple[bytes, bytes]:
    return drop_hash[: admission.DROP_REF_BYTES], drop_hash[admission.DROP_REF_BYTES :]
