"""The checker finds each broken promise, planted, and none where all were kept."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TypeVar

import pytest
from hushpost_proof.harness.journal import Event, HistoryDamaged, What, digest
from hushpost_proof.history import Fault, check, summary
from hypothesis import given
from hypothesis import strategies as st

from tests.proof.story import Life, Story

Choice = TypeVar("Choice")
# Picks one of several places for a violation; Hypothesis or "the first" decides.
Place = tuple[Life, int]
Pick = Callable[[Sequence[Place]], Place]


def first(places: Sequence[Place]) -> Place:
    """Pick the first."""
    return places[0]


def places(story: Story, *kinds: What) -> list[Place]:
    """Find where events of some kinds stand."""
    return [
        (life, index)
        for life in story.lives
        for index, event in enumerate(life.events)
        if event.what in kinds
    ]


def remove(story: Story, kind: What, message_id: str) -> None:
    """Take every event of a kind about one message out of the story."""
    for life in story.lives:
        life.events = [
            event for event in life.events if (event.what, event.message_id) != (kind, message_id)
        ]


def pick_received(story: Story, pick: Pick) -> tuple[Life, int, Event]:
    """Pick an arrival."""
    life, index = pick(places(story, What.RECEIVED))
    return life, index, life.events[index]


# -- one planter for each fault ------------------------------------------------------------------


def plant_lost(story: Story, pick: Pick) -> None:
    """Forget what was accepted."""
    _, _, event = pick_received(story, pick)
    for kind in (What.RECEIVED, What.ACKNOWLEDGED, What.CONFIRMED):
        remove(story, kind, event.message_id)


def plant_unfinished(story: Story, pick: Pick) -> None:
    """Leave a message in its outbox."""
    life, index = pick(places(story, What.SENT))
    message_id = life.events[index].message_id
    for kind in (What.ACCEPTED, What.REFUSED, What.RECEIVED, What.ACKNOWLEDGED, What.CONFIRMED):
        remove(story, kind, message_id)


def plant_doubled(story: Story, pick: Pick) -> None:
    """Show a retry to the app again."""
    life, index, event = pick_received(story, pick)
    life.events.insert(index + 1, event)


def plant_doubled_in_next_life(story: Story, pick: Pick) -> None:
    """Show after a crash what the app was done with."""
    life, index = pick(places(story, What.ACKNOWLEDGED))
    event = life.events[index]
    received = next(
        e
        for one in story.lives
        for e in one.events
        if e.what is What.RECEIVED and e.message_id == event.message_id
    )
    if life.events[-1].what is What.ENDED:
        life.events.pop()
    story.lives.append(Life(life.client, 10_000, [received]))


def plant_reordered(story: Story, pick: Pick) -> None:
    """Let two messages of a stream change places."""
    arrivals = places(story, What.RECEIVED)
    neighbours = [
        (left, right)
        for left, right in pairwise(
            sorted(arrivals, key=lambda one: (one[0].client, event_at(one).peer, event_at(one).at))
        )
        if left[0].client == right[0].client
        and event_at(left).peer == event_at(right).peer
        and event_at(left).message_id != event_at(right).message_id
    ]
    chosen = pick([left for left, _ in neighbours])
    other = next(right for left, right in neighbours if left == chosen)
    one, two = event_at(chosen).message_id, event_at(other).message_id
    events = {event.message_id: event for event in map(event_at, arrivals)}
    for life, index in places(story, What.RECEIVED, What.ACKNOWLEDGED):
        event = life.events[index]
        if event.message_id in (one, two) and event.peer == event_at(chosen).peer:
            taken = events[two if event.message_id == one else one]
            life.events[index] = replace(
                taken, what=event.what, body=taken.body if event.body else "", at=2**60
            )


def event_at(place: Place) -> Event:
    """Return the event at a place."""
    return place[0].events[place[1]]


def plant_invented(story: Story, pick: Pick) -> None:
    """Show words that nobody wrote."""
    life, index, event = pick_received(story, pick)
    made_up = replace(event, message_id="made up", body=digest(b"made up"))
    life.events.insert(index, made_up)


def plant_altered(story: Story, pick: Pick) -> None:
    """Change bytes on the way."""
    _, _, event = pick_received(story, pick)
    for life, index in places(story, What.RECEIVED):
        if life.events[index] == event:
            life.events[index] = replace(event, body=digest(b"altered"))


def plant_mislabelled(story: Story, pick: Pick) -> None:
    """Let the id at the two ends differ."""
    life, index, event = pick_received(story, pick)
    life.events[index] = replace(event, message_id="another id")


def plant_misdirected(story: Story, pick: Pick) -> None:
    """Let a message reach somebody else as well."""
    _, _, event = pick_received(story, pick)
    other = next(
        one for one in story.lives if one.client not in (event.peer, recipient_of(story, event))
    )
    other.events.insert(0, event)


def recipient_of(story: Story, event: Event) -> str:
    """Return whom a message was for."""
    sent = (event_at(place) for place in places(story, What.SENDING))
    return next(one.peer for one in sent if one.body == event.body)


def plant_misattributed(story: Story, pick: Pick) -> None:
    """Show a message in another's name."""
    life, index, event = pick_received(story, pick)
    other = next(one for one in story.clients if one not in (event.peer, life.client))
    life.events[index] = replace(event, peer=other)


