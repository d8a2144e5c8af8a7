"""Keys are fetched anonymously, and a relay that has none says why not."""

from pathlib import Path

import pytest
from hushpost.errors import HostUnconfirmed, PeerUnreachable, RelayUnreachable
from hushpost.keys_of_others import check_host, fetch_keys
from hushpost_crypto.address import Address
from hushpost_wire.host import Host
from hushpost_wire.identifiers import AccountId

from tests.client_lib.client_world import inside, own, person, relay


async def test_keys_come_whole_and_a_missing_account_is_said(tmp_path: Path) -> None:
    """One bundle for one device; nobody of an unknown id."""
    async with relay() as server, await person(tmp_path, "alice", server.url) as alice:
        office = inside(alice).office
        answer = await fetch_keys(office, alice.address)
        assert [bundle.device_id for bundle in answer.bundles] == [own(alice).device_id]
        assert answer.lists.lists == (own(alice).list_bytes,)
        with pytest.raises(PeerUnreachable, match="no such account"):
            await fetch_keys(office, Address(alice.address.host, AccountId(bytes(32))))


async def test_a_relay_that_limits_takes_says_when(tmp_path: Path) -> None:
    """Who takes too many from one network is told to try again."""
    async with (
        relay(prefix_takes_per_minute=0.001, prefix_takes_burst=1) as server,
        await person(tmp_path, "alice", server.url) as alice,
    ):
        office = inside(alice).office
        await fetch_keys(office, alice.address)
        with pytest.raises(RelayUnreachable, match="try again"):
            await fetch_keys(office, alice.address)


async def test_an_account_that_many_ask_for_still_gives_its_keys(tmp_path: Path) -> None:
    """Beyond its limit an account's bundle comes without a one-time record."""
    async with (
        relay(account_takes_per_hour=1, account_takes_burst=1) as server,
        await person(tmp_path, "alice", server.url) as alice,
    ):
        office = inside(alice).office
        first = (await fetch_keys(office, alice.address)).bundles[0]
        later = (await fetch_keys(office, alice.address)).bundles[0]
        assert first.one_time is not None
        assert (later.one_time, later.signed, later.seal) == (None, first.signed, first.seal)


def test_a_foreign_host_needs_the_person() -> None:
    """Only hosts that were agreed to are contacted."""
    host = Host("other.example")
    check_host(host, frozenset({host}))
    with pytest.raises(HostUnconfirmed, match="IP address"):
        check_host(host, frozenset())
