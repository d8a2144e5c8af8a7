"""The store machine for a store in Redis: two relays, of which one may end, and a killed server.

What the model cannot know of several relays is said here, and nowhere else:

- A login is one relay's own: through the other one its epoch is as stale as an old one. So every
  relay has logins of its own, and a login ends the one that stands at the other relay.
- Order holds among what one relay sent. So the machine turns to the other one only when all that
  was sent has been answered, also what no listener waits for.
- One relay sweeps at a time; the other one reports nothing, and nothing of it is gone.
- Figures are those of a second ago: each relay tells its own before they are compared.
- `now` is the model's, years before the server's clock: a store decides by what it is told. Redis
  ends keys by its own clock, and no example lasts the two hours that this takes at least; so the
  machine takes the keys away itself, when they would be gone.
"""

# pyright: reportPrivateUsage=false
# What a relay tells the others once a second is told when the machine says so.

from __future__ import annotations

import asyncio
import itertools
import socket
from dataclasses import replace

from hushpost_demo.redis_servers import RedisServer
from hushpost_store.interface import Store
from hushpost_store.redis.keys import SWEEP_KEY, mailbox_keys
from hushpost_store.redis.options import Durability, RedisOptions
from hushpost_store.redis.store import RedisStore
from hushpost_store.rows import SweepReport
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from tests.model.account_work import KINDS, ends, work_on
from tests.model.store_machine import (
    ENVELOPES,
    OPEN_DROPS,
    PEOPLE,
    QUOTAS,
    StoreMachine,
    digest,
    drop_of,
    route_of,
)
from tests.model.store_model import HOUR

PAIRS = st.tuples(st.sampled_from(KINDS), st.sampled_from(KINDS))
# An operation takes up to a dozen answers; in the first half of them the two meet most often.
LAGS = st.integers(0, 6)
NAMES = ("ann 0", "ann 1", "bob 0", "bob 1")


