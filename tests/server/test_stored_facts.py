"""Tests of hushpost_server.stored_facts."""

from __future__ import annotations

from pathlib import Path

from hushpost_proof.harness.device import NOW, TODAY, TestDevice, dial, envelope_for
from hushpost_server.clock import ManualClock
from hushpost_server.relay import RelayServer
from hushpost_server.stored_facts import facts_of
from hushpost_store.conformance import digest
from hushpost_store.sqlite.onlooker import look_into
from hushpost_store.sqlite.owned_rows import owned_rows
from hushpost_wire.control import DropKind

from tests.server.conftest import quiet
from tests.store.sqlite.full_store import full_store


def facts(database: Path, account_id: bytes) -> str:
    """Return all sentences about an account."""
    with look_into(database) as look:
        return "\n".join(facts_of(owned_rows(look.connection, account_id)))


async def test_what_a_real_account_gives_away_is_said(tmp_path: Path) -> None:
    """Keys, days, devices, the number of contacts and what waits are read off the rows."""
    configuration = quiet(store="sqlite", data_folder=tmp_path)
    async with RelayServer(configuration, clock=ManualClock(NOW)) as relay:
        device = TestDevice(relay.url)
        async with device.inbox(create=True) as wire:
            secrets = [await device.open_drop(wire) for _ in range(3)]
            await device.open_drop(wire, DropKind.KNOCK)
        async with dial(relay.url, "/v1/post") as post:
            await post.submit(envelope_for(device.route, secrets[0]))
        said = facts(tmp_path / "relay.db", device.account_id)
    assert "The account was made on 2026-09-21." in said
    assert TODAY == 20717
    assert bytes(device.account_key.verify_key).hex() in said
    assert f"names 1 device: {device.device_id.hex()}." in said
    assert "through 3 contact drops, which is about the number of its owner's contacts" in said
    assert "0 one-use drops (invitations and first replies) and 1 knock drop" in said
    assert "1 sealed envelope (1 of 4096 bytes), posted through 1 drop" in said


async def test_prekeys_knocks_and_losses_give_their_figures(tmp_path: Path) -> None:
    """Also what follows only indirectly: sessions begun, and weeks in which a device was there."""
    async with full_store(tmp_path / "relay.db"):
        said = facts(tmp_path / "relay.db", digest("bob"))
    assert "2 one-time prekeys can be handed out; 2 were: about so many sessions" in said
    assert "a device was connected in that time" in said
    assert "Strangers wrote to it 1 time on" in said
    assert "1 envelope expired unread" in said
    assert "4 sealed envelopes (3 of 4096 bytes, 1 of 16384 bytes)" in said
    assert "which of them came through the same drop: from one contact" in said
    assert "genesis record cannot be read" in said
    assert "Device list 2 cannot be read" in said


async def test_an_account_without_rows_has_no_facts(tmp_path: Path) -> None:
    """One sentence says so."""
    async with full_store(tmp_path / "relay.db"):
        said = facts(tmp_path / "relay.db", digest("mallory"))
    assert said == "Nothing is stored about this account."
