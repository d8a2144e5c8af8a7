"""Two engines and a post room, joined by function calls: no sockets, no sleeps, a clock by hand."""

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Concatenate, ParamSpec, TypeVar

from hushpost.contacts import Contact
from hushpost.engine import (
    deadlines,
    errands,
    event_log,
    first_contact,
    inbox,
    knocks,
    message_book,
    message_states,
    outbox,
    own_drops,
    prekey_upkeep,
    relay_errands,
)
from hushpost.engine.contact_book import ContactRow, contact_row, devices_of, public_contact
from hushpost.engine.desk import Desk
from hushpost.engine.errands import INBOX_ERRANDS, ErrandKind
from hushpost.engine.ledger import Row, Table
from hushpost.engine.outbox import OutboxEntry
from hushpost.engine.own_account import OwnAccount, create_account, own_account, save_own
from hushpost.engine.peer_keys import KeysAnswer
from hushpost.engine.seen import Arrival
from hushpost.events import KeptEvent
from hushpost_crypto.address import Address, Invitation
from hushpost_crypto.device_list import issue_next
from hushpost_crypto.keys import DeviceKey, IdentityKey, device_entry
from hushpost_wire.control import (
    Answer,
    DeviceLists,
    Done,
    DropKind,
    Error,
    ErrorCode,
    InboxRequest,
    PrekeyBundle,
    PrekeyCount,
    Prekeys,
    PublishDeviceList,
    PublishPrekeys,
    RegisterDrop,
    RevokeDrop,
)
from hushpost_wire.frames import RefusalReason
from hushpost_wire.host import Host
from hushpost_wire.identifiers import (
    AccountId,
    DropReference,
    Route,
    drop_hash,
    drop_reference,
)
from hushpost_wire.records import DeviceList

P = ParamSpec("P")
R = TypeVar("R")

START = 1_780_000_000.0
DAY = 86400.0
HOST = Host("127.0.0.1:8440")


def _vault_order(row: Row) -> tuple[int, bytes]:
    # Rows of one position stand in no order that means anything, as in the vault.
    return row.position, hashlib.sha256(row.key).digest()


class MemoryLedger:
    """A ledger in dictionaries; `copy` is a transaction that may be dropped."""

    def __init__(self) -> None:
        self.tables: dict[Table, dict[bytes, tuple[int, bytes, bytes | None]]] = {
            table: {} for table in Table
        }

    def copy(self) -> "MemoryLedger":
        """Give a ledger that may be changed without changing this one."""
        other = MemoryLedger()
        other.tables = {table: dict(rows) for table, rows in self.tables.items()}
        return other

    def get(self, table: Table, key: bytes) -> bytes | None:
        """Give a value."""
        assert 1 <= len(key) <= 128
        row = self.tables[table].get(key)
        return None if row is None else row[1]

    def rows(
        self, table: Table, *, after: int | None = None, limit: int | None = None
    ) -> list[Row]:
        """Give rows by position."""
        found = [
            Row(key, value, position)
            for key, (position, value, _) in self.tables[table].items()
            if after is None or position > after
        ]
        return sorted(found, key=_vault_order)[:limit]

    def find(self, table: Table, lookup: bytes) -> list[Row]:
        """Give rows by lookup."""
        found = [
            Row(key, value, position)
            for key, (position, value, mark) in self.tables[table].items()
            if mark == lookup
        ]
        return sorted(found, key=_vault_order)

    def count(self, table: Table) -> int:
        """Count rows."""
        return len(self.tables[table])

    def put(
        self,
        table: Table,
        key: bytes,
        value: bytes,
        *,
        position: int | None = None,
        lookup: bytes | None = None,
    ) -> int:
        """Store a row."""
        assert 1 <= len(key) <= 128
        rows = self.tables[table]
        old = rows.get(key)
        if position is None:
            last = max((row[0] for row in rows.values()), default=-1)
            position = old[0] if old else last + 1
        if lookup is None and old is not None:
            lookup = old[2]
        rows[key] = (position, value, lookup)
        return position

    def delete(self, table: Table, key: bytes) -> bool:
        """Remove a row."""
        return self.tables[table].pop(key, None) is not None

    def delete_through(self, table: Table, position: int) -> int:
        """Remove rows up to a position."""
        gone = [key for key, row in self.tables[table].items() if row[0] <= position]
        for key in gone:
            del self.tables[table][key]
        return len(gone)


