"""The nouns of the interface."""

from __future__ import annotations

from hushpost_store import Refusal, TtlClass
from hushpost_store.conformance import account
from hushpost_wire import frames


def test_a_device_is_found_by_its_id() -> None:
    """The account gives the device of an id, or None."""
    bob = account("bob", devices=2)
    assert bob.device(bob.devices[1].device_id) is bob.devices[1]
    assert bob.device(b"?" * 16) is None


def test_refusals_have_the_numbers_of_the_wire() -> None:
    """A relay may hand a refusal on as it is: names and numbers are the same."""
    wire = {reason.name: int(reason) for reason in frames.RefusalReason}
    assert {r.name: int(r) for r in Refusal}.items() <= wire.items()
    assert [int(t) for t in TtlClass] == [0, 1, 2, 3, 4]