def plant_uncaused(story: Story, pick: Pick) -> None:
    """Let an arrival precede its sending."""
    life, index, event = pick_received(story, pick)
    life.events[index] = replace(event, at=0)


def plant_told(story: Story, pick: Pick, what: What) -> None:
    """Tell a sender about a message that never was."""
    life, index = pick(places(story, What.SENDING))
    life.events.insert(index + 1, Event(what, message_id="never sent", at=1))


def plant_accepted_unsent(story: Story, pick: Pick) -> None:
    """Accept what was never sent."""
    plant_told(story, pick, What.ACCEPTED)


def plant_refused_unsent(story: Story, pick: Pick) -> None:
    """Refuse what was never sent."""
    plant_told(story, pick, What.REFUSED)


def plant_confirmed_unsent(story: Story, pick: Pick) -> None:
    """Confirm what was never sent."""
    plant_told(story, pick, What.CONFIRMED)


def plant_accepted_to_another(story: Story, pick: Pick) -> None:
    """Tell a sender that another's message was accepted."""
    life, index = pick(places(story, What.ACCEPTED))
    event = life.events[index]
    other = next(one for one in story.lives if one.client != life.client)
    other.events.insert(0, event)


def plant_confirmed_unreceived(story: Story, pick: Pick) -> None:
    """Confirm a message that no app got."""
    life, index = pick(places(story, What.CONFIRMED))
    for kind in (What.RECEIVED, What.ACKNOWLEDGED):
        remove(story, kind, life.events[index].message_id)


def plant_contradicted(story: Story, pick: Pick) -> None:
    """Give both verdicts on one message."""
    life, index = pick(places(story, What.ACCEPTED))
    life.events.insert(index + 1, replace(life.events[index], what=What.REFUSED))


def plant_refused_received(story: Story, pick: Pick) -> None:
    """Refuse a message and deliver it all the same."""
    life, index = pick(places(story, What.ACCEPTED))
    life.events[index] = replace(life.events[index], what=What.REFUSED)


def plant_id_reused(story: Story, pick: Pick) -> None:
    """Give two messages one id."""
    life, index = pick(places(story, What.SENT)[1:])
    used = event_at(places(story, What.SENT)[0]).message_id
    life.events[index] = replace(life.events[index], message_id=used)


def plant_acknowledged_unreceived(story: Story, pick: Pick) -> None:
    """Be done with what never came."""
    life, index, event = pick_received(story, pick)
    life.events.insert(
        index + 1, replace(event, what=What.ACKNOWLEDGED, message_id="never came", body="")
    )


