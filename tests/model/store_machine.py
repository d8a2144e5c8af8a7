"""A Hypothesis machine that drives a store and its model side by side (docs/spec/store.md).

Few names and small bounds, so that repetitions, conflicts and full mailboxes come often. What is
submitted and acknowledged is not waited for until something else is asked, so that a store which
commits later is met in between; `settle` then holds what listeners were told against the model.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, TypeVar

from hushpost_store import errors
from hushpost_store.conformance.stage import SETTLED_SECONDS_MAX, Recorder
from hushpost_store.interface import Store
from hushpost_store.quotas import Quotas
from hushpost_store.rows import (
    AccountRow,
    DeviceListRow,
    DeviceRow,
    DropKind,
    OneTimePrekey,
    QueuedEnvelope,
    Refusal,
    StandingRecord,
    Submission,
    TtlClass,
)
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.model.store_model import DAY, HOUR, Queued, StoreModel, Verdict

T = TypeVar("T")

QUOTAS = Quotas(
    mailbox_envelopes_max=5,
    mailbox_bytes_max=250,
    drop_envelopes_max=3,
    drop_bytes_max=180,
    knocks_per_day=2,
    knock_bytes_max=110,
    drops_max=4,
    prekeys_max=3,
    once_drop_days=2,
)
START_DAY = 20_000
START = START_DAY * DAY + 7 * HOUR + 1.5
# Three large ones are too many bytes for a drop, four small ones too many envelopes.
SIZES = (24, 64)
# Mostly one person and one mailbox, so that rules meet.
PEOPLE = st.sampled_from(["ann", "ann", "bob"])
ROUTES = st.sampled_from(["ann 0", "ann 0", "ann 0", "bob 0", "ann 1", "nobody 0"])
DROPS = st.sampled_from(["friend", "other", "paper", "door", "twin", "fifth"])
OPEN_DROPS = st.sampled_from(["friend", "friend", "paper", "door", "other"])
ENVELOPES = st.integers(0, 5)
ANY = st.integers(0, 1000)


def digest(name: str) -> bytes:
    """Give 32 bytes that stand for a name."""
    return hashlib.sha256(name.encode()).digest()


def route_of(name: str) -> bytes:
    """Give the route of a device, named 'person number'."""
    return digest("route " + name)[:16]


def drop_of(name: str) -> bytes:
    """Give a drop's hash; the twin begins with the same 16 bytes as the friend."""
    if name == "twin":
        return digest("friend")[:16] + digest("twin")[16:]
    return digest(name)


def device(person: str, number: int) -> DeviceRow:
    """Give a device of a person."""
    name = f"{person} {number}"
    return DeviceRow(digest("device " + name)[:16], digest("key " + name), route_of(name))


def head(person: str, version: int, variant: int) -> DeviceListRow:
    """Give a version of a person's device list."""
    name = f"{person} {version} {variant}"
    return DeviceListRow(version, digest("head " + name), b"list " + name.encode())


def body(number: int) -> bytes:
    """Give the bytes of an envelope."""
    return hashlib.shake_256(b"envelope %d" % number).digest(SIZES[number % 2])


