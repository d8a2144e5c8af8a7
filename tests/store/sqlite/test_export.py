"""Exporting a SQLite store: all of it, in order, nothing damaged, and nobody beside it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hushpost_store import DropKind, Quotas, SqliteStore, errors
from hushpost_store.conformance.stage import (
    DAY,
    NOW,
    account,
    digest,
    envelope,
    post,
    route,
    with_drops,
)
from hushpost_store.contents import GATHERING, PAGE_ENVELOPES
from hushpost_store.contents_digest import digest_account
from hushpost_store.sqlite.export import opened
from hushpost_store.sqlite.migration_mark import MigrationMark, MoveState

from tests.store.redis.moving import filled
from tests.store.sqlite.full_store import HOUR, NAMES, fill, full_store
from tests.store.sqlite.test_repair import damage

ALICE = account("alice", devices=2)


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """Give a closed store in which three people have everything; one envelope each expired."""
    return await filled(tmp_path)


async def test_everything_of_an_account_is_given(path: Path) -> None:
    """Records, chain of lists, prekeys left and taken, standing records, in the order of names."""
    async with opened(path) as export:
        found = await export.account(ALICE.account_id)
        assert found is not None
        assert [row.version for row in found.lists] == [1, 2]
        assert found.account.devices == ALICE.devices
        taken = {prekey.device_id: prekey.record is None for prekey in found.prekeys}
        assert len(found.prekeys) == 4
        assert sum(prekey.record is None for prekey in found.prekeys) == 2
        assert set(taken) == {device.device_id for device in ALICE.devices}
        assert [row.kind for row in found.standing] == [1, 2, 1, 2]
        assert await export.account(bytes(32)) is None


async def test_everything_of_a_mailbox_is_given(path: Path) -> None:
    """Drops with used marks, what gathers, knocks, counts by drop and ends fit what is queued."""
    async with opened(path) as export:
        mailbox = await export.mailbox(ALICE.account_id, ALICE.devices[0])
        rows = await export.envelopes(route("alice"), 0)
        assert mailbox is not None
        assert (mailbox.queued, mailbox.queued_bytes) == (
            len(rows),
            sum(len(row.envelope) for row in rows),
        )
        assert mailbox.last_sequence == rows[-1].sequence == 4
        assert [len(row.envelope) for row in rows] == [4096, 16384, 4096, 4096]
        used = [drop for drop in mailbox.drops if drop.used_by is not None]
        assert [drop.drop_hash for drop in used] == [digest("alice used")]
        assert {drop.kind for drop in mailbox.drops} == set(DropKind)
        assert (mailbox.knock_day, mailbox.knocks) == (DAY, 1)
        (gathering,) = mailbox.expired
        assert gathering.notice_id == GATHERING
        assert gathering.drops[0].envelopes == 1
        assert mailbox.earliest == mailbox.latest == rows[0].not_after
        assert await export.envelopes(bytes(16), 0) == []
        assert await export.mailbox(ALICE.account_id, account("nobody").devices[0]) is None


async def test_closed_notices_keep_their_numbers(tmp_path: Path) -> None:
    """What an owner was told and did not confirm is not mixed with what gathers since."""
    path = tmp_path / "relay.db"
    async with full_store(path) as store:
        await store.expired_notices(route("alice"))
    async with opened(path) as export:
        mailbox = await export.mailbox(ALICE.account_id, ALICE.devices[0])
        assert mailbox is not None
        assert [notice.notice_id for notice in mailbox.expired] == [1]
        assert mailbox.notices_closed == 1


async def test_envelopes_come_in_pages_and_expired_ones_too(tmp_path: Path) -> None:
    """A migration that waited does not lose count of what has expired meanwhile."""
    store = SqliteStore(tmp_path / "relay.db", Quotas(), clock=lambda: NOW)
    await store.open()
    await with_drops(store, "alice")
    for number in range(PAGE_ENVELOPES + 2):
        await post(store, envelope("alice", number, not_after=(HOUR // 24 + 1) * 24))
    await store.close()
    async with opened(tmp_path / "relay.db") as export:
        first = await export.envelopes(route("bob"), 0)
        rest = await export.envelopes(route("bob"), first[-1].sequence)
        assert [row.sequence for row in (*first, *rest)] == list(range(1, PAGE_ENVELOPES + 3))
        assert len(rest) == 2


async def test_accounts_come_in_the_order_of_their_ids(path: Path) -> None:
    """Each once, also when they are asked for some at a time; totals count the same."""
    every = sorted(digest(name) for name in NAMES)
    async with opened(path) as export:
        first = await export.account_ids(b"", 2)
        assert [*first, *await export.account_ids(first[-1], 2)] == every
        assert await export.totals() == (3, 12)
        assert len(await export.generation()) == 16


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE one_time_prekey SET expiry_day = expiry_day + 1",
        "UPDATE standing_record SET record = x'00'",
        "UPDATE device_list SET record = x'00'",
        "UPDATE account SET created_day = 1",
        "UPDATE device SET device_key = x'00'",
        "UPDATE OR IGNORE one_time_prekey SET device_id = x'00' WHERE record IS NULL",
    ],
)
async def test_a_damaged_account_is_refused_each_time(path: Path, statement: str) -> None:
    """Damage is not passed over, and is met again when the account is read again."""
    damage(path, statement)
    async with opened(path) as export:
        for _ in range(2):
            with pytest.raises(errors.StoreDamaged):
                await export.account(ALICE.account_id)
        await export.account_ids(b"", 10)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE mailbox_drop SET used_by = NULL",
        "UPDATE expired_notice SET envelopes = 9",
        "UPDATE mailbox SET knocks = 0",
        "UPDATE envelope_4096 SET envelope = zeroblob(4096)",
    ],
)
async def test_a_damaged_mailbox_is_refused_each_time(path: Path, statement: str) -> None:
    """A lost mark, a wrong count and a changed byte show where they are read."""
    damage(path, statement)
    async with opened(path) as export:
        for _ in range(2):
            with pytest.raises(errors.StoreDamaged):
                await digest_account(export, ALICE.account_id)


async def test_nobody_else_has_it_open(path: Path) -> None:
    """A relay that runs keeps the export away, and the export keeps a relay away."""
    store = SqliteStore(path)
    await store.open()
    with pytest.raises(errors.StoreInUse):
        async with opened(path):
            pass
    await store.close()
    async with opened(path):
        with pytest.raises(errors.StoreInUse):
            await SqliteStore(path).open()


async def test_the_mark_is_kept_by_the_database(path: Path) -> None:
    """It is there for the next one who opens it, until it is taken away."""
    mark = MigrationMark(MoveState.GOING, bytes(16))
    async with opened(path) as export:
        assert await export.mark() is None
        await export.set_mark(mark)
    async with opened(path) as export:
        assert await export.mark() == mark
        await export.set_mark(None)
        assert await export.mark() is None


async def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    """A missing file and a file of something else."""
    with pytest.raises(errors.StoreFault, match="there is no database"):
        async with opened(tmp_path / "relay.db"):
            pass
    (tmp_path / "relay.db").write_bytes(b"something else" * 999)
    with pytest.raises(errors.StoreDamaged):
        async with opened(tmp_path / "relay.db"):
            pass


async def test_an_account_that_is_being_deleted_is_not_given(tmp_path: Path) -> None:
    """A deletion that was broken off is not undone by a move."""
    store = SqliteStore(tmp_path / "relay.db", Quotas())
    await store.open()
    await fill(store)
    await store.close()
    async with opened(tmp_path / "relay.db") as export:
        await export._run(  # pyright: ignore[reportPrivateUsage] - as a crash leaves it
            lambda c: c.execute(
                "UPDATE account SET deleting = 1 WHERE account_id = ?", (ALICE.account_id,)
            )
        )
        assert ALICE.account_id not in await export.account_ids(b"", 10)
        assert await export.account(ALICE.account_id) is None