PLANTED: dict[str, tuple[Callable[[Story, Pick], None], Fault]] = {
    "lost": (plant_lost, Fault.LOST),
    "unfinished": (plant_unfinished, Fault.UNFINISHED),
    "doubled": (plant_doubled, Fault.DOUBLED),
    "doubled-in-next-life": (plant_doubled_in_next_life, Fault.DOUBLED),
    "reordered": (plant_reordered, Fault.REORDERED),
    "invented": (plant_invented, Fault.INVENTED),
    "altered": (plant_altered, Fault.ALTERED),
    "mislabelled": (plant_mislabelled, Fault.MISLABELLED),
    "misdirected": (plant_misdirected, Fault.MISDIRECTED),
    "misattributed": (plant_misattributed, Fault.MISATTRIBUTED),
    "uncaused": (plant_uncaused, Fault.UNCAUSED),
    "accepted-unsent": (plant_accepted_unsent, Fault.ACCEPTED_UNSENT),
    "refused-unsent": (plant_refused_unsent, Fault.REFUSED_UNSENT),
    "confirmed-unsent": (plant_confirmed_unsent, Fault.CONFIRMED_UNSENT),
    "accepted-to-another": (plant_accepted_to_another, Fault.ACCEPTED_UNSENT),
    "confirmed-unreceived": (plant_confirmed_unreceived, Fault.CONFIRMED_UNRECEIVED),
    "contradicted": (plant_contradicted, Fault.CONTRADICTED),
    "refused-received": (plant_refused_received, Fault.REFUSED_RECEIVED),
    "id-reused": (plant_id_reused, Fault.ID_REUSED),
    "acknowledged-unreceived": (plant_acknowledged_unreceived, Fault.ACKNOWLEDGED_UNRECEIVED),
}


# What is found instead, when the ends cannot agree on a message by its id.
NAMELESS = {Fault.INVENTED, Fault.ACCEPTED_UNSENT, Fault.CONFIRMED_UNSENT}


def plain_story() -> Story:
    """Tell of messages both ways, a refusal, deaths of the sender and of the recipient."""
    story = Story()
    for _ in range(3):
        story.send("anna", "berta")
        story.send("berta", "anna")
        story.send("clara", "berta")
    story.arrive("anna", "berta")
    story.arrive("anna", "berta")
    story.confirm()
    story.refuse("anna", "clara")
    story.kill("berta")
    story.attempt("anna", "berta")
    story.send("anna", "berta", learns_id=False)
    story.finish()
    return story


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """Tell a story in random steps; at least two messages of one stream arrive."""
    story = Story()
    orders = st.permutations(story.clients)
    story.send("anna", "berta")
    for _ in range(draw(st.integers(0, 25))):
        step = draw(st.integers(0, 7))
        one, two, _ = draw(orders)
        if step in (0, 1):
            story.send(one, two)
        elif step == 2:
            story.send(one, two, learns_id=False)
        elif step == 3:
            story.attempt(one, two)
        elif step == 4:
            story.refuse(one, two)
        elif step == 5:
            story.kill(one)
        elif step == 6:
            story.confirm()
        else:
            story.arrive(one, two)
    story.send("anna", "berta")
    story.finish()
    return story


def test_a_clean_history_passes() -> None:
    """Where every promise was kept the checker finds nothing, and says how much it looked at."""
    report = check(plain_story().histories())
    assert report.findings == ()
    # Nine messages, a refused one, and one whose sender died before it knew the id.
    assert report.counts.sent == 11
    assert (report.counts.accepted, report.counts.received, report.counts.confirmed) == (10, 10, 10)
    assert report.counts.repeated_in_hand == 1


def test_every_fault_is_planted() -> None:
    """No fault of the checker goes without a test that plants it."""
    assert {fault for _, fault in PLANTED.values()} == set(Fault)


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_violation_is_found(name: str) -> None:
    """Each way to break a promise is found, under its own name, with the message's id."""
    plant, fault = PLANTED[name]
    story = plain_story()
    plant(story, first)
    report = check(story.histories())
    assert report.count(fault) >= 1, summary(report.findings)
    found = next(finding for finding in report.findings if finding.fault is fault)
    assert found.message_id
    assert found.sender


@pytest.mark.parametrize(
    "name", ["lost", "doubled", "reordered", "refused-received", "unfinished", "accepted-unsent"]
)
def test_a_single_violation_is_found_once(name: str) -> None:
    """One broken promise gives one finding, so that the figures of a table can be believed."""
    plant, fault = PLANTED[name]
    story = plain_story()
    plant(story, first)
    assert [finding.fault for finding in check(story.histories()).findings] == [fault]