class StoreMachine(RuleBasedStateMachine):
    """One store, its model, and what was told meanwhile."""

    def __init__(self, make: Callable[[], Store]) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.model = StoreModel(QUOTAS)
        self.now = START
        self.waiting: list[tuple[Recorder, Verdict, float]] = []
        # Route, epoch and whether it is the one that counts.
        self.epochs: list[tuple[str, int]] = []
        self.current: dict[str, int] = {}
        self.handed_out: set[bytes] = set()
        self.store = make()
        self.run(self.store.open())

    def teardown(self) -> None:
        """Close what is open."""
        try:
            self.run(self.store.close())
        finally:
            self.loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Let the event loop do one thing."""
        return self.loop.run_until_complete(work)

    # -- what was told

    def settle(self) -> None:
        """Wait until every listener knows its end, and hold it against the model's verdict."""
        waiting, self.waiting = self.waiting, []
        for recorder, verdict, now in waiting:
            if not recorder.settled.is_set():
                self.run(asyncio.wait_for(recorder.settled.wait(), SETTLED_SECONDS_MAX))
            self._judge(recorder, verdict, now)

    def _judge(self, recorder: Recorder, verdict: Verdict, now: float) -> None:
        if verdict.refusal is not None:
            assert recorder.told == ["refused"], (recorder, verdict)
            assert recorder.reason == verdict.refusal
            assert _hint_holds(verdict, recorder.retry_after, now)
            return
        assert recorder.told == ["admitted", "committed"], (recorder, verdict)
        assert recorder.place is not None
        assert recorder.place.duplicate is verdict.duplicate
        if verdict.queued is None:
            assert recorder.place.sequence == 0
            return
        self._place(verdict.queued, recorder)
        verdict.queued.durable = True

    def _place(self, queued: Queued, recorder: Recorder) -> None:
        assert recorder.place is not None
        assert recorder.place.sequence > 0
        if queued.sequence:
            assert recorder.place.sequence == queued.sequence
        queued.sequence = recorder.place.sequence

    def ask(self, work: Coroutine[Any, Any, object], error: str) -> None:
        """Await an operation that must raise the error of this name, or nothing if ''."""
        raised = ""
        try:
            self.settle()
            self.run(work)
        except errors.StoreMisuse as misuse:
            raised = type(misuse).__name__
        finally:
            work.close()
        assert raised == error

    # -- accounts

    @initialize()
    def begin(self) -> None:
        """Make Ann's account, three drops and a login."""
        self.create("ann", 1, 0)
        self.register("ann 0", "friend", DropKind.CONTACT)
        self.register("ann 0", "paper", DropKind.ONCE)
        self.register("ann 0", "door", DropKind.KNOCK)

    @rule(person=PEOPLE, devices=st.integers(1, 2), variant=st.integers(0, 1))
    def create(self, person: str, devices: int, variant: int) -> None:
        """Create an account; variant 1 takes a route of the other person."""
        rows = tuple(device(person, number) for number in range(devices))
        if variant:
            other = "bob" if person == "ann" else "ann"
            rows = (*rows[:-1], replace(rows[-1], route=route_of(f"{other} 0")))
        genesis = b"genesis " + person.encode()
        row = AccountRow(digest(person), genesis, START_DAY, head(person, 1, variant), rows)
        error = self.model.create(row)
        self.ask(self.store.create_account(row), error)

    @rule(
        person=PEOPLE, devices=st.sampled_from([(0,), (0, 1), (0, 1), (1,)]), stale=ANY, variant=ANY
    )
    def publish(self, person: str, devices: tuple[int, ...], stale: int, variant: int) -> None:
        """Swap a device list, one time in four on a stale head."""
        account = self.model.accounts.get(digest(person))
        version = account.row.device_list.version if account is not None else 1
        expected = account.row.device_list.head if account is not None and stale % 4 else digest("")
        rows = tuple(device(person, number) for number in devices)
        before = set(self.model.mailboxes)
        new = head(person, version + 1, variant % 2)
        error = self.model.publish_list(digest(person), expected, new, rows)
        work = self.store.publish_device_list(
            digest(person), expected_head=expected, device_list=new, devices=rows
        )
        self.ask(work, error)
        self._forget_epochs(before - set(self.model.mailboxes))
        self.load(person)

    @rule(person=PEOPLE, sure=st.integers(0, 3))
    def delete(self, person: str, sure: int) -> None:
        """Delete an account, more rarely than others have their turn."""
        self.settle()
        if sure:
            return
        before = set(self.model.mailboxes)
        existed = self.model.delete(digest(person))
        assert self.run(self.store.delete_account(digest(person))) is existed
        self._forget_epochs(before - set(self.model.mailboxes))

    @rule(person=PEOPLE)
    def load(self, person: str) -> None:
        """Read an account and its lists."""
        account = self.model.accounts.get(digest(person))
        loaded = self.run(self.store.load_account(digest(person)))
        assert loaded == (account.row if account is not None else None)
        lists = self.run(self.store.device_lists(digest(person), 1))
        known = account.lists if account is not None else []
        assert list(lists) == [row for row in known if row.version > 1]

    def _forget_epochs(self, routes: set[bytes]) -> None:
        self.current = {
            name: epoch for name, epoch in self.current.items() if route_of(name) not in routes
        }

    # -- prekeys

    @rule(person=PEOPLE, first=st.integers(0, 5), count=st.integers(0, 4), days=st.integers(-1, 6))
    def publish_prekeys(self, person: str, first: int, count: int, days: int) -> None:
        """Publish a batch that overlaps others, and standing records beside it."""
        self.settle()
        shelf = self.model.shelf(digest(person), device(person, 0).device_id)
        expiry = self.day + days
        prekeys = [
            OneTimePrekey(digest(f"{person} prekey {n}")[:16], expiry, b"prekey %d" % n)
            for n in range(first, first + count)
        ]
        standing = StandingRecord(expiry, b"standing %d" % first)
        kept = shelf is not None and self.model.publish_prekeys(shelf, prekeys, self.day)
        work = self.store.publish_prekeys(
            digest(person),
            device(person, 0).device_id,
            one_time=prekeys,
            signed=standing if first % 2 else None,
            seal=standing if first % 3 else None,
            day=self.day,
        )
        if shelf is None or not kept:
            self.ask(work, "DeviceUnknown" if shelf is None else "PrekeysFull")
            return
        shelf.signed = standing if first % 2 else shelf.signed
        shelf.seal = standing if first % 3 else shelf.seal
        assert self.run(work) == len(shelf.valid(self.day))

    @rule(person=PEOPLE, one_time=st.sampled_from([True, True, False]))
    def take_prekeys(self, person: str, one_time: bool = True) -> None:
        """Take a bundle of every device: a valid record that nobody was given before, or none."""
        self.settle()
        taken = self.run(self.store.take_prekeys(digest(person), self.day, one_time=one_time))
        account = self.model.accounts.get(digest(person))
        assert (taken is None) is (account is None)
        if taken is None or account is None:
            return
        assert (taken.genesis, taken.device_list) == (account.row.genesis, account.row.device_list)
        assert [b.device_id for b in taken.bundles] == [d.device_id for d in account.row.devices]
        for bundle in taken.bundles:
            shelf = account.shelves[bundle.device_id]
            valid = shelf.valid(self.day)
            if bundle.one_time is None:
                assert not valid or not one_time
            else:
                assert one_time
                by_record = {prekey.record: key for key, prekey in valid.items()}
                assert bundle.one_time in by_record
                key = by_record[bundle.one_time]
                shelf.taken[key] = shelf.one_time.pop(key).expiry_day
            assert bundle.left == len(shelf.valid(self.day))
            for given, known in ((bundle.signed, shelf.signed), (bundle.seal, shelf.seal)):
                usable = known is not None and known.expiry_day >= self.day
                assert given == (known.record if known is not None and usable else None)

    @rule(person=PEOPLE)
    def publish_again(self, person: str) -> None:
        """Publish a batch again after one of it was taken, as after a lost answer."""
        self.publish_prekeys(person, 0, 2, 2)
        self.take_prekeys(person)
        self.publish_prekeys(person, 0, 2, 2)
        self.take_prekeys(person)
        self.take_prekeys(person)

    @rule(person=PEOPLE)
    def count_prekeys(self, person: str) -> None:
        """Count what is left."""
        self.settle()
        shelf = self.model.shelf(digest(person), device(person, 0).device_id)
        work = self.store.count_prekeys(digest(person), device(person, 0).device_id, self.day)
        if shelf is None:
            self.ask(work, "DeviceUnknown")
        else:
            assert self.run(work) == len(shelf.valid(self.day))

    # -- drops

    @rule(route=ROUTES, drop=DROPS, kind=st.sampled_from(DropKind))
    def register(self, route: str, drop: str, kind: DropKind) -> None:
        """Register a drop, perhaps again, as another kind, or one too many."""
        error = self.model.register(route_of(route), drop_of(drop), kind, self.now)
        work = self.store.register_drop(route_of(route), drop_of(drop), kind, self.now)
        self.ask(work, error)

    @rule(route=ROUTES, drop=DROPS)
    def revoke(self, route: str, drop: str) -> None:
        """Revoke a drop."""
        mailbox = self.model.mailboxes.get(route_of(route))
        self.ask(
            self.store.revoke_drop(route_of(route), drop_of(drop)),
            "" if mailbox is not None else "MailboxUnknown",
        )
        if mailbox is not None:
            mailbox.drops.pop(drop_of(drop), None)

    @rule(drop=OPEN_DROPS, number=ENVELOPES)
    def post_to_revoked(self, drop: str, number: int) -> None:
        """Revoke a drop and post through it."""
        self.revoke("ann 0", drop)
        self.posts("ann 0", drop, number)

    # -- envelopes in

    @rule(
        route=ROUTES,
        drop=OPEN_DROPS,
        number=ENVELOPES,
        ttl=st.sampled_from([*TtlClass, 9]),
        wait=st.sampled_from([1, 24, 24, 25, 48, 0]),
    )
    def submit(self, route: str, drop: str, number: int, ttl: int, wait: int) -> None:
        """Submit an envelope of any class, also with an impossible lifetime."""
        whole = ttl != TtlClass.HOUR and wait != 25
        unit = 24 if whole and ttl else 1
        not_after = (int(self.now // HOUR) // unit) * unit + wait
        self.at_once(lambda: self.post(route, drop, number, ttl=ttl, not_after=not_after))

    @rule(route=ROUTES, drop=OPEN_DROPS, first=ENVELOPES, count=st.integers(2, 4))
    def submit_some(self, route: str, drop: str, first: int, count: int) -> None:
        """Submit some at once, as one read of a socket brings them."""
        self.posts(route, drop, *range(first, first + count))

    @rule()
    def knock_again(self) -> None:
        """Knock, empty the mailbox, and knock once too often for the day."""
        self.posts("ann 0", "door", 0, 2)
        self.drain(9)
        self.posts("ann 0", "door", 4)

    @rule(first=ENVELOPES)
    def use_paper(self, first: int) -> None:
        """Use a one-use drop, and try again with another envelope and with the same."""
        self.posts("ann 0", "paper", first, first + 2, first)

    def posts(self, route: str, drop: str, *numbers: int) -> None:
        """Submit some in one turn of the loop."""

        def work() -> None:
            for number in numbers:
                self.post(route, drop, number)

        self.at_once(work)

    def at_once(self, work: Callable[[], object]) -> None:
        """Do what must be called within the event loop, in one turn of it."""

        async def turn() -> None:
            work()

        self.run(turn())

    def post(
        self,
        route: str,
        drop: str,
        number: int,
        *,
        ttl: int = TtlClass.WEEK,
        not_after: int | None = None,
    ) -> None:
        """Submit one envelope to store and model, within a turn of the loop."""
        day = (self.day + 3) * 24
        envelope = body(number)
        submission = Submission(
            route_of(route),
            drop_of(drop),
            hashlib.sha256(envelope).digest()[:16],
            ttl,
            day if not_after is None else not_after,
            envelope,
        )
        recorder = Recorder()
        self.waiting.append((recorder, self.model.submit(submission, self.now), self.now))
        self.store.submit(submission, recorder, self.now)

    # -- envelopes out

    @rule(route=ROUTES)
    def login(self, route: str) -> None:
        """Begin an epoch: what waits and what expired is told."""
        self.settle()
        self._login(route)

    @rule(first=ENVELOPES)
    def login_amid_posts(self, first: int) -> None:
        """Begin an epoch while posts come: each is either in the backlog or live."""
        self.at_once(lambda: self.post("ann 0", "friend", first))
        if route_of("ann 0") not in self.model.mailboxes:
            return
        opening = self.loop.create_task(self.store.open_mailbox(route_of("ann 0"), self.now))
        self.loop.call_soon(self.post, "ann 0", "friend", first + 1)
        opened = self.run(asyncio.wait_for(opening, SETTLED_SECONDS_MAX))
        self.at_once(lambda: self.post("ann 0", "friend", first + 2))
        self.settle()
        mailbox = self.model.mailboxes[route_of("ann 0")]
        mailbox.close_notice()
        self._begin_epoch("ann 0", opened.epoch)
        fresh = self.waiting_in("ann 0")[-1:]
        self.read(len(self.epochs) - 1, 2)
        if fresh and fresh[0].submission.envelope == body(first + 2):
            old = [queued for queued in self.waiting_in("ann 0") if queued is not fresh[0]]
            assert all(queued.sequence < fresh[0].sequence for queued in old)

    def _login(self, route: str) -> None:
        mailbox = self.model.mailboxes.get(route_of(route))
        if mailbox is None:
            self.ask(self.store.open_mailbox(route_of(route), self.now), "MailboxUnknown")
            return
        opened = self.run(self.store.open_mailbox(route_of(route), self.now))
        assert opened.queued == len(mailbox.queue)
        assert all(queued.sequence <= opened.backlog_end for queued in mailbox.queue)
        told = [{drop.drop_ref: drop.envelopes for drop in n.drops} for n in opened.expired]
        assert told == mailbox.close_notice()
        self._begin_epoch(route, opened.epoch)

    def _begin_epoch(self, route: str, epoch: int) -> None:
        assert (route, epoch) not in self.epochs
        self.current[route] = epoch
        self.epochs.append((route, epoch))

    def waiting_in(self, route: str) -> list[Queued]:
        """Give what waits and may still be delivered."""
        mailbox = self.model.mailboxes.get(route_of(route))
        queue = mailbox.queue if mailbox is not None else []
        return [queued for queued in queue if not queued.ended(self.now)]

    def pages(self, route: str, epoch: int, limit: int) -> list[QueuedEnvelope]:
        """Read a backlog to its end, page by page."""
        rows: list[QueuedEnvelope] = []
        while True:
            page = self.run(
                self.store.read_backlog(
                    route_of(route),
                    epoch,
                    after_sequence=rows[-1].sequence if rows else 0,
                    limit=limit,
                    now=self.now,
                )
            )
            assert len(page) <= limit
            if not page:
                return rows
            rows += page

    @rule(which=ANY, limit=st.integers(1, 3))
    def read(self, which: int, limit: int) -> None:
        """Read a backlog through an epoch, stale or not."""
        if not self.epochs:
            return
        self.settle()
        route, epoch = self.epochs[which % len(self.epochs)]
        rows = self.pages(route, epoch, limit)
        if self.current.get(route) != epoch:
            assert not rows
            return
        assert [_content(row) for row in rows] == [
            _promised(queued.submission) for queued in self.waiting_in(route)
        ]
        sequences = [row.sequence for row in rows]
        assert sequences == [queued.sequence for queued in self.waiting_in(route)]
        assert sequences == sorted(set(sequences))

    @rule(which=ANY, first=ANY, count=st.integers(1, 3))
    def acknowledge(self, which: int, first: int, count: int) -> None:
        """Acknowledge some of what waits through an epoch, stale or not, and what does not wait."""
        if not self.epochs:
            return
        route, epoch = self.epochs[which % len(self.epochs)]
        mailbox = self.model.mailboxes.get(route_of(route))
        self._note_places()
        known = [q for q in mailbox.queue if q.sequence] if mailbox is not None else []
        chosen = known[first % (len(known) + 1) :][:count]
        sequences = [*(queued.sequence for queued in chosen), 4_000_000_000]
        self.at_once(lambda: self.store.acknowledge(route_of(route), epoch, sequences, self.now))
        if mailbox is not None and self.current.get(route) == epoch:
            for queued in chosen:
                mailbox.queue.remove(queued)
                self.acknowledged(queued)

    def _note_places(self) -> None:
        """Learn the places of what was admitted and is perhaps not committed yet."""
        for recorder, verdict, _ in self.waiting:
            if verdict.queued is not None and recorder.place is not None:
                self._place(verdict.queued, recorder)

    def acknowledged(self, queued: Queued) -> None:
        """Learn that an envelope left; a machine of a store that crashes remembers it."""

    @rule(count=st.integers(1, 3))
    def displace(self, count: int) -> None:
        """Log in twice, and acknowledge through the displaced login."""
        self.login("ann 0")
        self.login("ann 0")
        self.acknowledge(len(self.epochs) - 2, 0, count)
        self.drain(count)

    @rule(count=st.integers(1, 9))
    def drain(self, count: int) -> None:
        """Log in, read what waits and acknowledge that much of it."""
        self.login("ann 0")
        if "ann 0" in self.current:
            self.read(len(self.epochs) - 1, 2)
            self.acknowledge(len(self.epochs) - 1, 0, count)

    @rule(which=ANY)
    def logout(self, which: int) -> None:
        """End an epoch, stale or not."""
        if not self.epochs:
            return
        route, epoch = self.epochs[which % len(self.epochs)]
        self.at_once(lambda: self.store.close_mailbox(route_of(route), epoch))
        if self.current.get(route) == epoch:
            del self.current[route]

    # -- time

    @rule(hours=st.sampled_from([1, 5, 17, 24, 72]))
    def wait(self, hours: int) -> None:
        """Move the clock."""
        self.now += hours * HOUR

    @rule(which=ANY, offset=st.sampled_from([-1, 0, 0]))
    def wait_for_an_end(self, which: int, offset: int) -> None:
        """Move the clock to where a lifetime ends, or a second before, and sweep."""
        mailboxes = self.model.mailboxes.values()
        ends = [q.submission.not_after * HOUR for mailbox in mailboxes for q in mailbox.queue]
        ends += [d.ends * HOUR for m in mailboxes for d in m.drops.values() if d.ends is not None]
        later = [end + offset for end in ends if end + offset > self.now]
        if later:
            self.now = float(later[which % len(later)])
            self.drain(1)
            self.sweep()
            self.login("ann 0")
            self.login("ann 0")

    @rule(drop=OPEN_DROPS, number=ENVELOPES, count=st.integers(0, 2))
    def let_expire(self, drop: str, number: int, count: int) -> None:
        """Post, acknowledge some, and wait for the end: the owner is told until it says so."""
        self.posts("ann 0", drop, number, number + 1)
        self.drain(count)
        self.now = float((self.day + 3) * DAY - HOUR)
        self.sweep()
        self.wait(1)
        self.drain(0)
        self.sweep()
        self.login("ann 0")
        self.login("ann 0")

    @rule()
    def set_clock_back(self) -> None:
        """Set the clock back a little, within the day."""
        if self.now % DAY > HOUR:
            self.now -= HOUR

    @property
    def day(self) -> int:
        """Today."""
        return int(self.now // DAY)

    @rule()
    def sweep(self) -> None:
        """Have the store delete what expired."""
        self.settle()
        report = self.run(self.store.sweep(self.now))
        envelopes, drops, prekeys, routes = self.model.sweep(self.now)
        assert (report.envelopes, report.drops, report.prekeys) == (envelopes, drops, prekeys)
        assert set(report.routes) == routes
        assert len(report.routes) == len(routes)

    @rule(route=ROUTES)
    def notices(self, route: str) -> None:
        """Read the notices."""
        self.settle()
        told = self.run(self.store.expired_notices(route_of(route)))
        mailbox = self.model.mailboxes.get(route_of(route))
        expected = mailbox.close_notice() if mailbox is not None else []
        assert [{d.drop_ref: d.envelopes for d in notice.drops} for notice in told] == expected
        assert len({notice.notice_id for notice in told}) == len(told)

    @rule(route=ROUTES, which=ANY)
    def notice_seen(self, route: str, which: int) -> None:
        """Confirm a notice, twice."""
        self.settle()
        mailbox = self.model.mailboxes.get(route_of(route))
        told = self.run(self.store.expired_notices(route_of(route)))
        if mailbox is None or not mailbox.close_notice():
            self.run(self.store.expired_seen(route_of(route), which))
            return
        index = which % len(told)
        del mailbox.notices[index]
        self.run(self.store.expired_seen(route_of(route), told[index].notice_id))
        self.run(self.store.expired_seen(route_of(route), told[index].notice_id))
        self.notices(route)

    @rule()
    def stats(self) -> None:
        """Read the figures."""
        self.settle()
        stats = self.store.stats()
        assert stats.accounts == len(self.model.accounts)
        assert stats.queued_envelopes == sum(len(m.queue) for m in self.model.mailboxes.values())
        assert stats.pending_envelopes == 0


def _hint_holds(verdict: Verdict, hint: int, now: float) -> bool:
    if verdict.hint == "tomorrow":
        return int((now + hint) // DAY) == int(now // DAY) + 1 and (now + hint) % DAY < 2
    return hint == QUOTAS.full_retry_seconds if verdict.refusal == Refusal.FULL else hint == 0


def _content(row: QueuedEnvelope) -> tuple[bytes, bytes, int, bytes]:
    return row.envelope_id, row.drop_ref, row.not_after, row.envelope


def _promised(submission: Submission) -> tuple[bytes, bytes, int, bytes]:
    return (
        submission.envelope_id,
        submission.drop_hash[:16],
        submission.not_after,
        submission.envelope,
    )
