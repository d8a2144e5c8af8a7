"""A Hypothesis machine that drives a whole relay and a model of its contract side by side.

docs/spec/delivery.md. The relay is the real one from its listener down to its store, on an event
loop that stands still unless told; its clients are the pure machines of the wire. What must be
delivered and refused is what the dictionaries of `store_model` say, with connections beside them.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import random
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from hushpost_proof.harness.device import NOW, TestDevice
from hushpost_server import feed, reception
from hushpost_server.clock import ManualClock
from hushpost_server.configuration import Configuration
from hushpost_server.reception import DEADLINE_SLOTS
from hushpost_server.relay import RelayServer
from hushpost_store.quotas import Quotas
from hushpost_store.rows import DropKind, Submission
from hushpost_wire import control
from hushpost_wire.client_protocol import ClientEvent
from hushpost_wire.frames import (
    NO_TAG,
    Accepted,
    Deliver,
    DeliverFlags,
    RefusalReason,
    Refused,
)
from hushpost_wire.identifiers import DropSecret, drop_hash
from hushpost_wire.prekey_records import PrekeyKind
from hushpost_wire.ttl import LIFETIME_HOURS, TtlClass
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.model.relay_client import Link
from tests.model.slow_store import SlowStore
from tests.model.still_loop import StillLoop, call
from tests.model.store_model import DAY, HOUR, Mailbox, Queued, StoreModel, Verdict

BUCKET = 4096
WINDOW = 4
# Small, so that pages and overflows are met with few envelopes.
PAGE_MAX = 3
EARLY_MAX = 2
QUOTAS = Quotas(
    mailbox_envelopes_max=12,
    mailbox_bytes_max=12 * BUCKET,
    drop_envelopes_max=9,
    drop_bytes_max=9 * BUCKET,
    knocks_per_day=2,
    knock_bytes_max=8 * BUCKET,
    drops_max=4,
    prekeys_max=4,
    once_drop_days=3,
)
CONFIGURATION = Configuration.model_validate(
    {
        "store": "memory",
        "metrics": False,
        "public_host": "relay.example",
        "deliveries_in_flight_max": WINDOW,
        "write_buffer_bytes_max": 32 * 1024,
        "sweep_interval_seconds": 3600,
        "prefix_connections_max": 0,
        "connection_submits_per_second": 0,
        "connection_controls_per_second": 0,
        "prefix_submits_per_second": 0,
        "prefix_connects_per_second": 0,
        "prefix_accounts_per_hour": 0,
        "prefix_logins_per_second": 0,
        "prefix_takes_per_minute": 0,
        "account_takes_per_hour": 0,
    }
)
# What a refusal takes: the tick that ends its period, the next one, and one more in between.
TICKS_SECONDS = 0.11
# Longer than a relay waits for its clients to go.
STOP_SECONDS = 60.0
# Each look is at one slot of connections.
DEADLINE_LOOKS = DEADLINE_SLOTS + 1
ENVELOPES = tuple(hashlib.shake_256(b"envelope %d" % number).digest(BUCKET) for number in range(14))
KINDS = {
    DropKind.CONTACT: control.DropKind.CONTACT,
    DropKind.ONCE: control.DropKind.ONCE,
    DropKind.KNOCK: control.DropKind.KNOCK,
}
PEOPLE = {name: TestDevice("") for name in ("ann", "bob")}
PREKEYS_EACH = 4
PREKEYS = (
    tuple(PEOPLE["ann"].prekey() for _ in range(PREKEYS_EACH)),
    PEOPLE["ann"].prekey(PrekeyKind.SIGNED),
    PEOPLE["ann"].seal("relay.example"),
)
CODES = {
    "": None,
    "DropConflict": control.ErrorCode.DROP_CONFLICT,
    "DropsFull": control.ErrorCode.TOO_MANY_DROPS,
}
MOSTLY_ANN = st.sampled_from(["ann", "ann", "ann", "bob"])
DROPS = st.sampled_from(["friend", "friend", "friend", "paper", "door", "other"])
NUMBERS = st.integers(0, len(ENVELOPES) - 1)
TURNS = st.integers(0, 12)
ANY = st.integers(0, 1000)


def secret_of(name: str) -> bytes:
    """Give the secret of a drop."""
    return hashlib.sha256(name.encode()).digest()


@dataclass(eq=False)
class Inbox:
    """A login, and what was delivered through it; `before` waited when it began."""

    link: Link
    name: str
    before: set[Queued]
    last_order: int = 0
    unacknowledged: dict[int, Queued] = field(default_factory=dict[int, Queued])
    notices: dict[int, dict[bytes, int]] = field(default_factory=dict[int, dict[bytes, int]])
    # Envelopes never queued that may still come, and whether they must.
    ephemeral: dict[bytes, bool] = field(default_factory=dict[bytes, bool])


@dataclass(eq=False)
class Asked:
    """A submission without a verdict: what it must be, and when it was made."""

    verdict: Verdict
    reason: RefusalReason | None
    loop_time: float
    now: float


class RelayMachine(RuleBasedStateMachine):
    """One relay, two people and two anonymous connections."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = StillLoop()
        self.small = contextlib.ExitStack()
        self.small.enter_context(patch.object(feed, "PAGE_ENVELOPES", PAGE_MAX))
        self.small.enter_context(patch.object(feed, "EARLY_MAX", EARLY_MAX))
        # Costs more than all else here, and what is in freed memory is looked at elsewhere.
        self.small.enter_context(patch.object(reception, "overwrite_pools", tuple))
        self.clock = ManualClock(NOW)
        self.store = SlowStore(QUOTAS)
        self.model = StoreModel(QUOTAS)
        self.inboxes: dict[str, Inbox] = {}
        self.displaced: list[Link] = []
        self.posts: list[Link] = []
        self.asked: dict[tuple[Link, int], Asked] = {}
        # Control requests, and the error each must be answered with.
        self.requests: dict[tuple[Link, int], control.ErrorCode | None] = {}
        self.handed_out: set[bytes] = set()
        self.start()

    # -- the relay

    def start(self) -> None:
        """Start a relay on the store that is there."""
        randomness = random.Random(7).randbytes
        self.relay = RelayServer(
            CONFIGURATION, clock=self.clock, store=self.store, random=randomness
        )
        self.run(self.relay.start())
        self.posts = [self.dial(control.Role.POST) for _ in range(2)]

    def run(self, work: Coroutine[Any, Any, object]) -> None:
        """Run one thing to its end."""
        task = self.loop.create_task(work)
        self.loop.settle()
        if not task.done():
            self.loop.advance(STOP_SECONDS)
        task.result()

    def teardown(self) -> None:
        """Leave no task behind."""
        self._kill()
        self.loop.close()
        self.small.close()

    def _kill(self) -> None:
        for link in self.links():
            link.pipe.cut = True
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.settle()

    def links(self) -> list[Link]:
        """Give every connection."""
        return [*self.posts, *self.displaced, *(inbox.link for inbox in self.inboxes.values())]

    def dial(self, role: control.Role) -> Link:
        """Connect, and take the relay's greeting."""
        pipe = call(self.loop)
        assert pipe is not None
        link = Link(self.loop, pipe, role)
        self.wait_for(link, control.Hello)
        return link

    def wait_for(self, link: Link, kind: type[object]) -> None:
        """Carry messages on one connection until one of this kind is there."""
        for _ in range(6):
            self.loop.settle()
            link.pump()
            if any(isinstance(event, kind) for event in link.events):
                return
        raise AssertionError((kind, link.events, link.close_code))

    @property
    def now(self) -> float:
        """What the relay's clock says."""
        return self.clock.now()

    # -- what was said

    def settle(self) -> None:
        """Let everything happen that needs no time, then a tick, and judge what was said."""
        self.exchange()
        self.loop.advance(TICKS_SECONDS)
        self.exchange()
        for asked in self.asked.values():
            assert asked.reason is None, ("a refusal that never came", asked)
            queued = asked.verdict.queued
            assert queued is not None, ("no verdict", asked)
            assert not queued.durable, ("durable and not called accepted", asked)
        assert not self.requests, "a request was not answered"
        for inbox in self.inboxes.values():
            self._nothing_missed(inbox)
        assert not [link for link in self.displaced if link.open], "displaced and not closed"
        self.displaced.clear()
        assert not self.loop.faults, self.loop.faults

    def exchange(self) -> None:
        """Carry messages until nobody has any, and judge them."""
        for _ in range(40):
            self.loop.settle()
            heard = [link.pump() for link in self.links()]
            if not any(heard):
                break
        if not self.store.held:
            self._all_durable()
        for post in self.posts:
            for event in post.take():
                self._judge(post, event)
        for inbox in self.inboxes.values():
            for event in inbox.link.take():
                self._receive(inbox, event)
        self._end_closed()

    def _all_durable(self) -> None:
        for mailbox in self.model.mailboxes.values():
            for queued in mailbox.queue:
                queued.durable = True

    def _end_closed(self) -> None:
        for name, inbox in list(self.inboxes.items()):
            if not inbox.link.open:
                self._forget(inbox.link)
                del self.inboxes[name]
        for index, post in enumerate(self.posts):
            if not post.open:
                self._forget(post)
                self.posts[index] = self.dial(control.Role.POST)

    def _forget(self, link: Link) -> None:
        self.asked = {key: asked for key, asked in self.asked.items() if key[0] is not link}
        self.requests = {key: code for key, code in self.requests.items() if key[0] is not link}

    def _judge(self, post: Link, event: ClientEvent) -> None:
        if isinstance(event, Accepted):
            for request in event.requests:
                asked = self.asked.pop((post, request))
                assert asked.reason is None, ("accepted", asked)
                queued = asked.verdict.queued
                assert queued is None or queued.durable, "accepted before it was durable"
        elif isinstance(event, Refused):
            self._refused(self.asked.pop((post, event.request)), event)
        elif isinstance(event, control.Prekeys):
            self._taken(post, event)
        else:
            assert isinstance(event, control.Hello), event

    def _refused(self, asked: Asked, refused: Refused) -> None:
        assert refused.reason == asked.reason, (refused, asked)
        if refused.reason == RefusalReason.NO_DROP:
            assert self.loop.time() > asked.loop_time, "the time tells why there is no drop"
            assert refused.retry_after == 0
        if refused.reason == RefusalReason.FULL:
            day = (asked.now + refused.retry_after) // DAY
            tomorrow = asked.verdict.hint == "tomorrow"
            assert day == asked.now // DAY + 1 if tomorrow else refused.retry_after > 0

    def _taken(self, post: Link, prekeys: control.Prekeys) -> None:
        del self.requests[post, prekeys.id]
        for bundle in prekeys.bundles:
            assert bundle.one_time is None or bundle.one_time not in self.handed_out
            assert bundle.one_time is not None or len(self.handed_out) == PREKEYS_EACH
            self.handed_out |= {bundle.one_time} if bundle.one_time is not None else set()

    def _receive(self, inbox: Inbox, event: ClientEvent) -> None:
        match event:
            case Deliver() if event.tag == NO_TAG:
                del inbox.ephemeral[event.envelope]
            case Deliver():
                self._delivered(inbox, event)
            case control.Expired():
                assert event.notice not in inbox.notices
                inbox.notices[event.notice] = {drop.drop_ref: drop.count for drop in event.drops}
            case control.Error():
                assert event.id is not None
                assert event.code == self.requests.pop((inbox.link, event.id))
            case control.Done() | control.PrekeyCount():
                assert self.requests.pop((inbox.link, event.id)) is None
            case _:
                pass

    def _delivered(self, inbox: Inbox, deliver: Deliver) -> None:
        expected = self._undelivered(inbox)
        assert expected, "delivered what is not there, or twice"
        queued = expected[0]
        assert deliver.envelope == queued.submission.envelope, "out of order"
        assert deliver.envelope_id == queued.submission.envelope_id
        assert deliver.drop_ref == queued.drop_ref
        assert deliver.not_after == queued.submission.not_after
        assert queued not in inbox.before or deliver.flags & DeliverFlags.BACKLOG
        inbox.last_order = queued.order
        inbox.unacknowledged[deliver.tag] = queued

    def _undelivered(self, inbox: Inbox) -> list[Queued]:
        queue = self.mailbox(inbox.name).queue
        return [q for q in queue if q.order > inbox.last_order and not q.ended(self.now)]

    def _nothing_missed(self, inbox: Inbox) -> None:
        if not inbox.link.reading:
            return
        room = WINDOW - len(inbox.unacknowledged)
        assert room * 4 < WINDOW or not self._undelivered(inbox), "not delivered"
        assert not any(inbox.ephemeral.values()), "not delivered to who is there"
        inbox.ephemeral.clear()
        for notice in self.mailbox(inbox.name).notices:
            assert notice in inbox.notices.values(), "an expiry was not told"

    def mailbox(self, name: str) -> Mailbox:
        """Give the model of a person's mailbox."""
        return self.model.mailboxes[PEOPLE[name].route]

    # -- people

    @initialize()
    def begin(self) -> None:
        """Make both accounts; Ann registers three drops and publishes prekeys."""
        for name, person in PEOPLE.items():
            link = self.dial(control.Role.INBOX)
            link.ask(person.creation(link.as_wire()))
            link.say()
            self.wait_for(link, control.AccountCreated)
            self.model.mailboxes[person.route] = Mailbox()
            self._log_in(name, link)
        self.settle()
        self.register("ann", "friend", DropKind.CONTACT)
        self.register("ann", "paper", DropKind.ONCE)
        self.register("ann", "door", DropKind.KNOCK)
        self.register("bob", "friend", DropKind.CONTACT)
        self.publish_prekeys()

    def _log_in(self, name: str, link: Link) -> None:
        """Send a login; who is logged in is displaced."""
        old = self.inboxes.pop(name, None)
        if old is not None:
            old.link.reading = True
            self._forget(old.link)
            self.displaced.append(old.link)
        link.ask(PEOPLE[name].login(link.as_wire()))
        link.say()
        mailbox = self.mailbox(name)
        mailbox.close_notice()
        self.inboxes[name] = Inbox(link, name, set(mailbox.queue))

    @rule(name=MOSTLY_ANN)
    def login(self, name: str) -> None:
        """Log in, displacing an older login."""
        self._log_in(name, self.dial(control.Role.INBOX))
        self.settle()

    @rule(name=MOSTLY_ANN)
    def hang_up(self, name: str) -> None:
        """Lose a connection."""
        inbox = self.inboxes.pop(name, None)
        if inbox is not None:
            self._forget(inbox.link)
            inbox.link.cut()
        self.settle()

    @rule(first=NUMBERS)
    def login_amid_all(self, first: int) -> None:
        """Log in while a page with something, and then the last one, is read slowly."""
        for before, posts in ((1, 15), (1, 18), (0, 16), (0, 19)):
            self.login_amid_posts(first, before, posts, 0, 6)

    @rule(first=NUMBERS, before=st.integers(0, 2), posts=ANY, gap=st.integers(0, 2), slow=TURNS)
    def login_amid_posts(self, first: int, before: int, posts: int, gap: int, slow: int) -> None:
        """Log in while posts arrive, whichever is first, and the store takes its time."""
        self.drain("ann")
        for number in range(first, first + before):
            self.post(0, "ann", "friend", number)
        self.settle()
        link = self.dial(control.Role.INBOX)
        self.store.turns = slow
        self._log_in("ann", link)
        # A login asks the store three times.
        posts %= 3 * slow + 4
        for number in range(first + before, first + 6):
            self.post(0, "ann", "friend", number, say=posts + gap * (number - first - before))
        self.settle()
        self.store.turns = 1

    @rule(name=MOSTLY_ANN, count=st.integers(1, 4))
    def acknowledge_late(self, name: str, count: int) -> None:
        """Acknowledge through a login that was displaced and does not know it yet."""
        old = self.inboxes.get(name)
        link = self.dial(control.Role.INBOX)
        self._log_in(name, link)
        self.wait_for(link, control.Welcome)
        if old is not None and old.link.open:
            for tag in list(old.unacknowledged)[:count]:
                old.link.machine.acknowledge(tag)
            old.link.say()
        self.settle()

    @rule(name=MOSTLY_ANN, first=st.integers(0, 3), count=st.integers(1, 4))
    def acknowledge(self, name: str, first: int, count: int) -> None:
        """Acknowledge some of what was delivered, in any order."""
        inbox = self.inboxes.get(name)
        if inbox is None:
            return
        for tag in list(inbox.unacknowledged)[first:][:count]:
            queued = inbox.unacknowledged.pop(tag)
            inbox.link.machine.acknowledge(tag)
            if queued in self.mailbox(name).queue:
                self.mailbox(name).queue.remove(queued)
                queued.durable = True
        inbox.link.say()
        self.settle()

    @rule(name=MOSTLY_ANN)
    def drain(self, name: str) -> None:
        """Acknowledge everything until nothing waits."""
        inbox = self.inboxes.get(name)
        while inbox is not None and inbox.unacknowledged and inbox is self.inboxes.get(name):
            self.acknowledge(name, 0, WINDOW)

    @rule(name=MOSTLY_ANN, reading=st.booleans())
    def read(self, name: str, reading: bool) -> None:
        """Stop reading, or read again."""
        inbox = self.inboxes.get(name)
        if inbox is not None:
            inbox.link.reading = reading
        self.settle()

    def all_read(self) -> None:
        """Have everyone read what was pushed: it may come although it fails or expires now."""
        for inbox in self.inboxes.values():
            inbox.link.reading = True
        self.settle()

    def _request(self, name: str, request: control.Request, code: control.ErrorCode | None) -> None:
        link = self.inboxes[name].link
        self.requests[link, request.id] = code
        link.ask(request)
        link.say()
        self.settle()

    def _listens(self, name: str) -> bool:
        return name in self.inboxes and self.inboxes[name].link.reading

    @rule(name=MOSTLY_ANN, drop=DROPS, kind=st.sampled_from(DropKind))
    def register(self, name: str, drop: str, kind: DropKind) -> None:
        """Register a drop."""
        if not self._listens(name):
            return
        hashed = drop_hash(PEOPLE[name].route, DropSecret(secret_of(drop)))
        error = self.model.register(PEOPLE[name].route, hashed, kind, self.now)
        request = control.RegisterDrop(
            id=self.inboxes[name].link.id(), drop_hash=hashed, kind=KINDS[kind]
        )
        self._request(name, request, CODES[error])

    @rule(name=MOSTLY_ANN, drop=DROPS, number=NUMBERS)
    def revoke(self, name: str, drop: str, number: int) -> None:
        """Revoke a drop, and post through it."""
        if not self._listens(name):
            return
        hashed = drop_hash(PEOPLE[name].route, DropSecret(secret_of(drop)))
        self.mailbox(name).drops.pop(hashed, None)
        request = control.RevokeDrop(id=self.inboxes[name].link.id(), drop_hash=hashed)
        self._request(name, request, None)
        self.post(0, name, drop, number)
        self.settle()

    @rule()
    def publish_prekeys(self) -> None:
        """Publish all that Ann has, again and again."""
        if not self._listens("ann") or self.now >= NOW + DAY:
            return
        one_time, signed, seal = PREKEYS
        request = control.PublishPrekeys(
            id=self.inboxes["ann"].link.id(), one_time=one_time, signed=signed, seal=seal
        )
        self._request("ann", request, None)

    @rule()
    def take_prekeys(self) -> None:
        """Take a bundle of Ann's: no record comes twice."""
        if self.now >= NOW + DAY:
            return
        post = self.posts[0]
        request = control.TakePrekeys(id=post.id(), account=PEOPLE["ann"].account_id)
        self.requests[post, request.id] = None
        post.ask(request)
        post.say()
        self.settle()

    # -- envelopes

    @rule(
        which=st.integers(0, 1),
        name=MOSTLY_ANN,
        drop=DROPS,
        number=NUMBERS,
        ttl=st.sampled_from([*TtlClass, TtlClass.EPHEMERAL, 9]),
        late=st.sampled_from([0, 0, 0, 1, -30, 3]),
        damaged=st.booleans(),
    )
    def submit(
        self, which: int, name: str, drop: str, number: int, ttl: int, late: int, damaged: bool
    ) -> None:
        """Submit an envelope of any class, also with an impossible lifetime or a wrong id."""
        self.post(which, name, drop, number, ttl=ttl, late=late, damaged=damaged and late == 1)
        self.settle()

    @rule(which=st.integers(0, 1), drop=DROPS, first=NUMBERS, count=st.integers(2, 9))
    def submit_some(self, which: int, drop: str, first: int, count: int) -> None:
        """Submit some at once."""
        self.posts_at_once(which, drop, first, count)

    @rule(number=NUMBERS, again=st.integers(0, 1))
    def repeat(self, number: int, again: int) -> None:
        """Submit the same envelope twice, as after a lost verdict."""
        self.post(0, "ann", "friend", number)
        self.post(again, "ann", "friend", number)
        self.settle()

    @rule(name=MOSTLY_ANN, number=NUMBERS)
    def type_to(self, name: str, number: int) -> None:
        """Send what is never queued to who has nothing else to do, and then log in again."""
        self.drain(name)
        self.post(0, name, "friend", number, ttl=TtlClass.EPHEMERAL)
        self.settle()
        self.login(name)

    @rule(number=NUMBERS, which=st.integers(1, 3))
    def acknowledge_one(self, number: int, which: int) -> None:
        """Acknowledge one that is not the first, and log in again: the others come again."""
        self.posts_at_once(0, "friend", number, 3)
        self.acknowledge("ann", which, 1)
        self.login("ann")

    def posts_at_once(self, which: int, drop: str, first: int, count: int) -> None:
        """Submit some in one turn."""
        for number in range(first, first + count):
            self.post(which, "ann", drop, number)
        self.settle()

    def post(
        self,
        which: int,
        name: str,
        drop: str,
        number: int,
        *,
        ttl: int = TtlClass.WEEK,
        late: int = 0,
        damaged: bool = False,
        say: int = 0,
    ) -> None:
        """Submit an envelope on an anonymous connection, to relay and model."""
        post = self.posts[which]
        envelope = ENVELOPES[number % len(ENVELOPES)]
        hour, reason = lifetime(ttl, late, self.now)
        submission = Submission(
            PEOPLE[name].route,
            drop_hash(PEOPLE[name].route, DropSecret(secret_of(drop))),
            hashlib.sha256(envelope + b"x" * damaged).digest()[:16],
            ttl,
            hour,
            envelope,
        )
        if reason is None and damaged:
            reason = RefusalReason.BAD_ENVELOPE
        verdict = self.model.submit(submission, self.now) if reason is None else Verdict()
        if verdict.refusal is not None:
            reason = RefusalReason(int(verdict.refusal))
        if reason is None and ttl == TtlClass.EPHEMERAL and name in self.inboxes:
            inbox = self.inboxes[name]
            idle = not self._undelivered(inbox) and not inbox.unacknowledged
            inbox.ephemeral[envelope] = idle and inbox.link.reading
        request = post.submit(
            route=submission.route,
            secret=secret_of(drop),
            envelope=envelope,
            identifier=submission.envelope_id,
            ttl=ttl,
            not_after=hour,
        )
        self.asked[post, request] = Asked(verdict, reason, self.loop.time(), self.now)
        post.say(say)

    # -- commits, crashes and time

    @rule()
    def hold(self) -> None:
        """Let commits take their time."""
        self.store.held = True

    @rule()
    def commit(self) -> None:
        """Commit what was held."""
        self.store.held = False
        self.loop.call_soon(self.store.commit)
        self.settle()

    @rule(which=st.integers(0, 1), drop=DROPS, first=NUMBERS, count=st.integers(1, 3))
    def fail(self, which: int, drop: str, first: int, count: int) -> None:
        """Fail to commit: RETRY, and nothing is kept."""
        self.all_read()
        self.store.held = True
        self.posts_at_once(which, drop, first, count)
        for queued in self._undurable():
            self.model.undo(queued)
        for key, asked in self.asked.items():
            self.asked[key] = Asked(asked.verdict, RefusalReason.RETRY, asked.loop_time, asked.now)
        self.store.held = False
        self.loop.call_soon(self.store.fail)
        self.settle()

    def _undurable(self) -> list[Queued]:
        queues = [mailbox.queue for mailbox in self.model.mailboxes.values()]
        return [queued for queue in queues for queued in queue if not queued.durable]

    @rule()
    def crash(self) -> None:
        """Kill the relay: what it accepted is there afterwards, nobody is."""
        self._kill()
        self.store.crash()
        for queued in self._undurable():
            self.model.undo(queued)
        self._begin_again()

    @rule()
    def restart(self) -> None:
        """Stop the relay and start it again."""
        self.run(self.relay.stop())
        self._all_durable()
        self._begin_again()

    def _begin_again(self) -> None:
        for link in self.links():
            link.pipe.cut = True
        self.store.held = False
        self.inboxes.clear()
        self.displaced.clear()
        self.asked.clear()
        self.requests.clear()
        self.start()
        self.login("ann")

    @rule(hours=st.sampled_from([1, 1, 5, 24, 72]))
    def wait(self, hours: int) -> None:
        """Set the relay's clock on, and let it look at its deadlines."""
        self.all_read()
        self.clock.advance(hours * HOUR)
        for _ in range(DEADLINE_LOOKS):
            self.loop.advance(0.5)
            self.exchange()
        for post in self.posts:
            # Their time is over; one that waits for a commit would still answer RETRY to more.
            self._forget(post)
            post.cut()
        self.settle()

    @rule(hours=st.sampled_from([0, 1, 24 * 8]))
    def sweep(self, hours: int) -> None:
        """Sweep, perhaps after so long that a lifetime ended: owners are told."""
        self.wait(hours)
        *_, routes = self.model.sweep(self.now)
        for inbox in self.inboxes.values():
            if PEOPLE[inbox.name].route in routes:
                self.mailbox(inbox.name).close_notice()
        self.run(self.relay.sweep())
        self.settle()

    @rule(number=NUMBERS)
    def let_expire(self, number: int) -> None:
        """Let two envelopes expire: the owner is told at each login until it says so."""
        self.posts_at_once(0, "friend", number, 2)
        self.sweep(24 * 8)
        self.login("ann")
        self.login("ann")

    @rule(name=MOSTLY_ANN, which=ANY)
    def notice_seen(self, name: str, which: int) -> None:
        """Confirm a notice."""
        inbox = self.inboxes.get(name)
        notices = self.mailbox(name).notices
        if inbox is None or not notices or not inbox.link.reading:
            return
        notice = notices.pop(which % len(notices))
        number = next(n for n, told in inbox.notices.items() if told == notice)
        inbox.notices[number] = {}
        inbox.link.ask(control.ExpiredSeen(notice=number))
        inbox.link.say()
        self.settle()


def lifetime(ttl: int, late: int, now: float) -> tuple[int, RefusalReason | None]:
    """Give a `not_after` so many units off what a sender computes, and whether it is refused."""
    if ttl not in set(TtlClass):
        return int(now // HOUR) + 24, RefusalReason.BAD_TTL
    hours = LIFETIME_HOURS[TtlClass(ttl)]
    unit = 24 if hours >= 24 else 1
    hour = -(-int(now // HOUR + hours + (now % HOUR > 0)) // unit) * unit
    latest = -(-int(now // HOUR + 1 + hours) // unit) * unit + unit
    chosen = hour + late * unit
    return chosen, None if int(now // HOUR) < chosen <= latest else RefusalReason.BAD_TTL
