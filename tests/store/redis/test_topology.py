"""Which server owns which slot."""

import pytest
from hushpost_store.redis.address import Address
from hushpost_store.redis.command import SLOTS, ServerError
from hushpost_store.redis.topology import Topology

A, B = Address("a", 1), Address("b", 2)
ANSWER: list[object] = [
    [0, 99, [b"a", 1, b"id"], [b"b", 2, b"id"]],
    [100, SLOTS - 1, [b"", 3, b"id"]],
]


def test_slots_and_servers_are_read() -> None:
    """The first node of a row owns its slots; an empty name is who was asked."""
    topology = Topology.read(ANSWER, A)
    assert topology.owners[0] == topology.owners[99] == A
    assert topology.owners[100] == Address("a", 3)
    assert topology.primaries == (A, Address("a", 3))
    assert B in topology.servers


def test_slots_that_nobody_owns_stay_empty() -> None:
    """A cluster with a hole is read as it is."""
    topology = Topology.read([[5, 5, [b"a", 1]]], A)
    assert topology.owners[4] is None
    assert topology.owners[5] == A


def test_a_moved_slot_is_learned_alone() -> None:
    """The redirection of one slot says nothing about others."""
    topology = Topology.single(A).moved(7, B)
    assert (topology.owners[6], topology.owners[7]) == (A, B)
    assert topology.primaries == (A, B)


NO_ANSWERS: list[object] = [b"x", [[1]], [[0, 5, []]], [[0, SLOTS, [b"a", 1]]]]


@pytest.mark.parametrize("answer", NO_ANSWERS)
def test_an_answer_that_is_none_is_refused(answer: object) -> None:
    """What cannot be read is a fault, not a topology."""
    with pytest.raises(ServerError):
        Topology.read(answer, A)
