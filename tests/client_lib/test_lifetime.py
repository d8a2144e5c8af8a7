"""A client from its vault to its end, and what is left if the way in fails (docs/embedding.md)."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from hushpost import BadInput, Client
from hushpost.engine.own_account import own_account, save_own
from hushpost.errors import (
    MisuseError,
    PeerUnreachable,
    RegistrationRefused,
    RelayUnreachable,
    VaultExists,
    VaultInUse,
    VaultLocked,
    VaultUnfinished,
)
from hushpost.lifetime import NewAccount
from hushpost.running import Running
from hushpost.vault import Vault
from hushpost.vault_header import KeychainKey
from hushpost_wire.host import Host

from tests.client_lib.client_world import KEY, again, inside, person, relay


async def test_the_vault_is_one_clients_at_a_time_and_needs_its_secret(tmp_path: Path) -> None:
    """A second client on the file, and a wrong or missing secret, are refused with a reason."""
    async with relay() as server:
        path = tmp_path / "alice.vault"
        async with await Client.create(path, relay=server.url, passphrase="old") as alice:
            with pytest.raises(VaultInUse):
                await Client.open(path, passphrase="old")
            await alice.change_passphrase("old", "new")
            address = alice.address
        with pytest.raises(VaultLocked):
            await Client.open(path, passphrase="old")
        with pytest.raises(MisuseError, match="either passphrase"):
            await Client.open(path)
        with pytest.raises(MisuseError, match="either passphrase"):
            await Client.open(path, passphrase="new", key=KEY)
        async with await Client.open(path, passphrase="new") as alice:
            assert alice.address == address


async def test_creating_without_a_relay_leaves_nothing_behind(tmp_path: Path) -> None:
    """A relay that is not there, closed or oddly named is said so, and no file stays."""
    path = tmp_path / "alice.vault"
    with pytest.raises(RelayUnreachable, match="hushpost-relay serve"):
        await Client.create(path, relay="ws://127.0.0.1:9", key=KEY)
    with pytest.raises(BadInput, match="this machine only"):
        await Client.create(path, relay="ws://relay.example", key=KEY)
    with pytest.raises(MisuseError, match="64 bytes"):
        await Client.create(path, relay="ws://127.0.0.1:9", key=KEY, name="n" * 65)
    async with relay(registration="closed") as server:
        with pytest.raises(RegistrationRefused, match="no new accounts"):
            await Client.create(path, relay=server.url, key=KEY)
    assert os.listdir(tmp_path) == []


async def test_a_deleted_account_is_gone(tmp_path: Path) -> None:
    """After deletion the relay knows no such account, and the vault's files are gone."""
    async with relay() as server, await person(tmp_path, "alice", server.url) as alice:
        bob = await person(tmp_path, "bob", server.url)
        address = bob.address
        await bob.delete_account()
        await bob.close()
        with pytest.raises(PeerUnreachable, match="no such account"):
            await alice.add_contact(address)
        assert [name for name in os.listdir(tmp_path) if "bob" in name] == []


async def test_an_account_half_made_is_made_anew_and_its_words_are_shown(tmp_path: Path) -> None:
    """Killed before its caller was told anything, a creation is no account, and gives way."""
    path = tmp_path / "alice.vault"
    async with relay() as server:
        # Cut off before the account, and before the end.
        await (await Vault.create(path, KeychainKey(KEY))).close()
        await _expect_unfinished(tmp_path, server.url)
        first = await person(tmp_path, "alice", server.url)
        await inside(first).steps.run(
            lambda desk: save_own(desk, replace(own_account(desk), registered=False))
        )
        await first.close()
        await _expect_unfinished(tmp_path, server.url)
        async with await person(tmp_path, "alice", server.url) as alice:
            assert len(alice.recovery_words) == 24
            assert alice.address != first.address
            await alice.online()
        # What came to its end is never replaced.
        with pytest.raises(VaultExists):
            await person(tmp_path, "alice", server.url)
        async with await again(tmp_path, "alice") as same:
            assert same.address == alice.address


async def _expect_unfinished(folder: Path, url: str) -> None:
    with pytest.raises(VaultUnfinished, match="create it again"):
        await again(folder, "alice")
    with pytest.raises(VaultExists):
        await Client.create(folder / "alice.vault", relay=url, key=bytes(32))


@pytest.mark.parametrize("named", ["start", "settled"])
async def test_what_fails_on_the_way_in_leaves_nothing_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    """A client that cannot start is closed again; a new one leaves no file."""

    async def fail(*_: object) -> None:
        raise OSError("no")

    async with relay() as server:
        with monkeypatch.context() as patch:
            patch.setattr(Running, named, fail)
            with pytest.raises(OSError, match="no"):
                await person(tmp_path, "alice", server.url)
        assert os.listdir(tmp_path) == []


async def test_a_client_closed_twice_is_closed_and_deletes_nothing(tmp_path: Path) -> None:
    """Closing again is no error; deleting after it is one, and the vault is kept."""
    async with relay() as server:
        alice = await person(tmp_path, "alice", server.url)
        await alice.close()
        await alice.close()
        with pytest.raises(MisuseError, match="closed"):
            await alice.delete_account()
        async with await again(tmp_path, "alice"):
            pass


def test_a_token_is_not_shown() -> None:
    """The representation of a new account holds no registration token."""
    assert "sesame" not in repr(NewAccount(Host("a.example"), "Ann", knocks=True, token="sesame"))