class Person:
    """One engine with its ledger. `step` is one committed transaction."""

    def __init__(self, name: str, seed: int, *, knocks_on: bool = True) -> None:
        self.name = name
        self.now = START
        self.login_number = 1
        self.ledger = MemoryLedger()
        self._random = random.Random(seed)
        self.states: list[tuple[str, str]] = []
        self.step(_set_up, name, knocks_on)

    def random(self, size: int) -> bytes:
        """Draw bytes."""
        return self._random.randbytes(size)

    def step(
        self, do: Callable[Concatenate[Desk, P], R], /, *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Do something and commit it; nothing is committed if it raises."""
        ledger = self.ledger.copy()
        desk = Desk(ledger, self.now, self.random)
        result = do(desk, *args, **kwargs)
        self.ledger = ledger
        self.states += [(change.inner_id.hex(), change.state.value) for change in desk.states]
        return result

    def look(
        self, do: Callable[Concatenate[Desk, P], R], /, *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Do something and drop it: what a crash before the commit leaves."""
        return do(Desk(self.ledger.copy(), self.now, self.random), *args, **kwargs)

    @property
    def own(self) -> OwnAccount:
        """The account."""
        return self.look(own_account)

    @property
    def address(self) -> Address:
        """The address."""
        return Address(self.own.host, self.own.account_id)

    def contact(self, other: "Person") -> ContactRow:
        """Give the row of a contact."""
        return self.look(contact_row, other.own.account_id)

    def public(self, other: "Person") -> Contact:
        """Give what the app sees of a contact."""
        return public_contact(self.contact(other))

    def outbox(self) -> list[OutboxEntry]:
        """Give what is on its way."""
        return self.look(outbox.whole_outbox)

    def events(self) -> list[KeptEvent]:
        """Consume and give all kept events."""
        got: list[KeptEvent] = []
        while (found := self.look(event_log.next_event)) is not None:
            key, token, event = found
            self.step(event_log.consume, key, token)
            got.append(event)
        return got

    def send(self, other: "Person", text: str) -> message_book.MessageRow:
        """Send a text."""
        return self.step(first_contact.send, other.own.account_id, text)

    def state(self, message: message_book.MessageRow) -> str:
        """Give the state of a message."""
        row = self.look(message_book.find_message, message.inner_id)
        assert row is not None
        return row.state.value


def _set_up(desk: Desk, name: str, knocks_on: bool) -> None:
    own, words = create_account(desk, host=HOST, knocks=knocks_on, name=name)
    assert len(words) == 24
    prekey_upkeep.upkeep(desk)
    prekey_upkeep.refill(desk, 0)
    own_drops.register_knock_drop(desk)
    save_own(desk, own_account(desk))
    assert own.account_id


@dataclass
class Published:
    """What the post room keeps of an account."""

    genesis: bytes
    lists: list[bytes]
    device: bytes
    route: Route
    signed: bytes = b""
    seal: bytes = b""
    one_time: list[bytes] = field(default_factory=list[bytes])


@dataclass(frozen=True)
class Queued:
    """An envelope in a mailbox."""

    drop_ref: DropReference
    entry: OutboxEntry


class PostRoom:
    """A relay without wire, limits or disk."""

    def __init__(self, *people: Person) -> None:
        self.people = people
        self.accounts: dict[AccountId, Published] = {}
        self.drops: dict[Route, dict[bytes, DropKind]] = {}
        self.used: dict[bytes, bytes] = {}
        self.mailboxes: dict[Route, list[Queued]] = {}
        self.accepted: list[OutboxEntry] = []
        for person in people:
            self.add(person)

    def add(self, person: Person) -> None:
        """Register an account."""
        own = person.own
        self.accounts[own.account_id] = Published(
            own.genesis_bytes, [own.list_bytes], own.device_id, own.route
        )
        self.drops[own.route] = {}
        self.mailboxes[own.route] = []
        self.run_errands(person)

    def run_errands(self, person: Person) -> None:
        """Do everything that is due at the relay."""
        for _ in range(20):
            due = [e for e in person.look(errands.pending) if e.not_before <= person.now]
            if not due:
                return
            for errand in due:
                self._run(person, errand)

    def _run(self, person: Person, errand: errands.Errand) -> None:
        if errand.kind in INBOX_ERRANDS:
            asking = person.look(relay_errands.request_for, errand)
            answer = self.answer(person, asking.message(1))
            person.step(relay_errands.inbox_answered, asking, answer)
            return
        account_id = AccountId(errand.subject)
        known = person.look(contact_row, account_id)
        pages = self.lists(account_id, known.view.version)
        if pages is None:
            person.step(relay_errands.fetch_refused, errand, Error(id=1, code=ErrorCode.NO_ACCOUNT))
        elif errand.kind is ErrandKind.FETCH_LISTS:
            answer_lists = relay_errands.list_answer([pages])
            person.step(relay_errands.lists_fetched, errand, answer_lists)
        else:
            keys = relay_errands.keys_answer(self.prekeys(account_id), pages.lists)
            person.step(relay_errands.keys_fetched, errand, keys)

    def answer(self, person: Person, request: InboxRequest) -> Answer:
        """Answer an inbox request."""
        own = person.own
        account = self.accounts[own.account_id]
        match request:
            case RegisterDrop():
                self.drops[own.route][request.drop_hash] = request.kind
            case RevokeDrop():
                self.drops[own.route].pop(request.drop_hash, None)
            case PublishPrekeys():
                account.one_time += request.one_time
                account.signed = request.signed or account.signed
                account.seal = request.seal or account.seal
                return PrekeyCount(id=request.id, left=len(account.one_time))
            case PublishDeviceList():
                account.lists.append(request.device_list)
            case _:
                raise AssertionError(request)
        return Done(id=request.id)

    def prekeys(self, account_id: AccountId) -> Prekeys:
        """Give out a bundle."""
        account = self.accounts[account_id]
        one_time = account.one_time.pop(0) if account.one_time else None
        bundle = PrekeyBundle.model_construct(
            device=account.device, signed=account.signed, seal=account.seal, one_time=one_time
        )
        return Prekeys.model_construct(
            id=1, genesis=account.genesis, device_list=account.lists[-1], bundles=(bundle,)
        )

    def keys(self, person: Person) -> KeysAnswer:
        """Give a person's keys as add_contact gets them."""
        return relay_errands.keys_answer(self.prekeys(person.own.account_id))

    def lists(self, account_id: AccountId, after: int) -> DeviceLists | None:
        """Give a chain."""
        account = self.accounts.get(account_id)
        if account is None:
            return None
        lists = tuple(d for d in account.lists if DeviceList.from_bytes(d).version > after)
        latest = DeviceList.from_bytes(account.lists[-1]).version
        return DeviceLists.model_construct(
            id=1, genesis=account.genesis, latest=latest, lists=lists
        )

    def post(self, person: Person, entry: OutboxEntry) -> RefusalReason | None:
        """Take or refuse an envelope, and work the answer in; gives a refusal's reason."""
        digest = drop_hash(entry.route, entry.secret)
        kind = self.drops.get(entry.route, {}).get(digest)
        spent = self.used.get(digest, entry.envelope_id) != entry.envelope_id
        if kind is None or spent:
            reason = RefusalReason.NO_DROP
            outcome = person.step(outbox.refused, entry, reason, 0)
            if outcome is outbox.Outcome.GONE:
                person.step(settle_refused, entry)
            return reason
        if kind is DropKind.ONCE:
            self.used[digest] = entry.envelope_id
        box = self.mailboxes[entry.route]
        if all(item.entry.envelope_id != entry.envelope_id for item in box):
            box.append(Queued(drop_reference(digest), entry))
        self.accepted.append(entry)
        person.step(settle_accepted, entry)
        return None

    def post_all(self, person: Person) -> None:
        """Post what may be posted, in order for each device."""
        blocked: set[bytes] = set()
        for entry in person.outbox():
            waits = entry.waits_for is not None or entry.not_before > person.now
            if waits or entry.device_key in blocked or self.post(person, entry) is not None:
                blocked.add(entry.device_key)

    def take(self, person: Person) -> list[Arrival]:
        """Give and forget what waits for a person."""
        route = person.own.route
        box, self.mailboxes[route] = self.mailboxes[route], []
        return [self.arrival(person, item) for item in box]

    def arrival(self, person: Person, item: Queued) -> Arrival:
        """Give a queued envelope as it is delivered."""
        entry = item.entry
        return Arrival(
            item.drop_ref,
            entry.envelope_id,
            entry.not_after,
            entry.envelope,
            person.login_number,
        )

    def deliver_all(self, person: Person) -> None:
        """Deliver what waits."""
        for arrival in self.take(person):
            person.step(inbox.receive, arrival)

    def settle(self) -> None:
        """Run errands, post and deliver until nothing moves."""
        for _ in range(30):
            before = [sum(map(len, p.ledger.tables.values())) for p in self.people]
            count = len(self.accepted)
            for person in self.people:
                self.run_errands(person)
                self.post_all(person)
            for person in self.people:
                self.deliver_all(person)
            after = [sum(map(len, p.ledger.tables.values())) for p in self.people]
            idle = not any(self.mailboxes.values()) and len(self.accepted) == count
            if idle and before == after:
                return
        raise AssertionError("the people never come to rest")

    def pass_time(self, seconds: float) -> None:
        """Move every clock, do what is due, and settle."""
        for person in self.people:
            person.now += seconds
            person.step(deadlines.handle_deadline)
        self.settle()

    def befriend(self, one: Person, other: Person, text: str = "hi") -> message_book.MessageRow:
        """Bring two people through first contact; gives the first message."""
        add(self, one, other)
        message = one.send(other, text)
        self.settle()
        other.step(knocks.accept, one.own.account_id)
        self.settle()
        return message


def add(
    room: PostRoom, one: Person, other: Person, target: Address | Invitation | None = None
) -> ContactRow:
    """Have one person add another as a contact."""
    where = target or other.address
    return one.step(first_contact.add, where, room.keys(other), trusted=frozenset({HOST}))


def move_to_another_device(person: Person) -> None:
    """Give a person another device under the same account, with a list that only it knows."""

    def change(desk: Desk) -> None:
        own = own_account(desk)
        device_key, identity_key = DeviceKey(desk.random(32)), IdentityKey(desk.random(32))
        entry = device_entry(device_key, identity_key)
        newest = issue_next(own.account_key, own.genesis, own.device_list, (entry,), today=desk.day)
        moved = replace(
            own,
            device_seed=device_key.seed,
            identity_seed=identity_key.seed,
            list_bytes=newest.to_bytes(),
            heads=(*own.heads, (newest.version, newest.head())),
        )
        save_own(desk, moved)

    person.step(change)
    person.ledger.tables[Table.SESSIONS].clear()


def settle_accepted(desk: Desk, entry: OutboxEntry) -> None:
    """Work in that a relay took an envelope."""
    outbox.remove(desk, entry)
    message_states.entry_accepted(desk, entry)


def settle_refused(desk: Desk, entry: OutboxEntry) -> None:
    """Work in that an envelope was refused for good."""
    message_states.entry_refused(desk, entry)
    if entry.kind == 4:
        first_contact.request_refused(desk, entry)


def only_device(person: Person, other: Person) -> bytes:
    """Give the key of a contact's only device."""
    (device,) = person.look(devices_of, other.own.account_id)
    return device.key
