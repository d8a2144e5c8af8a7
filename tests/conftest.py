"""What all tests share: Hypothesis profiles and the rule about things that are absent."""

import os
from collections.abc import Callable

import pytest
from hypothesis import settings

# No deadline anywhere: a loaded machine would make an honest test fail. In CI the examples are
# derived from the test itself, so that a failure there is the same failure here.
settings.register_profile("dev", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "dev")


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
