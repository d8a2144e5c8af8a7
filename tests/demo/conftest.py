"""What the tests of the command share: a real relay process, vaults, and the command itself."""

import json
import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.demo.typing_hands import Hands, Vaults

# One relay serves every test of this folder from one address: the limits against strangers are off.
NO_RATE_LIMITS = {
    f"HUSHPOST_RELAY_{name}": "0"
    for name in (
        "CONNECTION_CONTROLS_PER_SECOND",
        "PREFIX_CONNECTS_PER_SECOND",
        "PREFIX_ACCOUNTS_PER_HOUR",
        "PREFIX_LOGINS_PER_SECOND",
        "PREFIX_TAKES_PER_MINUTE",
        "ACCOUNT_TAKES_PER_HOUR",
        "PREFIX_CONNECTIONS_MAX",
    )
}


@contextmanager
def relay_running(folder: Path) -> Generator[str]:
    """Run `hushpost-relay serve` in a process of its own; gives its address."""
    command = [sys.executable, "-m", "hushpost_server.command", "serve", "--json"]
    command += ["--data-folder", str(folder), "--listen-port", "0", "--metrics-port", "0"]
    process = subprocess.Popen(
        command, env={**os.environ, **NO_RATE_LIMITS}, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        url: str = json.loads(process.stdout.readline())["url"]
        yield url
    finally:
        process.terminate()
        process.communicate(timeout=60)


@pytest.fixture(scope="session")
def relay_url(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """Give the address of a relay that lives as long as this worker's tests."""
    with relay_running(tmp_path_factory.mktemp("relay") / "data") as url:
        yield url


@pytest.fixture
def vaults(tmp_path: Path, relay_url: str, monkeypatch: pytest.MonkeyPatch) -> Vaults:
    """Give an empty folder for vaults, and the relay they live at."""
    for name in list(os.environ):
        if name.startswith("HUSHPOST_"):
            monkeypatch.delenv(name)
    return Vaults(tmp_path, relay_url)


@pytest.fixture
def hands(vaults: Vaults) -> Hands:
    """Give Alice and Bob, who have accounts and are each other's contacts."""
    hands = Hands(vaults)
    hands.meet()
    return hands
