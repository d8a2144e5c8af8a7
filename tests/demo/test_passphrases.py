"""Tests of where a passphrase comes from."""

import io
import sys
from pathlib import Path

import click
import pytest
from hushpost_demo.errors import PassphraseFileUnusable, PassphraseMissing, PassphraseTooShort
from hushpost_demo.passphrases import check_new, read_passphrase


class Terminal(io.StringIO):
    """Standard input that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


def test_a_file_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its first line counts, whatever ends it; blanks belong to it."""
    monkeypatch.setenv("HUSHPOST_PASSPHRASE", "other")
    file = tmp_path / "file"
    for ending in ("", "\n", "\r\nsecond line\n"):
        file.write_bytes(b" two words " + ending.encode())
        assert read_passphrase(file, prompt="?") == " two words "


def test_the_environment_comes_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """No file, and a variable: nobody is asked."""
    monkeypatch.setenv("HUSHPOST_PASSPHRASE", "from outside")
    assert read_passphrase(None, prompt="?") == "from outside"


def test_a_person_is_asked_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """At a terminal the person is asked, unseen, and twice for a new one."""
    asked: list[tuple[str, bool, bool]] = []

    def prompt(text: str, *, hide_input: bool, confirmation_prompt: bool, err: bool) -> str:
        asked.append((text, hide_input, confirmation_prompt))
        return "typed" if err else ""

    monkeypatch.delenv("HUSHPOST_PASSPHRASE", raising=False)
    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr(click, "prompt", prompt)
    assert read_passphrase(None, prompt="New", confirm=True) == "typed"
    assert asked == [("New", True, True)]


def test_without_a_terminal_nobody_can_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names both other ways."""
    monkeypatch.delenv("HUSHPOST_PASSPHRASE", raising=False)
    monkeypatch.setattr(sys, "stdin", io.StringIO("typed"))
    with pytest.raises(PassphraseMissing, match="--passphrase-file or HUSHPOST_PASSPHRASE"):
        read_passphrase(None, prompt="?")


def test_files_that_hold_none(tmp_path: Path) -> None:
    """Absent, empty, or no text: each is said, and the content never."""
    (tmp_path / "empty").write_bytes(b"\nsecond")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    for name, words in (("absent", "No such file"), ("empty", "is empty"), ("bytes", "not UTF-8")):
        with pytest.raises(PassphraseFileUnusable, match=words):
            read_passphrase(tmp_path / name, prompt="?")


def test_a_new_passphrase_is_judged_by_its_length() -> None:
    """Too short is refused, blanks around it not counted; short gets advice; long gets none."""
    for refused in ("", "1234567", "  1234567  "):
        with pytest.raises(PassphraseTooShort, match="at least 8"):
            check_new(refused)
    assert "five words" in (check_new("correct horse") or "")
    assert check_new("correct horse battery staple") is None
