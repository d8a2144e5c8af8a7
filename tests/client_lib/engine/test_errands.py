"""Errands: wanted once, kept until done, put off ever longer."""

from dataclasses import replace

from hushpost.engine import errands
from hushpost.engine.errands import DEFER_SECONDS_MAX, Errand, ErrandKind

from tests.client_lib.engine.people import Person, PostRoom

REGISTER = Errand(ErrandKind.REGISTER_DROP, bytes(32), "contact")


def _person() -> Person:
    alice = Person("alice", 1)
    PostRoom(alice)
    return alice


def test_wanting_the_same_twice_is_one_errand_that_releases_both() -> None:
    """What waits for it is joined."""
    alice = _person()
    alice.step(errands.queue, replace(REGISTER, releases=(b"a",)))
    alice.step(errands.queue, replace(REGISTER, releases=(b"b",)))
    (errand,) = alice.look(errands.pending)
    assert errand.releases == (b"a", b"b")
    assert alice.look(errands.find_errand, errand.key) == errand
    alice.step(errands.finish, errand)
    assert alice.look(errands.pending) == []


def test_the_purpose_is_part_of_what_is_wanted() -> None:
    """Keys for a request and keys for a restart are two errands."""
    alice = _person()
    for purpose in ("request", "restart"):
        alice.step(errands.queue, Errand(ErrandKind.TAKE_BUNDLE, bytes(32), purpose))
    assert len(alice.look(errands.pending)) == 2


def test_an_errand_is_put_off_twice_as_long_each_time_up_to_an_hour() -> None:
    """The distance doubles from five seconds; a relay's own hint goes before."""
    alice = _person()
    alice.step(errands.queue, REGISTER)
    errand, waits = REGISTER, list[int]()
    for _ in range(12):
        errand = alice.step(errands.defer, errand, None)
        waits.append(errand.not_before - int(alice.now))
    assert waits[:4] == [5, 10, 20, 40]
    assert waits[-1] == DEFER_SECONDS_MAX
    assert alice.step(errands.defer, errand, 77).not_before == int(alice.now) + 77
