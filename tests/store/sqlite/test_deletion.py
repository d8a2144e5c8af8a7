"""Deletion under load, with the intervals of production: a hunt for each row's own marker."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field
from pathlib import Path

from hushpost_store import DropKind, SqliteStore
from hushpost_store.conformance import NOW, account, digest, envelope, post, route
from hushpost_store.rows import Submission

PEOPLE = 8
BOUND_SECONDS = 30.0
# The hunt goes on until it has met so much; a checkpoint of production comes every 10 seconds.
HUNTED_MIN = 100
SEEN_MIN = 10
# However slow the machine, by then two checkpoints have come and as much was deleted.
HUNT_SECONDS_MAX = 90.0


@dataclass
class Letter:
    """An envelope filled with its own marker; any piece of two markers' length shows it."""

    marker: bytes
    owner: str
    sequence: int
    deleted_at: float | None = None


@dataclass
class Load:
    """Random mail for random people, acknowledged in random order."""

    store: SqliteStore
    draw: random.Random
    epochs: dict[str, int] = field(default_factory=dict[str, int])
    waiting: list[Letter] = field(default_factory=list[Letter])
    deleted: list[Letter] = field(default_factory=list[Letter])

    async def begin(self) -> None:
        """Make the people, each with a drop and an open login."""
        for number in range(PEOPLE):
            name = f"person {number}"
            await self.store.create_account(account(name))
            await self.store.register_drop(route(name), digest("alice"), DropKind.CONTACT, NOW)
            opened = await self.store.open_mailbox(route(name), NOW)
            self.epochs[name] = opened.epoch

    async def run(self) -> None:
        """Post and acknowledge until cancelled."""
        while True:
            await asyncio.gather(*(self._post() for _ in range(self.draw.randint(1, 6))))
            while len(self.waiting) > self.draw.randint(20, 60):
                self._acknowledge(self.waiting.pop(self.draw.randrange(len(self.waiting))))
            await asyncio.sleep(0.02)

    async def _post(self) -> None:
        owner = self.draw.choice(list(self.epochs))
        marker = b"<%s>" % self.draw.randbytes(15).hex().encode()
        size = self.draw.choice((4096, 16384))
        body = (marker * (size // len(marker) + 1))[:size]
        submission = envelope("alice", 0, to=owner)._replace(
            envelope=body, envelope_id=self.draw.randbytes(16)
        )
        self.waiting.append(await self._sent(submission, marker, owner))

    async def _sent(self, submission: Submission, marker: bytes, owner: str) -> Letter:
        told = await post(self.store, submission)
        assert told.told == ["admitted", "committed"]
        assert told.place is not None
        return Letter(marker, owner, told.place.sequence)

    def _acknowledge(self, letter: Letter) -> None:
        letter.deleted_at = time.time()
        epoch = self.epochs[letter.owner]
        self.store.acknowledge(route(letter.owner), epoch, [letter.sequence], letter.deleted_at)
        self.deleted.append(letter)

    def gone_before(self, moment: float) -> list[bytes]:
        """Give the markers of what was deleted before a moment."""
        return [
            letter.marker
            for letter in self.deleted
            if letter.deleted_at is not None and letter.deleted_at < moment
        ]


def _found(folder: Path, markers: list[bytes]) -> list[bytes]:
    raw = b"".join(path.read_bytes() for path in sorted(folder.iterdir()))
    return [marker for marker in markers if marker in raw]


async def test_deleted_mail_leaves_every_file_within_the_bound(tmp_path: Path) -> None:
    """Under load nothing older than the lag is in any file, and the lag stays within 30 seconds."""
    seed = random.randrange(1 << 32)
    folder = tmp_path / "data"
    store = SqliteStore(folder / "relay.db")
    await store.open()
    load = Load(store, random.Random(seed))
    await load.begin()
    running = asyncio.create_task(load.run())
    give_up_at = time.monotonic() + HUNT_SECONDS_MAX
    seen_before_the_checkpoint = hunted = 0
    while hunted < HUNTED_MIN or seen_before_the_checkpoint < SEEN_MIN:
        assert time.monotonic() < give_up_at, (
            f"too little to hunt: {hunted} gone, {seen_before_the_checkpoint} seen in the log"
        )
        await asyncio.sleep(0.5)
        assert not running.done(), "the load ended by itself"
        now = time.time()
        lag = store.deletion_lag(now)
        assert lag < BOUND_SECONDS
        gone = await asyncio.to_thread(_found, folder, load.gone_before(now - lag))
        assert gone == [], f"{len(gone)} deleted envelopes are readable (seed {seed})"
        if store.stats().checkpoints:
            hunted = max(hunted, len(load.gone_before(now - lag)))
        still = await asyncio.to_thread(_found, folder, load.gone_before(now))
        seen_before_the_checkpoint = max(seen_before_the_checkpoint, len(still))
    running.cancel()
    await asyncio.wait((running,))
    await store.close()
    assert _found(folder, load.gone_before(time.time())) == []
    kept = [letter.marker for letter in load.waiting]
    assert len(_found(folder, kept)) == len(kept), "what waits must be there, and be found"
