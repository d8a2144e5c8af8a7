"""Device lists of contacts, as a lying relay serves them (docs/spec/content.md, 8)."""

import dataclasses

import pytest
from hushpost.contacts import ContactStage
from hushpost.content import Header, InnerId, ListView
from hushpost.engine import errands, peer_lists
from hushpost.engine.contact_book import contact_row, device_row, save_contact, save_device
from hushpost.engine.desk import Desk
from hushpost.engine.errands import ErrandKind
from hushpost.engine.peer_lists import KeysRejected, ListAnswer
from hushpost.events import AlarmKind, SafetyAlarm
from hushpost_crypto.device_list import issue_next
from hushpost_wire.identifiers import ListHead
from hushpost_wire.records import DeviceList

from tests.client_lib.engine.people import DAY, Person, PostRoom, only_device

OTHER = ListHead(b"\x01" * 32)


@dataclasses.dataclass
class Watched:
    """Alice watches Bob's lists."""

    alice: Person
    bob: Person
    key: bytes

    def kinds(self) -> list[AlarmKind]:
        """Give the kinds of new alarms."""
        return [e.kind for e in self.alice.events() if isinstance(e, SafetyAlarm)]

    def next_list(self, *, days: int = 0) -> DeviceList:
        """Have Bob's account key sign a next list."""
        own = self.bob.own
        current = own.device_list
        today = current.issue_day + days
        return issue_next(own.account_key, own.genesis, current, current.entries, today=today)

    def answer(self, *lists: DeviceList) -> None:
        """Have the relay serve lists."""
        answer = ListAnswer(self.bob.own.genesis_bytes, tuple(x.to_bytes() for x in lists))
        self.alice.step(peer_lists.take_lists, self.bob.own.account_id, answer)

    def compare(
        self, stream: int, *, own: ListView | None = None, peer: ListView | None = None
    ) -> bool:
        """Have a message of Bob's name these views; says whether it goes on."""
        header = Header(
            InnerId(bytes(16)), stream, 0, 0, own or self.bob.own.view, peer or self.alice.own.view
        )

        def step(desk: Desk) -> bool:
            device = peer_lists.compare_views(desk, device_row(desk, self.key), header)
            if device is not None:
                save_device(desk, device)
            return device is not None

        return self.alice.step(step)


@pytest.fixture
def watched() -> Watched:
    """Give two contacts."""
    alice, bob = Person("alice", 1), Person("bob", 2)
    PostRoom(alice, bob).befriend(alice, bob)
    alice.events()
    return Watched(alice, bob, only_device(alice, bob))


def test_what_is_known_goes_on_without_a_word(watched: Watched) -> None:
    """Equal views make no alarm and no errand."""
    assert watched.compare(5)
    assert watched.kinds() == []
    assert watched.alice.look(errands.pending) == []


def test_a_newer_list_is_fetched_and_remembered(watched: Watched) -> None:
    """A message that names a newer list is read, and the chain is asked for and followed."""
    newer = watched.next_list()
    assert watched.compare(5, own=ListView(2, newer.head()))
    (errand,) = watched.alice.look(errands.pending)
    assert errand.kind is ErrandKind.FETCH_LISTS
    watched.answer(newer)
    assert watched.kinds() == []
    assert watched.alice.contact(watched.bob).view == ListView(2, newer.head())


def test_a_relay_that_does_not_show_it_withholds(watched: Watched) -> None:
    """An empty answer, although the contact named a newer list, is an alarm."""
    watched.compare(5, own=ListView(2, watched.next_list().head()))
    watched.answer()
    assert watched.kinds() == [AlarmKind.WITHHELD_LIST]
    assert watched.alice.contact(watched.bob).stage is ContactStage.OPEN


