"""Keys of one mailbox share a slot, and name what they belong to."""

import pytest
from hushpost_store.redis.connection import slot_of
from hushpost_store.redis.keys import (
    account_keys,
    account_named_by,
    mailbox_keys,
    route_named_by,
)
from hypothesis import given
from hypothesis import strategies as st


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=32, max_size=32))
def test_all_keys_of_one_thing_lie_in_one_slot(route: bytes, account_id: bytes) -> None:
    """Whatever bytes a route has, its tag holds no brace, and the route can be read back."""
    for keys in (mailbox_keys(route), account_keys(account_id)):
        assert len({slot_of(key) for key in keys}) == 1
        assert len(set(keys)) == 6
    assert route_named_by(mailbox_keys(route)[0]) == route
    assert account_named_by(account_keys(account_id)[0]) == account_id


@pytest.mark.parametrize(
    "key",
    [
        b"{x}:mailbox",
        b"{}:mailbox",
        b"{%s}}:mailbox" % (b"A" * 22),
        b"{%s}:mailbox" % (b"A" * 21 + b"B"),
        b"{%s}:mailbox" % (b"\xff" * 22),
        b"{%s}:mailbox" % (b"!" * 22),
        b"{%s}:account" % (b"A" * 22),
        b"{%s}:mailbox" % (b"A" * 43),
        b"mailbox",
    ],
)
def test_a_foreign_key_names_nothing(key: bytes) -> None:
    """Tags of another length or alphabet, and tags that we would write otherwise, are not ours."""
    assert route_named_by(key) is None
    assert account_named_by(key) is None
