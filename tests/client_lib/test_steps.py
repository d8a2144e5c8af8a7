"""A step is one durable transaction; what follows comes after its commit."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hushpost.engine import event_log
from hushpost.engine.desk import Desk
from hushpost.engine.ledger import Table
from hushpost.errors import VaultError
from hushpost.steps import Steps
from hushpost.vault import Vault
from hushpost.vault_header import KeychainKey
from hushpost.vault_rows import RowWriter
from hushpost_crypto.primitives import random_bytes

NOW = 1_780_000_000.0


class Followed:
    """Remembers the desks of committed steps, and what was durable when it was told."""

    def __init__(self, vault: Vault) -> None:
        self.desks: list[Desk] = []
        self.durable: list[int] = []
        self.troubles: list[VaultError | None] = []
        self._vault = vault

    def follow(self, desk: Desk) -> None:
        """Remember."""
        self.desks.append(desk)
        self.durable.append(self._vault.count(Table.EVENTS))

    def troubled(self, error: VaultError | None) -> None:
        """Remember what the disk did."""
        self.troubles.append(error)


@asynccontextmanager
async def a_vault(folder: Path) -> AsyncGenerator[tuple[Vault, Steps]]:
    """Give an empty vault and the steps over it."""
    vault = await Vault.create(folder / "v", KeychainKey(bytes(32)))
    async with vault:
        yield vault, Steps(vault, clock=lambda: NOW, random=random_bytes)


async def test_what_follows_a_step_finds_it_durable(tmp_path: Path) -> None:
    """The follower is told once, after the commit, with the clock of the step."""
    async with a_vault(tmp_path) as (vault, steps):
        followed = Followed(vault)
        steps.set_follower(followed)
        await steps.run(event_log.messages_missing, bytes(32), 1)
        assert followed.durable == [1]
        (desk,) = followed.desks
        assert (desk.now, desk.hour, desk.day) == (NOW, int(NOW // 3600), int(NOW // 86400))
        assert desk.milliseconds == int(NOW * 1000)
        assert desk.new_events


async def test_a_step_that_raises_changes_nothing_and_nobody_follows(tmp_path: Path) -> None:
    """Half a step is never seen, and its consequences neither."""

    def half(desk: Desk) -> None:
        event_log.messages_missing(desk, bytes(32), 1)
        raise KeyError("half")

    async with a_vault(tmp_path) as (vault, steps):
        followed = Followed(vault)
        steps.set_follower(followed)
        with pytest.raises(KeyError):
            await steps.run(half)
        assert followed.desks == []
        assert steps.look(event_log.waiting) == 0


async def test_looking_cannot_change_anything(tmp_path: Path) -> None:
    """A step that writes is refused where it only may read."""

    def delete(desk: Desk) -> None:
        desk.ledger.delete(Table.EVENTS, b"k")

    def delete_many(desk: Desk) -> None:
        desk.ledger.delete_through(Table.EVENTS, 1)

    async with a_vault(tmp_path) as (_, steps):
        assert await steps.run(event_log.waiting) == 0
        with pytest.raises(TypeError, match="wrote to events"):
            steps.look(lambda desk: desk.ledger.put(Table.EVENTS, b"k", b""))
        for change in (delete, delete_many):
            with pytest.raises(TypeError, match="deleted from events"):
                steps.look(change)


async def test_a_look_sees_one_moment(tmp_path: Path) -> None:
    """What is committed while it looks is seen by the next look, all of it."""
    async with a_vault(tmp_path) as (vault, steps):
        async with vault.transaction() as transaction:
            for key in (b"a", b"b"):
                transaction.put(Table.SETTINGS, key, b"1")
        # As the vault's thread would, in the middle of a look.
        connection, sealer = vault._writer, vault._sealer  # pyright: ignore[reportPrivateUsage] - as above

        def look(desk: Desk) -> list[bytes | None]:
            first = desk.ledger.get(Table.SETTINGS, b"a")
            connection.execute("BEGIN IMMEDIATE")
            for key in (b"a", b"b"):
                RowWriter(connection, sealer).put(Table.SETTINGS, key, b"2")
            connection.execute("COMMIT")
            return [first, desk.ledger.get(Table.SETTINGS, b"b")]

        assert steps.look(look) == [b"1", b"1"]
        assert steps.look(lambda desk: desk.ledger.get(Table.SETTINGS, b"b")) == b"2"