@given(stories())
def test_random_valid_histories_pass(story: Story) -> None:
    """Whatever is sent, refused, killed and repeated in hand: without a fault nothing is found."""
    assert check(story.histories()).findings == ()


@given(st.data(), stories(), st.sampled_from(sorted(PLANTED)))
def test_random_mutations_are_caught(data: st.DataObject, story: Story, name: str) -> None:
    """A violation planted at any place of any history is found.

    It has its own name, unless it befell a message whose sender died before it learned the id: what
    is told about that id is then about nothing that was sent.
    """
    plant, fault = PLANTED[name]
    plant(story, lambda found: data.draw(st.sampled_from(found)))
    found = {finding.fault for finding in check(story.histories()).findings}
    assert found & ({fault} | (NAMELESS if story.ids_unlearned else set())), found


def test_a_message_in_hand_may_come_again_once() -> None:
    """The message that the app held when it died comes first in its next life, and only there."""
    story = Story()
    story.send("anna", "berta")
    story.arrive("anna", "berta")
    story.kill("berta")
    story.finish()
    report = check(story.histories())
    assert report.findings == ()
    assert report.counts.repeated_in_hand == 1


def test_a_message_in_hand_stays_so_through_a_life_that_was_given_nothing() -> None:
    """Killed again before the repeat, an app gets it in the life after; once, and no more."""
    story = Story()
    story.send("anna", "berta")
    story.arrive("anna", "berta")
    story.kill("berta")
    story.finish()
    second = next(one for one in story.lives if (one.client, one.number) == ("berta", 2))
    second.number = 3
    story.lives.append(Life("berta", 2, []))
    report = check(story.histories())
    assert (report.findings, report.counts.repeated_in_hand) == ((), 1)
    repeat = next(event for event in second.events if event.what is What.RECEIVED)
    second.events.insert(1, repeat)
    assert check(story.histories()).count(Fault.DOUBLED) == 1


def test_a_message_in_hand_may_not_come_again_later() -> None:
    """A repeat behind another message is no repeat in hand: it is doubled."""
    story = Story()
    for _ in range(2):
        story.send("anna", "berta")
    story.arrive("anna", "berta")
    story.kill("berta")
    story.finish()
    life = next(one for one in story.lives if (one.client, one.number) == ("berta", 2))
    again = life.events.pop(0)
    life.events.insert(2, again)
    assert check(story.histories()).count(Fault.DOUBLED) == 1


def test_a_life_that_ended_in_order_has_nothing_in_hand() -> None:
    """After an orderly end a repeat is doubled, for then the library knew that the app was done."""
    story = Story()
    story.send("anna", "berta")
    story.finish()
    received = next(
        event for life in story.lives for event in life.events if event.what is What.RECEIVED
    )
    story.lives.append(Life("berta", 2, [received]))
    assert check(story.histories()).count(Fault.DOUBLED) == 1


@pytest.mark.parametrize(
    ("events", "says"),
    [
        ([Event(What.SENT, "berta", 1, "id")], "without setting out"),
        (
            [Event(What.SENDING, "berta", 1, body="b"), Event(What.SENDING, "berta", 1, body="c")],
            "counts back",
        ),
        (
            [Event(What.SENDING, "berta", 1, body="b"), Event(What.SENDING, "berta", 2, body="b")],
            "sent before",
        ),
        (
            [
                Event(What.SENDING, "berta", 1, body="b"),
                Event(What.SENT, "berta", 1, "id"),
                Event(What.SENT, "berta", 1, "id"),
            ],
            "twice",
        ),
    ],
)
def test_a_history_that_cannot_be_is_no_verdict(events: list[Event], says: str) -> None:
    """A fault of the test itself is an error, not a finding and not a pass."""
    story = Story()
    story.lives = [Life("anna", 1, events)]
    with pytest.raises(HistoryDamaged, match=says):
        check(story.histories())


def test_a_summary_counts_and_names() -> None:
    """A failing test shows how often each promise was broken, and the first message concerned."""
    story = plain_story()
    plant_lost(story, first)
    shown = summary(check(story.histories()).findings)
    assert shown.startswith("1 x lost: accepted, and it never reached the app (")
    assert "id " in shown
