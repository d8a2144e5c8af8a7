"""Tests of hushpost_server.backup: a restored relay brings nothing back that was gone."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest
from hushpost_proof.harness.device import TODAY, TestDevice, dial, envelope_for
from hushpost_server.backup import make_backup, restore_backup
from hushpost_server.clock import ManualClock
from hushpost_server.errors import BackupFailed
from hushpost_server.identity import load_identity, new_identity, rotated, save_identity
from hushpost_server.relay import RelayServer
from hushpost_wire import transcripts
from hushpost_wire.control import (
    CountPrekeys,
    PrekeyCount,
    Prekeys,
    PublishPrekeys,
    TakePrekeys,
    Welcome,
)
from hushpost_wire.frames import Accepted, Deliver
from hushpost_wire.prekey_records import PrekeyKind
from hushpost_wire.relay_records import Handover
from nacl.signing import VerifyKey

from tests.server.conftest import quiet


async def test_acknowledged_mail_and_taken_prekeys_do_not_come_back(
    clock: ManualClock, tmp_path: Path
) -> None:
    """Account and drop work at the restored relay; envelope and one-time prekey are not there."""
    old = quiet(store="sqlite", data_folder=tmp_path / "old", public_host="relay.test")
    new = quiet(store="sqlite", data_folder=tmp_path / "new", public_host="relay.test")
    async with RelayServer(old, clock=clock) as relay:
        device = TestDevice(relay.url)
        async with device.inbox(create=True) as inbox, dial(relay.url, "/v1/post") as post:
            secret = await device.open_drop(inbox)
            publish = PublishPrekeys(
                id=inbox.id(),
                one_time=(device.prekey(),),
                signed=device.prekey(PrekeyKind.SIGNED),
                seal=device.seal("relay.test"),
            )
            await inbox.ask(publish, PrekeyCount)
            await post.submit(envelope_for(device.route, secret))
            await inbox.wait_for(Deliver)
            make_backup(old, tmp_path / "backup")  # while it runs, with mail in the queue
            key = inbox.hello.relay_key
            taken = TakePrekeys(id=post.id(), account=device.account_id)
            assert (await post.ask(taken, Prekeys)).bundles[0].one_time is not None
    restore_backup(new, tmp_path / "backup")
    async with RelayServer(new, clock=clock) as relay:
        device.url = relay.url
        async with device.inbox() as inbox, dial(relay.url, "/v1/post") as post:
            assert inbox.hello.relay_key == key
            assert (await inbox.ask(CountPrekeys(id=inbox.id()), PrekeyCount)).left == 0
            again = publish.model_copy(update={"id": inbox.id()})
            assert (await inbox.ask(again, PrekeyCount)).left == 0
            assert not [kept for kept in inbox.kept if isinstance(kept, Deliver)]
            submit = envelope_for(device.route, secret)
            assert isinstance(await post.submit(submit), Accepted)
            assert (await inbox.wait_for(Deliver)).envelope == submit.envelope


async def test_a_restored_relay_keeps_the_identity_that_was_rotated_since(
    clock: ManualClock, tmp_path: Path
) -> None:
    """Clients that followed the rotation meet the key they know, with the handover that led there.

    An identity that was not rotated from the backup's is left alone, and refused.
    """
    configuration = quiet(store="sqlite", data_folder=tmp_path / "data", public_host="relay.test")
    async with RelayServer(configuration, clock=clock) as relay:
        device = TestDevice(relay.url)
        async with device.inbox(create=True) as inbox:
            old_key = inbox.hello.relay_key
        make_backup(configuration, tmp_path / "backup")
    first = load_identity(tmp_path / "data")
    assert first is not None
    newer = rotated(rotated(first, TODAY, secrets.token_bytes), TODAY, secrets.token_bytes)
    save_identity(tmp_path / "data", newer)
    for name in ("relay.db", "relay.db-wal", "relay.db-shm"):
        (tmp_path / "data" / name).unlink(missing_ok=True)
    assert not restore_backup(configuration, tmp_path / "backup")
    assert load_identity(tmp_path / "data") == newer
    async with RelayServer(configuration, clock=clock) as relay:
        device.url = relay.url
        async with device.inbox() as inbox:
            assert inbox.hello.relay_key == newer.public_key
            assert Handover.from_bytes(inbox.hello.handovers[0]).old_key == old_key
    for name in ("relay.db", "relay.db-wal", "relay.db-shm"):
        (tmp_path / "data" / name).unlink(missing_ok=True)
    save_identity(tmp_path / "data", new_identity(secrets.token_bytes))
    with pytest.raises(BackupFailed, match="not rotated from"):
        restore_backup(configuration, tmp_path / "backup")
    (tmp_path / "data" / "identity.json").unlink()
    assert restore_backup(configuration, tmp_path / "backup")
    assert load_identity(tmp_path / "data") == first


def test_what_is_no_backup_or_would_overwrite_is_refused(tmp_path: Path) -> None:
    """Neither an empty folder nor a memory relay can be restored or backed up."""
    configuration = quiet(store="sqlite", data_folder=tmp_path / "data")
    with pytest.raises(BackupFailed, match="is no backup"):
        restore_backup(configuration, tmp_path)
    with pytest.raises(BackupFailed, match="no database"):
        make_backup(configuration, tmp_path / "b")
    with pytest.raises(BackupFailed, match="nothing is on disk"):
        make_backup(quiet(), tmp_path / "b")


async def test_a_restore_never_overwrites_and_a_failed_one_changes_nothing(
    clock: ManualClock, tmp_path: Path
) -> None:
    """An existing database or another identity is left as it is, with a sentence about it."""
    first = quiet(store="sqlite", data_folder=tmp_path / "first")
    second = quiet(store="sqlite", data_folder=tmp_path / "second")
    for configuration in (first, second):
        async with RelayServer(configuration, clock=clock):
            pass
    make_backup(first, tmp_path / "backup")
    with pytest.raises(BackupFailed, match="move that file away"):
        restore_backup(first, tmp_path / "backup")
    (tmp_path / "second" / "relay.db").unlink()
    with pytest.raises(BackupFailed, match="another key"):
        restore_backup(second, tmp_path / "backup")
    (tmp_path / "backup" / "relay.db").write_bytes(b"broken")
    third = quiet(store="sqlite", data_folder=tmp_path / "third")
    with pytest.raises(BackupFailed, match="failed"):
        restore_backup(third, tmp_path / "backup")
    assert not (tmp_path / "third" / "relay.db").exists()
    assert not (tmp_path / "third" / "identity.json").exists()


async def test_a_restored_relay_says_so_at_the_next_login(
    clock: ManualClock, tmp_path: Path
) -> None:
    """The generation stands through restarts and changes with a restore, signed by the relay."""
    old = quiet(store="sqlite", data_folder=tmp_path / "old", public_host="relay.test")
    new = quiet(store="sqlite", data_folder=tmp_path / "new", public_host="relay.test")
    device, generations = TestDevice(""), list[bytes]()
    for configuration in (old, old, new):
        if configuration is new:
            make_backup(old, tmp_path / "backup")
            restore_backup(new, tmp_path / "backup")
        async with (
            RelayServer(configuration, clock=clock) as relay,
            dial(relay.url, "/v1/inbox") as wire,
        ):
            if not generations:
                await device.create_on(wire)
            login = device.login(wire)
            welcome = await wire.ask(login, Welcome)
            generations.append(welcome.generation)
            signed = transcripts.welcome(
                wire.challenge,
                client_nonce=login.client_nonce,
                protocol=1,
                account_id=device.account_id,
                device_id=device.device_id,
                route=device.route,
                prekeys_left=0,
                device_list_version=1,
                generation=welcome.generation,
            )
            VerifyKey(wire.hello.relay_key).verify(signed, welcome.signature)
    first, restarted, restored = generations
    assert first == restarted
    assert restored != first


async def test_a_target_that_is_taken_or_cannot_be_made_is_refused(
    clock: ManualClock, tmp_path: Path
) -> None:
    """A backup overwrites nothing, and says which folder stands in its way."""
    configuration = quiet(store="sqlite", data_folder=tmp_path / "data")
    async with RelayServer(configuration, clock=clock):
        pass
    (tmp_path / "file").write_bytes(b"kept")
    with pytest.raises(BackupFailed, match="exists already"):
        make_backup(configuration, tmp_path / "file")
    with pytest.raises(BackupFailed, match="cannot be made"):
        make_backup(configuration, tmp_path / "file" / "inner")
    assert (tmp_path / "file").read_bytes() == b"kept"
