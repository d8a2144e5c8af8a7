"""Keys of one mailbox share a slot, and name what they belong to."""

from hushpost_store.redis.connection import slot_of
from hushpost_store.redis.keys import account_keys, mailbox_keys, named_by
from hypothesis import given
from hypothesis import strategies as st


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=32, max_size=32))
def test_all_keys_of_one_thing_lie_in_one_slot(route: bytes, account_id: bytes) -> None:
    """Whatever bytes a route has, its tag holds no brace, and the route can be read back."""
    for keys, name in ((mailbox_keys(route), route), (account_keys(account_id), account_id)):
        assert len({slot_of(key) for key in keys}) == 1
        assert len(set(keys)) == 6
        assert {named_by(key) for key in keys} == {name}