class RedisMachine(StoreMachine):
    """`store` is the relay that is spoken to, `other` the one beside it."""

    def __init__(self, server: RedisServer, durability: Durability = Durability.SYNCED) -> None:
        self.server = server
        self.durability = durability
        self.nodes = itertools.count(1)
        # Logins at the other relay, by route.
        self.there: dict[str, int] = {}
        self.relays: list[RedisStore] = []
        self.sweeper: Store | None = None
        self.order(b"FLUSHALL")
        super().__init__(self.relay)
        self.other: Store = self.relay()
        self.run(self.other.open())

    def relay(self) -> RedisStore:
        """Give a relay under a name that no other one had."""
        name = f"relay {next(self.nodes)}"
        options = RedisOptions(self.server.url, self.durability, name)
        # Sixteen connections take longer to open than an example to run; two have their order, too.
        # A debugger, or a machine that sleeps between two steps, is no silent server.
        options = replace(options, connections_per_server=2, answer_seconds_max=600.0)
        self.relays.append(RedisStore(options, QUOTAS))
        return self.relays[-1]

    def order(self, command: bytes) -> None:
        """Have the server do something by no relay's hand."""
        with socket.create_connection((self.server.host, self.server.port)) as connection:
            connection.sendall(command + b"\r\n")
            assert connection.recv(64)[:1] in (b"+", b":")

    def teardown(self) -> None:
        """Close both."""
        try:
            self.run(self.other.close())
        finally:
            super().teardown()

    def rest(self) -> None:
        """Wait until all that was sent has been answered: a read comes after it."""
        self.settle()
        for name in NAMES:
            read = self.store.read_backlog(
                route_of(name), 0, after_sequence=0, limit=1, now=self.now
            )
            assert self.run(read) == []

    def _begin_epoch(self, route: str, epoch: int) -> None:
        super()._begin_epoch(route, epoch)
        self.there.pop(route, None)

    def _forget_epochs(self, routes: set[bytes]) -> None:
        self._turn()
        super()._forget_epochs(routes)
        self._turn()
        super()._forget_epochs(routes)

    def _turn(self) -> None:
        self.store, self.other = self.other, self.store
        self.current, self.there = self.there, self.current

    @rule()
    def go_elsewhere(self) -> None:
        """Speak to the other relay from now on."""
        self.rest()
        self._turn()

    @rule(first=ENVELOPES, count=st.integers(0, 3))
    def move(self, first: int, count: int) -> None:
        """Log in at the other relay, while the first one still reads and acknowledges."""
        self.login("ann 0")
        self.posts("ann 0", "friend", first, first + 1)
        self.settle()
        left = len(self.epochs) - 1
        self.go_elsewhere()
        self.read(left, 2)
        self.acknowledge(left, 0, count)
        self.drain(count)
        self.go_elsewhere()
        self.read(left, 2)
        self.acknowledge(left, 0, 3)

    @rule(drop=OPEN_DROPS)
    def fill(self, drop: str) -> None:
        """Post more than a drop may hold, and as much again through another one."""
        self.posts("ann 0", drop, 0, 2, 4, 6)
        self.posts("ann 0", "friend", 8, 10, 12, 14)

    @rule()
    def restart(self) -> None:
        """End the relay and start another one in its place: all is as it was, but its logins."""
        self.rest()
        self.replace_relay()
        self.look_at_all()

    @rule(sure=st.integers(0, 3))
    def kill_server(self, sure: int) -> None:
        """Kill the server, more rarely than others have their turn: what was answered is there."""
        self.rest()
        if sure:
            return
        generation = self.store.stats().generation
        self.server.kill()
        self.run(self.server.start())
        for _ in range(2):
            self.replace_relay()
            self._turn()
        assert self.store.stats().generation == generation
        self.look_at_all()

    def replace_relay(self) -> None:
        """Close a relay, and open one of another name."""
        self.run(self.store.close())
        if self.sweeper is self.store:
            self.order(b"DEL " + SWEEP_KEY)  # as after the three minutes that its turn lasts
            self.sweeper = None
        self.relays = [relay for relay in self.relays if relay is not self.store]
        self.current.clear()
        self.store = self.relay()
        self.run(self.store.open())

    def look_at_all(self) -> None:
        """Log in everywhere and read what is there."""
        for name in NAMES:
            if route_of(name) in self.model.mailboxes:
                self.login(name)
                self.read(len(self.epochs) - 1, 2)

    @rule(drop=OPEN_DROPS, then=st.sampled_from(["sweep", "login", "post"]))
    def let_redis_end(self, drop: str, then: str) -> None:
        """Have nobody sweep for hours: Redis takes the keys away, and the owner is told."""
        self.posts("ann 0", drop, 0, 1)
        self.rest()
        mailbox = self.model.mailboxes.get(route_of("ann 0"))
        if mailbox is None or not mailbox.queue:
            return
        last = max(queued.submission.not_after for queued in mailbox.queue)
        self.now = max(self.now, (last + 2.0) * HOUR)
        _, _, heads, order, bodies, _ = mailbox_keys(route_of("ann 0"))
        self.order(b" ".join((b"DEL", heads, order, bodies)))
        if then == "post" and drop_of("friend") not in mailbox.drops:
            then = "sweep"  # who posts through no drop has nobody look further
        if then != "sweep":
            # The next script of the mailbox finds it so; sweeping then finds nothing more there.
            for queued in mailbox.queue:
                counted = mailbox.gathering.get(queued.drop_ref, 0)
                mailbox.gathering[queued.drop_ref] = counted + 1
            mailbox.queue.clear()
        if then == "post":
            self.posts("ann 0", "friend", 2)
        if then == "login":
            self.login("ann 0")
        self.sweep()
        self.drain(1)

    @rule(person=PEOPLE, kinds=PAIRS, lag=LAGS)
    def change_at_both(self, person: str, kinds: tuple[str, str], lag: int) -> None:
        """Have both relays change one account at once, the other one so many answers later."""
        self.rest()
        one, two = (work_on(person, kind, n, self.model) for n, kind in enumerate(kinds))

        async def later() -> str:
            for _ in range(lag):
                await self.other.load_account(digest("nobody"))
            return await two.outcome(self.other)

        async def both() -> tuple[str, str]:
            here, there = await asyncio.gather(one.outcome(self.store), later())
            return here, there

        told = self.run(both())
        loaded = self.run(self.store.load_account(digest(person)))
        possible = [*ends(self.model, one, two)]
        fitting = [
            model
            for outcomes, model in possible
            if outcomes == told and model.row_of(digest(person)) == loaded
        ]
        assert fitting, (kinds, lag, told, loaded, possible)
        self.model = fitting[0]
        names = [name for name in NAMES if name.startswith(person)]
        self._forget_epochs({route_of(name) for name in names})
        self.load(person)
        for name in names:
            self.login(name)

    @rule()
    def sweep(self) -> None:
        """Sweep with the relay whose turn it is; the other one does nothing."""
        self.tell()
        self.sweeper = self.sweeper or self.store
        if self.sweeper is self.store:
            super().sweep()
            return
        assert self.run(self.store.sweep(self.now)) == SweepReport(0, 0, 0, ())
        self._turn()
        super().sweep()
        self._turn()

    @rule()
    def stats(self) -> None:
        """Read the figures when both relays have told theirs."""
        self.tell()
        super().stats()

    def tell(self) -> None:
        """Have both relays tell what they saw, and the one that is spoken to learn the sums."""
        self.rest()
        for relay in sorted(self.relays, key=lambda relay: relay is self.store):
            self.run(relay._tally.tell())


class CrossingMachine(RuleBasedStateMachine):
    """Only what both relays do at once to accounts, so that it meets often."""

    def __init__(self, server: RedisServer) -> None:
        super().__init__()
        self.relays = RedisMachine(server)
        self.relays.begin()

    def teardown(self) -> None:
        """Close both."""
        self.relays.teardown()

    @rule(kinds=PAIRS, lag=LAGS)
    def change(self, kinds: tuple[str, str], lag: int) -> None:
        """Change one account at once."""
        self.relays.change_at_both("ann", kinds, lag)
