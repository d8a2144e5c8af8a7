"""From making or opening a vault to its end: what an open client consists of.

    begin | resume -> Lifetime(vault, steps, running) -> close | delete

Whatever goes wrong on the way in leaves nothing open, and `begin` nothing on the disk.
"""

import asyncio
import os
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Self

from hushpost_crypto.primitives import random_bytes
from hushpost_wire.host import Host

from hushpost.engine.account_setup import make_account, mark_registered
from hushpost.engine.own_account import is_finished, own_account
from hushpost.errors import (
    LoginRefused,
    MisuseError,
    VaultError,
    VaultExists,
    VaultUnfinished,
)
from hushpost.registration import Way, create_at_relay, delete_at_relay
from hushpost.running import Running, Surroundings
from hushpost.steps import Steps
from hushpost.transport_dial import Dial
from hushpost.transport_pins import VaultPins
from hushpost.vault import Vault
from hushpost.vault_file import remove_files
from hushpost.vault_header import VaultSecret

# Who just made an account hands out the address at once: keys and knock drop should be at the relay
# by then. A relay that is slower than this gets them in the background.
PUBLISH_SECONDS_MAX: Final = 20.0


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What a person chooses when making an account."""

    host: Host
    name: str
    knocks: bool
    token: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Means:
    """How to dial relays, and what time it is, in seconds since the epoch."""

    dial: Dial
    clock: Callable[[], float]


class Lifetime:
    """An open vault with all that runs on it. Made by `begin` or `resume`."""

    def __init__(self, vault: Vault, steps: Steps, running: Running, way: Way) -> None:
        self.vault: Final = vault
        self.steps: Final = steps
        self.running: Final = running
        # Empty unless `begin` made the account: they are stored nowhere.
        self.recovery_words: tuple[str, ...] = ()
        self._way = way
        self._ending: asyncio.Task[None] | None = None

    @classmethod
    async def begin(
        cls, path: str | os.PathLike[str], secret: VaultSecret, account: NewAccount, means: Means
    ) -> Self:
        """Make a vault and an account at its relay, and connect; see `Client.create`."""
        vault = await _create_anew(path, secret)
        try:
            steps = Steps(vault, clock=means.clock, random=random_bytes)
            own, words = await steps.run(
                make_account, host=account.host, knocks=account.knocks, name=account.name
            )
            way = Way(account.host, means.dial, VaultPins(vault), random_bytes)
            await create_at_relay(way, own, token=account.token)
            life = await cls._start(vault, steps, way)
            try:
                await life.running.settled(PUBLISH_SECONDS_MAX)
                # Last of all: only then is the caller given address and recovery words.
                await steps.run(mark_registered)
            except BaseException:
                await life.close()
                raise
        except BaseException:
            await vault.close()
            remove_files(vault.path)
            raise
        life.recovery_words = words
        return life

    @classmethod
    async def resume(cls, path: str | os.PathLike[str], secret: VaultSecret, means: Means) -> Self:
        """Open a vault and connect in the background; see `Client.open`."""
        vault = await Vault.open(path, secret)
        try:
            steps = Steps(vault, clock=means.clock, random=random_bytes)
            if not steps.look(is_finished):
                raise VaultUnfinished(
                    f"making the account in {os.fspath(path)} was cut off before anyone was told of"
                    " it; nothing is lost: create it again there, with the same secret"
                )
            own = steps.look(own_account)
            way = Way(own.host, means.dial, VaultPins(vault), random_bytes)
            return await cls._start(vault, steps, way)
        except BaseException:
            await vault.close()
            raise

    @classmethod
    async def _start(cls, vault: Vault, steps: Steps, way: Way) -> Self:
        surroundings = Surroundings(way.dial, way.pins, steps.clock, steps.random)
        running = Running(steps, surroundings, steps.look(own_account))
        try:
            await running.start()
        except BaseException:
            await running.close()
            raise
        return cls(vault, steps, running, way)

    async def close(self) -> None:
        """End it all; begun, it is finished, and twice is no error."""
        await self._end(self._close())

    async def delete(self) -> None:
        """Delete the account at its relay and the vault, and end; see `Client.delete_account`."""
        if self._ending is not None:
            raise MisuseError("this client is closed: open it again")
        await self._end(self._delete())

    async def _end(self, work: Coroutine[None, None, None]) -> None:
        if self._ending is None:
            self._ending = asyncio.get_running_loop().create_task(work)
        else:
            work.close()
        await asyncio.shield(self._ending)

    async def _close(self) -> None:
        try:
            await self.running.close()
        finally:
            await self.vault.close()

    async def _delete(self) -> None:
        try:
            await self.running.close()
            with suppress(LoginRefused):
                await delete_at_relay(self._way, self.steps.look(own_account))
        finally:
            await self.vault.close()
        remove_files(self.vault.path)


async def _create_anew(path: str | os.PathLike[str], secret: VaultSecret) -> Vault:
    """Make a vault; one whose making was cut off, under the same secret, gives way."""
    try:
        return await Vault.create(path, secret)
    except VaultExists as exists:
        try:
            vault = await Vault.open(path, secret)
        except VaultError:
            raise exists from None
        try:
            if Steps(vault, clock=time.time, random=random_bytes).look(is_finished):
                raise exists from None
        finally:
            await vault.close()
    remove_files(vault.path)
    return await Vault.create(path, secret)
