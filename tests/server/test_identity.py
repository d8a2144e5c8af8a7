"""Tests of hushpost_server.identity."""

from __future__ import annotations

import itertools
import json
import os
import secrets
from dataclasses import replace
from pathlib import Path

import pytest
from hushpost_server import auth
from hushpost_server.errors import FolderUnusable, IdentityUnusable
from hushpost_server.identity import (
    FILE_NAME,
    handovers_hold,
    load_identity,
    new_identity,
    rotated,
    save_identity,
)
from hushpost_wire.limits import HANDOVERS_MAX


def test_an_identity_survives_its_file(tmp_path: Path) -> None:
    """What is saved is loaded, handovers included, and only its owner may read the file."""
    identity = rotated(new_identity(secrets.token_bytes), 20_000, secrets.token_bytes)
    save_identity(tmp_path, identity)
    assert load_identity(tmp_path) == identity
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600


def test_no_file_is_no_identity(tmp_path: Path) -> None:
    """An empty folder answers None; making one is the caller's decision."""
    assert load_identity(tmp_path) is None


def test_an_identity_follows_every_key_that_was_handed_over() -> None:
    """Its own and those before it, and no other; what comes later is not followed."""
    first = new_identity(secrets.token_bytes)
    second = rotated(first, 20_000, secrets.token_bytes)
    third = rotated(second, 20_001, secrets.token_bytes)
    assert all(third.follows(identity.public_key) for identity in (first, second, third))
    assert not second.follows(third.public_key)
    assert not third.follows(new_identity(secrets.token_bytes).public_key)


def test_a_rotation_is_signed_by_the_old_key() -> None:
    """A client that knows the old key can follow to the new one."""
    old = new_identity(secrets.token_bytes)
    new = rotated(old, 20_000, secrets.token_bytes)
    (handover,) = new.handovers
    assert (handover.old_key, handover.new_key) == (old.public_key, new.public_key)
    assert auth.verify(old.public_key, handover.signed_bytes(), handover.signature)
    assert handovers_hold(new)


def test_the_chain_is_bounded_and_still_links() -> None:
    """After many rotations the newest handovers remain, and they still link up."""
    identity = new_identity(secrets.token_bytes)
    for day in range(HANDOVERS_MAX + 3):
        identity = rotated(identity, day, secrets.token_bytes)
    assert len(identity.handovers) == HANDOVERS_MAX
    for earlier, later in itertools.pairwise(identity.handovers):
        assert earlier.new_key == later.old_key
    assert handovers_hold(identity)


def test_a_chain_that_does_not_lead_here_does_not_hold() -> None:
    """Another key's handover, or one with a foreign signature, is noticed."""
    one = rotated(new_identity(secrets.token_bytes), 1, secrets.token_bytes)
    two = rotated(new_identity(secrets.token_bytes), 1, secrets.token_bytes)
    assert not handovers_hold(replace(one, handovers=two.handovers))
    forged = replace(one.handovers[0], signature=two.handovers[0].signature)
    assert not handovers_hold(replace(one, handovers=(forged,)))


def test_the_repr_shows_no_secret() -> None:
    """Printing an identity does not print its seed."""
    identity = new_identity(secrets.token_bytes)
    assert "seed" not in repr(identity)
    assert identity.seed.hex() not in repr(identity)


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", '{"version": 1, "seed": "AA==", "handovers": []}', "\xff", '{"version": 1}'],
)
def test_a_damaged_file_is_refused_with_what_to_do(tmp_path: Path, text: str) -> None:
    """A file that does not parse stops the relay; it is not replaced by a new key."""
    path = tmp_path / FILE_NAME
    path.write_bytes(text.encode("latin-1"))
    path.chmod(0o600)
    with pytest.raises(IdentityUnusable, match=r"restore it from a backup|cannot be read"):
        load_identity(tmp_path)
    assert path.read_bytes() == text.encode("latin-1")


def test_a_file_whose_chain_was_tampered_with_is_refused(tmp_path: Path) -> None:
    """A handover list that does not end in this key is damage."""
    identity = rotated(new_identity(secrets.token_bytes), 1, secrets.token_bytes)
    save_identity(tmp_path, identity)
    path = tmp_path / FILE_NAME
    data = json.loads(path.read_text())
    data["handovers"] *= 2
    path.write_text(json.dumps(data))
    with pytest.raises(IdentityUnusable, match="damaged"):
        load_identity(tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")
def test_a_file_others_may_read_is_refused(tmp_path: Path) -> None:
    """A key that others could have copied is not used without a word."""
    save_identity(tmp_path, new_identity(secrets.token_bytes))
    (tmp_path / FILE_NAME).chmod(0o644)
    with pytest.raises(IdentityUnusable, match="chmod 600"):
        load_identity(tmp_path)


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """Saving into nowhere says so."""
    with pytest.raises(FolderUnusable, match="cannot be written"):
        save_identity(tmp_path / "absent", new_identity(secrets.token_bytes))


def test_a_flipped_byte_of_the_file_never_gives_another_key(tmp_path: Path) -> None:
    """Wherever a byte of a young relay's file changes, the key stays or the file is damaged."""
    identity = new_identity(lambda size: bytes(range(size)))
    save_identity(tmp_path, identity)
    path = tmp_path / FILE_NAME
    data = path.read_bytes()
    refused = 0
    for place in range(len(data)):
        for mask in (0x01, 0x10):
            path.write_bytes(data[:place] + bytes((data[place] ^ mask,)) + data[place + 1 :])
            try:
                assert load_identity(tmp_path) == identity, (place, mask)
            except IdentityUnusable:
                refused += 1
    assert refused > len(data)


def test_a_file_without_its_public_key_still_loads(tmp_path: Path) -> None:
    """Files of earlier releases have none."""
    identity = new_identity(lambda size: bytes(range(size)))
    save_identity(tmp_path, identity)
    path = tmp_path / FILE_NAME
    data = json.loads(path.read_text())
    del data["public_key"]
    path.write_text(json.dumps(data))
    assert load_identity(tmp_path) == identity
