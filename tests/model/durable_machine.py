"""The store machine for a store in files: it is also closed and opened again, and killed.

A crash leaves what a killed process leaves: the database and its log as they stand in that
instant, with whatever the writer's thread was doing half done. What was told `committed` and not
acknowledged must be there after it, in its order; what was neither may be there or not; nothing
else may be.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from hushpost_store.interface import Store
from hushpost_store.rows import DropKind, QueuedEnvelope
from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.model.store_machine import (
    ENVELOPES,
    StoreMachine,
    route_of,
)
from tests.model.store_model import DAY, HOUR, Mailbox, Queued

NAMES = [f"{person} {number}" for person in ("ann", "bob") for number in (0, 1)]


class DurableMachine(StoreMachine):
    """A store that must outlive its process."""

    def __init__(self, make: Callable[[Path], Store], folder: Path) -> None:
        self.make = make
        self.folder = folder
        self.open_path = self.path = folder / "store-0.db"
        # Which of the waiting listeners knew their end when the files were copied.
        self.told: list[bool] = []
        self.crashes = itertools.count(1)
        # Acknowledged since the last clean end: a crash may bring them back. By route.
        self.ghosts: dict[str, list[Queued]] = {}
        super().__init__(lambda: make(self.open_path))

    def teardown(self) -> None:
        """Close, and remove the files."""
        super().teardown()
        shutil.rmtree(self.folder)

    def acknowledged(self, queued: Queued) -> None:
        """Remember what a crash may bring back."""
        name = next(name for name in NAMES if route_of(name) == queued.submission.route)
        self.ghosts.setdefault(name, []).append(queued)

    @rule()
    def restart(self) -> None:
        """Close and open again: all is as it was."""
        self.settle()
        self.run(self.store.close())
        self.run(self.store.open())
        self._forget_connections()
        for name in NAMES:
            if route_of(name) in self.model.mailboxes:
                self.login(name)
                self.read(len(self.epochs) - 1, 2)

    @rule(drop=st.sampled_from(["friend", "paper", "door"]), first=ENVELOPES)
    def crash_amid_posts(self, drop: str, first: int) -> None:
        """Kill the process in the turn of the loop that took some envelopes."""

        def posts() -> None:
            for number in range(first, first + 2):
                self.post("ann 0", drop, number)

        self.crash(posts)

    @rule()
    def crash(self, before: Callable[[], None] = lambda: None) -> None:
        """Kill the process and open what it leaves."""
        if any(queued.ended(self.now) for queued in self._uncertain()):
            self.restart()  # whether it was swept would be a second unknown beside the first
            return

        def kill() -> None:
            before()
            self._copy_files()

        self.at_once(kill)
        self._note_told()
        uncertain, ghosts = self._uncertain(), self.ghosts
        self._open_what_is_left()
        self._forget_connections()
        for name in NAMES:
            mailbox = self.model.mailboxes.get(route_of(name))
            if mailbox is not None:
                self._reconcile(name, mailbox, ghosts.get(name, []))
        self._end_doubt(uncertain)

    def _copy_files(self) -> None:
        """Copy the files while their owner may be writing them."""
        self.told = [recorder.settled.is_set() for recorder, _, _ in self.waiting]
        self.path = self.folder / f"store-{next(self.crashes)}.db"
        for suffix in ("", "-wal"):
            source = self.open_path.with_name(self.open_path.name + suffix)
            if source.exists():
                shutil.copyfile(source, self.path.with_name(self.path.name + suffix))

    def _uncertain(self) -> list[Queued]:
        queued = [q for mailbox in self.model.mailboxes.values() for q in mailbox.queue]
        gone = [q for ghosts in self.ghosts.values() for q in ghosts]
        return [q for q in queued if not q.durable] + gone

    def _note_told(self) -> None:
        """Judge what listeners knew in the instant of the crash; the rest was never answered."""
        self._note_places()
        for (recorder, verdict, now), told in zip(self.waiting, self.told, strict=True):
            if told:
                self._judge(recorder, verdict, now)
        self.waiting.clear()

    def _open_what_is_left(self) -> None:
        self.run(self.store.close())
        self.open_path = self.path
        self.store = self.make(self.open_path)
        self.run(self.store.open())

    def _forget_connections(self) -> None:
        self.epochs.clear()
        self.current.clear()
        self.ghosts = {}

    def _reconcile(self, name: str, mailbox: Mailbox, ghosts: list[Queued]) -> None:
        """Hold what is left of a mailbox against what must and what may be left."""
        opened = self.run(self.store.open_mailbox(route_of(name), self.now))
        assert [
            {drop.drop_ref: drop.envelopes for drop in notice.drops} for notice in opened.expired
        ] == mailbox.close_notice()
        self._begin_epoch(name, opened.epoch)
        rows = self.pages(name, opened.epoch, 2)
        ended = [queued for queued in mailbox.queue if queued.ended(self.now)]
        alive = [queued for queued in mailbox.queue if not queued.ended(self.now)]
        candidates = sorted([*alive, *ghosts], key=lambda queued: queued.order)
        must = {id(queued) for queued in alive if queued.durable}
        found = _matched(rows, candidates, must)
        assert found is not None, (rows, candidates)
        assert opened.queued == len(found) + len(ended)
        for queued, row in zip(found, rows, strict=True):
            queued.sequence, queued.durable = row.sequence, True
        mailbox.queue = sorted([*ended, *found], key=lambda queued: queued.order)

    def _end_doubt(self, uncertain: list[Queued]) -> None:
        """Revoke one-use drops that may have been used, and let a day of doubtful knocks end."""
        for queued in uncertain:
            mailbox = self.model.mailboxes.get(queued.submission.route)
            drop = mailbox.drops.get(queued.submission.drop_hash) if mailbox is not None else None
            if mailbox is None or drop is None or queued in mailbox.queue:
                continue
            if drop.kind == DropKind.ONCE:
                del mailbox.drops[queued.submission.drop_hash]
                work = self.store.revoke_drop(queued.submission.route, queued.submission.drop_hash)
                self.run(work)
        if any(queued.kind == DropKind.KNOCK for queued in uncertain):
            self.now = (int(self.now // DAY) + 1) * DAY + HOUR

    @rule(route=st.sampled_from(NAMES))
    def use_paper_again(self, route: str) -> None:
        """Let two envelopes meet on a one-use drop across a restart."""
        self.at_once(lambda: self.post(route, "paper", 0))
        self.restart()
        self.posts(route, "paper", 1, 0)

    @rule(route=st.sampled_from(NAMES))
    def post_to_revoked_again(self, route: str) -> None:
        """Post through what was revoked before a restart."""
        self.revoke(route, "friend")
        self.restart()
        self.at_once(lambda: self.post(route, "friend", 0))


def _matched(
    rows: Sequence[QueuedEnvelope], candidates: Sequence[Queued], must: set[int]
) -> list[Queued] | None:
    """Lay rows on candidates in order, leaving out none that must be there; None: impossible."""
    if not candidates:
        return None if rows else []
    first, rest = candidates[0], candidates[1:]
    if rows and rows[0].envelope_id == first.submission.envelope_id and _same(rows[0], first):
        found = _matched(rows[1:], rest, must)
        if found is not None:
            return [first, *found]
    return None if id(first) in must else _matched(rows, rest, must)


def _same(row: QueuedEnvelope, queued: Queued) -> bool:
    submission = queued.submission
    return (row.drop_ref, row.not_after, row.envelope) == (
        queued.drop_ref,
        submission.not_after,
        submission.envelope,
    )