def test_a_relay_that_shows_another_one_forks(watched: Watched) -> None:
    """The fetched list is signed, but not the one the contact named: stop."""
    watched.compare(5, own=ListView(2, watched.next_list(days=1).head()))
    watched.answer(watched.next_list())
    assert watched.kinds() == [AlarmKind.FORKED_LIST]
    assert watched.alice.contact(watched.bob).stage is ContactStage.STOPPED


def test_a_list_of_the_known_version_with_another_head_forks(watched: Watched) -> None:
    """Named in a message or served by the relay, two faces of one version stop everything."""
    assert not watched.compare(5, own=ListView(1, OTHER))
    assert watched.kinds() == [AlarmKind.FORKED_LIST]


def test_forged_old_and_skipped_lists_change_nothing(watched: Watched) -> None:
    """A bad signature is forged; a lower or a skipped version is withheld; the known one stays."""
    second = watched.next_list()
    watched.answer(dataclasses.replace(second, issue_day=second.issue_day + 1))
    watched.answer(second)
    own = watched.bob.own
    third = issue_next(own.account_key, own.genesis, second, second.entries, today=second.issue_day)
    fourth = issue_next(own.account_key, own.genesis, third, third.entries, today=third.issue_day)
    kinds = watched.kinds()
    watched.answer(own.device_list)
    kinds += watched.kinds()
    watched.answer(fourth)
    kinds += watched.kinds()
    assert kinds == [AlarmKind.FORGED_LIST, AlarmKind.WITHHELD_LIST, AlarmKind.WITHHELD_LIST]
    assert watched.alice.contact(watched.bob).view.version == 2
    watched.answer(third, fourth)
    assert watched.alice.contact(watched.bob).view.version == 4


def test_another_list_of_ours_stops_the_conversation(watched: Watched) -> None:
    """A contact who was shown a list we never made, or a newer one, must not be written to."""
    assert not watched.compare(5, peer=ListView(1, OTHER))
    assert watched.kinds() == [AlarmKind.OWN_LIST_FORKED]
    assert watched.alice.contact(watched.bob).stage is ContactStage.STOPPED
    assert not watched.compare(6, peer=ListView(2, OTHER))


def test_a_device_never_goes_back_to_an_older_list(watched: Watched) -> None:
    """Later in the stream and lower in version is a roll-back; earlier in it is only late."""
    newer = watched.next_list()
    watched.compare(5, own=ListView(2, newer.head()))
    watched.answer(newer)
    first = watched.bob.own.view
    assert watched.compare(4, own=first)
    assert watched.kinds() == []
    assert watched.compare(6, own=first)
    assert watched.kinds() == [AlarmKind.ROLLED_BACK_LIST]


def test_a_stale_list_is_warned_about_once(watched: Watched) -> None:
    """Thirty-one days without a new list may hide one; the warning comes once for each list."""
    watched.alice.now += 31 * DAY
    account = watched.bob.own.account_id
    for _ in range(2):
        watched.alice.step(peer_lists.warn_if_stale, account)
    assert watched.kinds() == [AlarmKind.STALE_LIST]


def test_an_alarm_about_a_blocked_contact_leaves_it_blocked(watched: Watched) -> None:
    """Stopping is for who is not blocked already."""
    account = watched.bob.own.account_id

    def block(desk: Desk) -> None:
        row = contact_row(desk, account)
        save_contact(desk, dataclasses.replace(row, stage=ContactStage.BLOCKED))
        peer_lists.raise_alarm(desk, row, AlarmKind.FORKED_LIST)

    watched.alice.step(block)
    assert watched.alice.contact(watched.bob).stage is ContactStage.BLOCKED


def test_another_accounts_genesis_is_forged(watched: Watched) -> None:
    """A relay that serves somebody else's records is found out by the account id."""
    answer = ListAnswer(watched.alice.own.genesis_bytes, (watched.bob.own.list_bytes,))
    with pytest.raises(KeysRejected, match="never signed") as caught:
        peer_lists.read_answer(answer, watched.bob.own.account_id, known=None, today=99_999)
    assert caught.value.kind is AlarmKind.FORGED_LIST
