"""How work with a vault can end badly: a sync that fails, a loop that dies under an open vault."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hushpost.vault import Table, Vault
from hushpost.vault_header import KeychainKey

KEY = KeychainKey(bytes(range(32)))
_BEGINNING = """
import asyncio, os, sys
from pathlib import Path
from hushpost.errors import VaultUncertain
from hushpost.vault import Table, Vault
from hushpost.vault_header import KeychainKey
KEY = KeychainKey(bytes(range(32)))

async def put(vault, value):
    async with vault.transaction() as transaction:
        transaction.put(Table.SETTINGS, b"a", value)
"""
_FAILED_SYNC = (
    _BEGINNING
    + """
async def main(path, fails, ending):
    vault = await Vault.create(path, KEY)
    await put(vault, b"before")
    fails.touch()
    outcomes = await asyncio.gather(
        put(vault, b"first"), put(vault, b"second"), return_exceptions=True
    )
    print([type(one).__name__ for one in outcomes])
    fails.unlink()
    # The disk works again, and says so: the vault does not believe it before it is reopened.
    for work in (put(vault, b"later"), vault.erase(), vault.change_secret(KEY, KEY)):
        try:
            await work
        except VaultUncertain as error:
            print("refused", "open it again" in str(error))
    print(vault.get(Table.SETTINGS, b"a"))
    sys.stdout.flush()
    if ending == "crash":
        os._exit(0)
    await vault.close()
    async with await Vault.open(path, KEY) as vault:
        print(vault.get(Table.SETTINGS, b"a"))
        await put(vault, b"after")

asyncio.run(main(Path(sys.argv[1]), Path(os.environ["HUSHPOST_SYNC_FAILS"]), sys.argv[2]))
"""
)
_DYING_LOOP = (
    _BEGINNING
    + """
async def main(path, ending):
    vault = await Vault.create(path, KEY)
    await put(vault, b"durable")
    if ending == "raises":
        raise LookupError("a bug of the app")
    if ending == "pending":
        asyncio.ensure_future(put(vault, b"perhaps"))
        await asyncio.sleep(0)

asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
"""
)


def run(program: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, which must come within seconds."""
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **variables},
    )


@pytest.mark.parametrize("ending", ["close", "crash"])
async def test_after_a_failed_sync_nothing_is_changed_before_reopening(
    tmp_path: Path, failing_sync: Path, ending: str
) -> None:
    """All who waited are told that it is uncertain, work is refused, and reopening is whole."""
    path = tmp_path / "vault"
    ended = run(
        _FAILED_SYNC,
        str(path),
        ending,
        LD_PRELOAD=str(failing_sync),
        HUSHPOST_SYNC_FAILS=str(tmp_path / "fails"),
    )
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert lines[0] == "['VaultUncertain', 'VaultUncertain']"
    assert lines[1:5] == ["refused True"] * 3 + ["b'before'"]
    possible = {b"before", b"first", b"second"}
    if ending == "close":
        assert lines[5] in {repr(value) for value in possible}
        possible = {b"after"}
    async with await Vault.open(path, KEY) as vault:
        assert vault.get(Table.SETTINGS, b"a") in possible
        async with vault.transaction() as transaction:
            transaction.put(Table.SETTINGS, b"a", b"works")
        assert vault.get(Table.SETTINGS, b"a") == b"works"


@pytest.mark.parametrize("ending", ["raises", "returns", "pending"])
async def test_a_loop_that_ends_under_an_open_vault_ends_the_process(
    tmp_path: Path, ending: str
) -> None:
    """The vault's thread does not keep the process, and what was committed is there."""
    path = tmp_path / "vault"
    ended = run(_DYING_LOOP, str(path), ending)
    assert ended.returncode == (1 if ending == "raises" else 0), ended.stderr
    assert ("a bug of the app" in ended.stderr) == (ending == "raises")
    async with await Vault.open(path, KEY) as vault:
        value = vault.get(Table.SETTINGS, b"a")
        assert value in ({b"durable", b"perhaps"} if ending == "pending" else {b"durable"})
