"""Engine steps against the vault: one transaction each, and what follows after its commit.

Nothing leaves this device and nothing is shown before the step that made it is durable.
"""

import asyncio
from collections.abc import Callable
from typing import Concatenate, Final, ParamSpec, Protocol, TypeVar

from hushpost.engine.desk import Desk
from hushpost.errors import MisuseError, VaultError, VaultFull, VaultUncertain
from hushpost.vault import Table, Vault

# A disk that is full is asked again this often; what could not be stored has not happened.
VAULT_RETRY_SECONDS: Final = 5.0

P = ParamSpec("P")
R = TypeVar("R")


def report(message: str, error: Exception) -> None:
    """Let a defect be heard by whoever watches the loop; the client goes on."""
    asyncio.get_running_loop().call_exception_handler({"message": message, "exception": error})


class Follower(Protocol):
    """Told after each commit what the step left to do."""

    def follow(self, desk: Desk) -> None:
        """Post, run errands, show events; synchronous."""
        ...

    def troubled(self, error: VaultError | None) -> None:
        """Hear at once that the disk refuses to store; None when it stores again."""
        ...


class Steps:
    """Runs engine functions. ``clock`` gives seconds since the epoch."""

    def __init__(
        self, vault: Vault, *, clock: Callable[[], float], random: Callable[[int], bytes]
    ) -> None:
        self.clock: Final = clock
        self.random: Final = random
        self._vault = vault
        self._follower: Follower | None = None
        self._loop = asyncio.get_running_loop()
        self._running: set[asyncio.Task[object]] = set()
        self._trouble: VaultError | None = None
        vault.troubled = self._tell

    def set_follower(self, follower: Follower) -> None:
        """Name who acts on what the steps leave to do."""
        self._follower = follower

    async def run(
        self, do: Callable[Concatenate[Desk, P], R], /, *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Run one step; on return it is durable. If it raises, nothing of it happened.

        A caller that is cancelled meanwhile cuts nothing in two: the step goes on to its end, and
        what it left to do is done.
        """
        if asyncio.get_running_loop() is not self._loop:
            raise MisuseError("this client belongs to another event loop: use it there")

        async def whole() -> R:
            async with self._vault.transaction() as transaction:
                desk = Desk(transaction, self.clock(), self.random)
                result = do(desk, *args, **kwargs)
            self._tell(None)
            if self._follower is not None:
                self._follower.follow(desk)
            return result

        task = self._loop.create_task(whole())
        self._running.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def look(
        self, do: Callable[Concatenate[Desk, P], R], /, *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Run a step that only reads, on what is durable, all of it as of one moment."""
        with self._vault.snapshot():
            return do(Desk(_ReadOnly(self._vault), self.clock(), self.random), *args, **kwargs)

    def _ended(self, task: asyncio.Task[object]) -> None:
        self._running.discard(task)
        # Looked at here, since who called may be gone.
        error = None if task.cancelled() else task.exception()
        if isinstance(error, VaultFull | VaultUncertain):
            self._tell(error)

    def _tell(self, error: VaultError | None) -> None:
        before, self._trouble = self._trouble, error
        if type(before) is not type(error) and self._follower is not None:
            self._follower.troubled(error)


class _ReadOnly:
    """The durable rows as a ledger that refuses to change."""

    def __init__(self, vault: Vault) -> None:
        self.get, self.rows = vault.get, vault.rows
        self.find, self.count = vault.find, vault.count

    def put(
        self,
        table: Table,
        key: bytes,
        value: bytes,
        *,
        position: int | None = None,
        lookup: bytes | None = None,
    ) -> int:
        """Refuse."""
        raise TypeError(f"a step that only reads wrote to {table}")

    def delete(self, table: Table, key: bytes) -> bool:
        """Refuse."""
        raise TypeError(f"a step that only reads deleted from {table}")

    def delete_through(self, table: Table, position: int) -> int:
        """Refuse."""
        raise TypeError(f"a step that only reads deleted from {table}")
