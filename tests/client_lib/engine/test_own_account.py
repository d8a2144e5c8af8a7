"""The own account: made once, its secrets hidden, its list re-issued in time."""

import pytest
from hushpost.engine.desk import Desk
from hushpost.engine.own_account import REISSUE_DAYS, own_account, reissue_list
from hushpost.errors import VaultDamaged
from hushpost_crypto.device_list import follow

from tests.client_lib.engine.people import DAY, MemoryLedger, Person


def test_an_account_is_whole_and_certifies_itself() -> None:
    """Genesis, first list and device agree, and the session sees the same device."""
    own = Person("alice", 1).own
    followed = follow(
        None, [own.device_list], own.genesis, own.account_id, today=own.device_list.issue_day
    )
    assert own.view.version == followed.known.version == 1
    assert own.view.head == followed.known.head
    assert own.device_list.find(own.device_id) is not None
    assert own.local_device().entry.device_id() == own.device_id
    assert own.account_key.public_key() == own.genesis.account_key


def test_no_secret_is_shown() -> None:
    """The representation of an account holds none of its seeds."""
    own = Person("alice", 1).own
    shown = repr(own)
    assert own.knock_secret is not None
    for secret in (own.account_seed, own.device_seed, own.identity_seed, own.knock_secret):
        assert repr(secret) not in shown


def test_a_list_is_reissued_before_it_looks_stale() -> None:
    """Nothing is issued early; after 20 days the next version continues the chain."""
    alice = Person("alice", 1)
    first = alice.own.device_list
    assert not alice.step(reissue_list)
    alice.now += REISSUE_DAYS * DAY
    assert alice.step(reissue_list)
    second = alice.own.device_list
    assert (second.version, second.previous_hash) == (2, first.head())
    assert alice.own.heads == ((1, first.head()), (2, second.head()))
    assert not alice.step(reissue_list)


def test_a_vault_without_account_is_said_to_be_one() -> None:
    """An empty vault is no client's."""
    with pytest.raises(VaultDamaged, match=r"Client\.create"):
        own_account(Desk(MemoryLedger(), 0.0, bytes))
