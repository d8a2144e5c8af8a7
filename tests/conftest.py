"""What all tests share: Hypothesis profiles and the rule about things that are absent."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

# No deadline anywhere: a loaded machine would make an honest test fail. In CI the examples are
# derived from the test itself, so that a failure there is the same failure here.
settings.register_profile("dev", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "dev")


# Started in the background by a shell, a process ignores SIGINT, and so would every child: tests
# press Ctrl-C in them.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def require_or_skip(condition: bool, reason: str) -> None:
    """Skip the running test unless `condition` holds; under CI=true fail it instead.

    `reason` says what is absent and how to get it. A machine of a user may lack a tool; where
    CI runs, a test that silently did not run would be a promise that nobody keeps.
    """
    if condition:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"absent, and CI skips nothing: {reason}", pytrace=False)
    pytest.skip(reason)


@pytest.fixture
def require() -> Callable[[bool, str], None]:
    """Give `require(condition, reason)`: skips on a user's machine, fails under CI=true."""
    return require_or_skip


@pytest.fixture
def failing_sync(tmp_path: Path) -> Path:
    """Build the library that, preloaded, lets syncs fail while $HUSHPOST_SYNC_FAILS exists."""
    compiler = shutil.which("cc")
    require_or_skip(
        compiler is not None and sys.platform == "linux",
        "letting syncs fail needs Linux and a C compiler (cc)",
    )
    library = tmp_path / "failing_sync.so"
    source = Path(__file__).with_name("failing_sync.c")
    command = [str(compiler), "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"]
    subprocess.run(command, check=True, capture_output=True)
    return library
