"""A new account has all it needs, and the person's choices are kept."""

import pytest
from hushpost.engine import account_setup, errands
from hushpost.engine.desk import Desk
from hushpost.engine.errands import ErrandKind
from hushpost.engine.own_account import own_account
from hushpost.errors import MisuseError

from tests.client_lib.engine.people import HOST, START, MemoryLedger, Person


def test_a_new_account_waits_to_be_published() -> None:
    """Keys, a hundred prekeys and the knock drop are there, and errands to publish them."""
    desk = Desk(MemoryLedger(), START, Person("someone", 1).random)
    own, words = account_setup.make_account(desk, host=HOST, knocks=True, name="alice")
    assert (own.name, own.registered, len(words)) == ("alice", False, 24)
    kinds = [errand.kind for errand in errands.pending(desk)]
    assert kinds == [ErrandKind.PUBLISH_PREKEYS, ErrandKind.REGISTER_DROP]
    account_setup.mark_registered(desk)
    account_setup.set_read_receipts(desk, allowed=False)
    assert (own_account(desk).registered, own_account(desk).read_receipts) == (True, False)


def test_a_name_is_bounded() -> None:
    """It has to fit a request."""
    desk = Desk(MemoryLedger(), START, bytes)
    with pytest.raises(MisuseError, match="64 bytes"):
        account_setup.make_account(desk, host=HOST, knocks=True, name="ä" * 33)
