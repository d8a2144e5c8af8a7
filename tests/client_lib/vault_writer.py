"""A child process that writes a vault until it is killed. Run by the tests with signal 9.

Arguments: path, then ``count`` or ``full``. It prints a line for every transaction that returned.
"""

import asyncio
import resource
import signal
import sys
from pathlib import Path

from hushpost.errors import VaultFull
from hushpost.vault import Table, Vault
from hushpost.vault_header import KeychainKey

KEY = KeychainKey(bytes(range(32)))
WRITTEN = ((Table.SESSIONS, 3000), (Table.OUTBOX, 4300), (Table.MESSAGES, 40_000))


async def count(path: Path) -> None:
    """Write the same rising number into three tables in one transaction, and say when durable."""
    there = path.exists()  # noqa: ASYNC240 - nothing else runs in this process yet
    vault = await (Vault.open(path, KEY) if there else Vault.create(path, KEY))
    last = vault.get(Table.SESSIONS, b"number")
    number = 0 if last is None else int.from_bytes(last[:8], "big")
    print("open", flush=True)
    while True:
        number += 1
        async with vault.transaction() as transaction:
            for table, size in WRITTEN:
                transaction.put(table, b"number", number.to_bytes(8, "big") * (size // 8))
            transaction.put(Table.SEEN_MESSAGES, number.to_bytes(8, "big"), b"", position=number)
            transaction.delete_through(Table.SEEN_MESSAGES, max(0, number - 20))
        print(number, flush=True)


async def full(path: Path) -> None:
    """Meet the system's refusal to grow a file, then work again once there is room."""
    vault = await Vault.create(path, KEY)
    async with vault.transaction() as transaction:
        transaction.put(Table.SETTINGS, b"kept", b"before")
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (512 * 1024, hard))
    refused = 0
    try:
        async with vault.transaction() as transaction:
            transaction.put(Table.SETTINGS, b"kept", b"lost")
            transaction.put(Table.MESSAGES, b"large", bytes(1 << 20))
    except VaultFull as error:
        refused += "free some space" in str(error)
    assert vault.get(Table.SETTINGS, b"kept") == b"before"
    assert vault.get(Table.MESSAGES, b"large") is None
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    async with vault.transaction() as transaction:
        assert transaction.get(Table.SETTINGS, b"kept") == b"before"
        transaction.put(Table.SETTINGS, b"kept", b"after")
        transaction.put(Table.MESSAGES, b"large", bytes(1 << 20))
    await vault.close()
    print(f"refused {refused}", flush=True)


if __name__ == "__main__":
    asyncio.run({"count": count, "full": full}[sys.argv[2]](Path(sys.argv[1])))
