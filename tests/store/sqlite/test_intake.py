"""The intake: held until loaded, joined when repeated, withdrawn when acknowledged early."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from hushpost_store import DropKind, Quotas, Refusal, SqliteOptions, TtlClass
from hushpost_store.admission import DropState, MailboxState
from hushpost_store.conformance import NOW, Recorder, digest, envelope, route
from hushpost_store.sqlite.database import Database
from hushpost_store.sqlite.deletion_clock import DeletionClock
from hushpost_store.sqlite.intake import Intake
from hushpost_store.sqlite.mailbox_cache import MailboxCache
from hushpost_store.sqlite.writer import Writer

BUCKET = 4096
SLOT = 1 << 30


class Stand:
    """An intake with bob's mailbox in its cache, or not yet."""

    def __init__(self, database: Database) -> None:
        self.cache = MailboxCache(1000, 10)
        self.intake = Intake(self.cache, Quotas())
        options = SqliteOptions(intake_bytes_max=8 * BUCKET)
        self.writer = Writer(database, options, self.intake.finished, DeletionClock())
        self.writer.start()
        self.intake.start(self.writer, (BUCKET, 16384))
        self.database = database
        self.mailbox = MailboxState(slot=SLOT)
        for name, kind in (("alice", DropKind.CONTACT), ("once", DropKind.ONCE)):
            self.mailbox.drops[digest(name)] = DropState(kind, 10**9)

    def load(self) -> None:
        """Put the mailbox into the cache."""
        self.cache.put(route("bob"), self.mailbox)

    def submit(
        self,
        drop: str,
        number: int,
        *,
        size: int = BUCKET,
        ttl_class: TtlClass = TtlClass.FORTNIGHT,
    ) -> Recorder:
        """Submit one envelope; what it is told is in the recorder."""
        recorder = Recorder()
        submission = envelope(drop, number, size=size, ttl_class=ttl_class)
        self.intake.submit(submission, recorder, NOW)
        return recorder

    async def stored(self) -> int:
        """Wait until everything is written and count the rows."""
        query = "SELECT count(*) FROM envelope_4096"
        return int(await self.writer.run(lambda c: c.execute(query).fetchone()[0]))


@pytest.fixture
async def stand(database: Database) -> AsyncIterator[Stand]:
    """Give an intake whose mailbox is not loaded yet."""
    made = Stand(database)
    yield made
    await made.writer.stop()


async def test_what_is_held_is_decided_in_order_once_loaded(stand: Stand) -> None:
    """Nothing is told before the mailbox is there; then sequences follow the submissions."""
    recorders = [stand.submit("alice", number) for number in range(3)]
    assert [r.told for r in recorders] == [[], [], []]
    stand.load()
    stand.intake.release(route("bob"))
    assert [r.place.sequence for r in recorders if r.place] == [1, 2, 3]
    assert await stand.stored() == 3
    assert {tuple(r.told) for r in recorders} == {("admitted", "committed")}


async def test_what_could_not_be_loaded_is_to_come_again(stand: Stand) -> None:
    """A loading that failed answers RETRY, and never that the drop does not exist."""
    recorder = stand.submit("alice", 1)
    stand.intake.release(route("bob"))
    assert (recorder.told, recorder.reason) == (["refused"], Refusal.RETRY)


async def test_what_is_held_is_bounded(stand: Stand) -> None:
    """Envelopes for mailboxes that load count against the bound; what was held gives it back."""
    recorders = [stand.submit("alice", number) for number in range(9)]
    assert [r.told for r in recorders] == [[]] * 8 + [["refused"]]
    assert recorders[-1].reason is Refusal.RETRY
    stand.load()
    stand.intake.release(route("bob"))
    assert await stand.stored() == 8
    assert stand.submit("alice", 10).told == ["admitted"]


async def test_a_repetition_joins_the_pending_one(stand: Stand) -> None:
    """Both are told committed when the first is; one row is stored."""
    stand.load()
    first, second = stand.submit("alice", 1), stand.submit("alice", 1)
    assert (first.told, second.told) == (["admitted"], ["admitted"])
    assert second.place is not None
    assert second.place.duplicate
    assert await stand.stored() == 1
    assert first.told == second.told == ["admitted", "committed"]
    assert stand.submit("alice", 1).told == ["admitted", "committed"]


