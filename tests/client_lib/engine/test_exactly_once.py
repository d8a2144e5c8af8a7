"""Whatever crashes, is lost or comes twice: each text reaches the app once and in order."""

from dataclasses import dataclass, field, replace

from hushpost.engine import first_contact, inbox, knocks
from hushpost.engine.seen import Arrival
from hushpost.events import MessageReceived
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.client_lib.engine.people import Person, PostRoom, add


@dataclass
class Conversation:
    """Two contacts and a relay that hypothesis drives step by step."""

    alice: Person
    bob: Person
    room: PostRoom
    written: list[str] = field(default_factory=list[str])
    shown: list[str] = field(default_factory=list[str])
    unacknowledged: list[Arrival] = field(default_factory=list[Arrival])

    def write(self) -> None:
        """Alice writes; the step commits."""
        text = f"text {len(self.written)}"
        self.alice.send(self.bob, text)
        self.written.append(text)

    def write_and_crash(self) -> None:
        """Alice's process dies before the commit: nobody was told that it is durable."""
        self.alice.look(first_contact.send, self.bob.own.account_id, "never written")

    def post(self) -> None:
        """Everything in the outbox reaches the relay and the answers come back."""
        self.room.post_all(self.alice)

    def post_and_crash(self) -> None:
        """Lose the answers of a relay that has the envelopes: they will be posted again."""
        before = self.alice.ledger.copy()
        self.room.post_all(self.alice)
        self.alice.ledger = before

    def deliver(self) -> None:
        """Bob receives, commits, acknowledges."""
        for arrival in self.room.take(self.bob):
            self.bob.step(inbox.receive, arrival)

    def deliver_and_lose_the_acknowledgements(self) -> None:
        """Bob commits and his connection ends: the relay delivers all of it again."""
        arrivals = self.room.take(self.bob)
        for arrival in arrivals:
            self.bob.step(inbox.receive, arrival)
        self.unacknowledged += arrivals

    def deliver_and_crash(self) -> None:
        """Bob's process dies before the commit: nothing is acknowledged."""
        arrivals = self.room.take(self.bob)
        for arrival in arrivals:
            self.bob.look(inbox.receive, arrival)
        self.unacknowledged += arrivals

    def log_in_again(self) -> None:
        """Have the relay deliver what was not acknowledged, in order, before anything new."""
        self.bob.login_number += 1
        arrivals, self.unacknowledged = self.unacknowledged, []
        for arrival in arrivals:
            again = replace(arrival, login_number=self.bob.login_number)
            self.bob.step(inbox.receive, again)

    def read(self) -> None:
        """Bob's app consumes its events."""
        events = self.bob.events()
        self.shown += [event.text for event in events if isinstance(event, MessageReceived)]


ACTIONS = [
    Conversation.write,
    Conversation.write_and_crash,
    Conversation.post,
    Conversation.post_and_crash,
    Conversation.deliver,
    Conversation.deliver_and_lose_the_acknowledgements,
    Conversation.deliver_and_crash,
    Conversation.log_in_again,
    Conversation.read,
]


def _conversation() -> Conversation:
    alice, bob = Person("alice", 1), Person("bob", 2)
    room = PostRoom(alice, bob)
    room.befriend(alice, bob, "text 0")
    return Conversation(alice, bob, room, ["text 0"])


@settings(max_examples=25)
@given(actions=st.lists(st.sampled_from(ACTIONS), max_size=40))
def test_each_text_is_shown_once_and_in_order(actions: list[object]) -> None:
    """For any sequence of crashes, losses and repeats the app sees exactly what was written."""
    talk = _conversation()
    for action in actions:
        assert callable(action)
        action(talk)
        if talk.unacknowledged and action in (Conversation.deliver, Conversation.post):
            talk.log_in_again()
    talk.post()
    talk.log_in_again()
    talk.deliver()
    talk.room.pass_time(70)
    talk.read()
    assert talk.shown == talk.written


def test_no_crash_in_first_contact_breaks_it() -> None:
    """Each step of first contact may be lost before its commit, and is done again."""
    alice, bob = Person("alice", 1), Person("bob", 2)
    room = PostRoom(alice, bob)
    add(room, alice, bob)
    alice.look(first_contact.send, bob.own.account_id, "hi")
    alice.send(bob, "hi")
    room.run_errands(alice)
    before = alice.ledger.copy()
    room.post_all(alice)
    alice.ledger = before
    room.post_all(alice)
    for arrival in room.take(bob):
        bob.look(inbox.receive, arrival)
        bob.step(inbox.receive, arrival)
        bob.step(inbox.receive, arrival)
    bob.look(knocks.accept, alice.own.account_id)
    bob.step(knocks.accept, alice.own.account_id)
    room.run_errands(bob)
    before = bob.ledger.copy()
    room.post_all(bob)
    bob.ledger = before
    for arrival in room.take(alice):
        alice.look(inbox.receive, arrival)
        alice.step(inbox.receive, arrival)
    room.settle()
    assert alice.contact(bob).stage == bob.contact(alice).stage == "open"
    shown = [event.text for event in bob.events() if isinstance(event, MessageReceived)]
    assert shown == ["hi"]
