"""What is absent skips on a user's machine and fails in CI."""

import pytest

from tests.conftest import require_or_skip


def test_what_is_there_is_required_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """A condition that holds lets the test go on, in CI too."""
    monkeypatch.setenv("CI", "true")
    require_or_skip(True, "never shown")


def test_absence_skips_on_a_users_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without CI the test is skipped and the reason is shown."""
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no such tool"):
        require_or_skip(False, "no such tool")


def test_absence_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under CI=true the same absence is a failure with the reason in it."""
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no such tool"):
        require_or_skip(False, "no such tool")