async def test_an_early_acknowledgement_withdraws_the_row(stand: Stand) -> None:
    """It is accepted without a write; quota, figures and pins are as before."""
    stand.load()
    told = stand.submit("alice", 1)
    stand.intake.acknowledge(stand.mailbox, [1, 99], NOW)
    assert told.told == ["admitted", "committed"]
    assert await stand.stored() == 0
    assert (stand.intake.withdrawn, stand.intake.queued_envelopes) == (1, 0)
    assert (stand.intake.queued_bytes, stand.mailbox.pins, stand.mailbox.places) == (0, 0, {})


async def test_a_withdrawn_one_use_drop_stays_used(stand: Stand) -> None:
    """That the drop was used is written although its envelope never was."""
    stand.load()
    await stand.writer.run(
        lambda c: c.execute(
            "INSERT INTO mailbox_drop (slot, drop_hash, kind, life_end) VALUES (?, ?, 2, 9)",
            (SLOT, digest("once")),
        )
    )
    stand.submit("once", 1)
    stand.intake.acknowledge(stand.mailbox, [1], NOW)
    query = "SELECT used_by FROM mailbox_drop"
    used = await stand.writer.run(lambda c: c.execute(query).fetchone())
    assert used == (envelope("once", 1).envelope_id,)
    assert stand.submit("once", 2).reason is Refusal.NO_DROP


async def test_an_acknowledgement_after_the_commit_deletes_the_row(stand: Stand) -> None:
    """What is stored is deleted, in the order of the queue."""
    stand.load()
    stand.submit("alice", 1)
    stand.submit("alice", 2)
    assert await stand.stored() == 2
    stand.intake.acknowledge(stand.mailbox, [1], NOW)
    assert await stand.stored() == 1
    assert (stand.intake.queued_envelopes, stand.intake.queued_bytes) == (1, BUCKET)


async def test_a_failed_commit_takes_the_admission_back(stand: Stand) -> None:
    """Told failed, never refused; the same bytes get a place again once the disk can."""
    stand.load()
    await stand.database.run(lambda c: c.execute("PRAGMA max_page_count = 1"))
    told = [stand.submit("alice", 1), stand.submit("alice", 1)]
    assert await stand.stored() == 0
    assert [r.told for r in told] == [["admitted", "failed"]] * 2
    assert (stand.mailbox.places, stand.mailbox.pins, stand.intake.queued_bytes) == ({}, 0, 0)
    await stand.database.run(lambda c: c.execute("PRAGMA max_page_count = 1000000"))
    again = stand.submit("alice", 1)
    assert again.place is not None
    assert not again.place.duplicate
    assert await stand.stored() == 1


async def test_what_no_table_holds_and_what_is_ephemeral_writes_nothing(stand: Stand) -> None:
    """Beyond the largest bucket: refused. Ephemeral: accepted at once, never queued."""
    stand.load()
    assert stand.submit("alice", 1, size=16385).reason is Refusal.RETRY
    told = stand.submit("alice", 2, ttl_class=TtlClass.EPHEMERAL)
    assert told.told == ["admitted", "committed"]
    assert await stand.stored() == 0


async def test_what_was_swept_leaves_the_figures_once(stand: Stand) -> None:
    """An envelope that expired while it was being acknowledged is counted out once only."""
    stand.load()
    stand.submit("alice", 1)
    await stand.stored()
    stand.intake.acknowledge(stand.mailbox, [1], NOW)
    stand.intake.expired(route("bob"), 1, BUCKET)
    assert stand.intake.queued_envelopes == 0
    stand.submit("alice", 2)
    await stand.stored()
    stand.intake.expired(route("bob"), 2, BUCKET)
    assert (stand.intake.queued_envelopes, stand.intake.queued_bytes) == (0, 0)
    stand.intake.queued_envelopes, stand.intake.queued_bytes = 1, BUCKET
    stand.intake.expired(route("not loaded"), 5, BUCKET)
    assert (stand.intake.queued_envelopes, stand.intake.queued_bytes) == (0, 0)
