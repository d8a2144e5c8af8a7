"""Errands in the relay's words, and what its answers mean (docs/spec/wire.md, 6)."""

import pytest
from hushpost.engine import errands, relay_errands
from hushpost.engine.desk import Desk
from hushpost.engine.errands import Errand, ErrandKind
from hushpost.engine.own_account import own_account
from hushpost.events import AlarmKind, SafetyAlarm
from hushpost_wire.control import (
    Answer,
    DeviceLists,
    Done,
    Error,
    ErrorCode,
    PrekeyCount,
    PublishDeviceList,
    PublishPrekeys,
    RegisterDrop,
    RevokeDrop,
)

from tests.client_lib.engine.people import Person, PostRoom, add

REGISTER = Errand(ErrandKind.REGISTER_DROP, bytes(32), "once")


def _person() -> Person:
    alice = Person("alice", 1)
    PostRoom(alice)
    return alice


def _ask(person: Person, errand: Errand, answer: Answer) -> list[Errand]:
    """Queue, ask and answer; gives what is still to be done."""
    person.step(errands.queue, errand)
    asking = person.look(relay_errands.request_for, errand)
    person.step(relay_errands.inbox_answered, asking, answer)
    return person.look(errands.pending)


def test_each_inbox_errand_is_one_request() -> None:
    """The request carries what the errand is about."""
    alice = _person()
    kinds = {
        ErrandKind.REGISTER_DROP: RegisterDrop,
        ErrandKind.REVOKE_DROP: RevokeDrop,
        ErrandKind.PUBLISH_PREKEYS: PublishPrekeys,
        ErrandKind.PUBLISH_LIST: PublishDeviceList,
    }
    for kind, request in kinds.items():
        errand = Errand(kind, bytes(32), "once")
        message = alice.look(relay_errands.request_for, errand).message(7)
        assert isinstance(message, request)
        assert message.id == 7
    with pytest.raises(ValueError, match="post connection"):
        alice.look(relay_errands.request_for, Errand(ErrandKind.TAKE_BUNDLE))


@pytest.mark.parametrize(
    ("code", "over"),
    [
        (ErrorCode.RETRY, False),
        (ErrorCode.SLOW_DOWN, False),
        (ErrorCode.TOO_MANY_DROPS, False),
        (ErrorCode.DROP_CONFLICT, True),
        (ErrorCode.BAD_RECORD, True),
    ],
)
def test_an_error_means_later_or_never(code: ErrorCode, over: bool) -> None:
    """What asking again will not change is over; the rest waits as long as the relay says."""
    alice = _person()
    left = _ask(alice, REGISTER, Error(id=1, code=code, retry_after=33))
    assert left == [] if over else [e.not_before for e in left] == [int(alice.now) + 33]


def test_done_is_done_and_a_late_answer_is_nothing() -> None:
    """An answer to an errand that is gone changes nothing."""
    alice = _person()
    assert _ask(alice, REGISTER, Done(id=1)) == []
    asking = relay_errands.Asking(REGISTER, lambda n: RevokeDrop(id=n, drop_hash=bytes(32)))  # type: ignore[arg-type]  # any request will do
    alice.step(relay_errands.inbox_answered, asking, Done(id=2))
    assert alice.look(errands.pending) == []


def test_prekeys_are_published_until_none_is_left() -> None:
    """Batch by batch; a relay that has enough ends it."""
    alice = Person("alice", 1)
    errand = Errand(ErrandKind.PUBLISH_PREKEYS)
    left: list[Errand] = []
    for batches in range(1, 6):
        left = _ask(alice, errand, PrekeyCount(id=1, left=20 * batches))
    assert all(item.kind is not ErrandKind.PUBLISH_PREKEYS for item in left)
    fresh = Person("bob", 2)
    left = _ask(fresh, errand, Error(id=1, code=ErrorCode.TOO_MANY_PREKEYS))
    assert all(item.kind is not ErrandKind.PUBLISH_PREKEYS for item in left)


def test_a_conflict_about_our_own_list_is_an_alarm() -> None:
    """Somebody with our account key published a list: the person must know."""
    alice = _person()
    assert (
        _ask(alice, Errand(ErrandKind.PUBLISH_LIST), Error(id=1, code=ErrorCode.LIST_CONFLICT))
        == []
    )
    (alarm,) = [event for event in alice.events() if isinstance(event, SafetyAlarm)]
    assert alarm.kind is AlarmKind.OWN_LIST_FORKED


def test_fetches_that_fail_are_put_off_or_over() -> None:
    """A busy relay is asked later; lists of somebody removed are dropped."""
    alice, bob = Person("alice", 1), Person("bob", 2)
    room = PostRoom(alice, bob)
    add(room, alice, bob)
    errand = Errand(ErrandKind.FETCH_LISTS, bob.own.account_id)
    alice.step(errands.queue, errand)
    alice.step(relay_errands.fetch_refused, errand, Error(id=1, code=ErrorCode.SLOW_DOWN))
    assert len(alice.look(errands.pending)) == 1
    alice.step(relay_errands.fetch_refused, errand, Error(id=1, code=ErrorCode.NO_ACCOUNT))
    assert alice.look(errands.pending) == []
    stranger = Errand(ErrandKind.FETCH_LISTS, bytes(32))
    answer = relay_errands.list_answer([room.lists(bob.own.account_id, 0) or _none()])
    alice.step(relay_errands.lists_fetched, stranger, answer)
    keys = relay_errands.keys_answer(room.prekeys(bob.own.account_id), answer.lists)
    assert keys.lists.lists == (bob.own.list_bytes,)
    alice.step(relay_errands.keys_fetched, Errand(ErrandKind.TAKE_BUNDLE, bytes(32), "x"), keys)


def _none() -> DeviceLists:
    raise AssertionError("the account is gone")


def test_asking_writes_nothing() -> None:
    """A request can be made again after any crash."""
    alice = _person()
    before = {table: dict(rows) for table, rows in alice.ledger.tables.items()}

    def ask(desk: Desk) -> None:
        assert own_account(desk).registered is False
        relay_errands.request_for(desk, Errand(ErrandKind.PUBLISH_PREKEYS))

    alice.step(ask)
    assert alice.ledger.tables == before
