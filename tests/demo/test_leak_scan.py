"""Tests of the scan: it finds what is there in any spelling, and nothing that is not."""

import base64
import io
import json
import secrets
import sys
from pathlib import Path

import pytest
from hushpost_demo.guises import Needle
from hushpost_demo.leak_scan import (
    PIECE_BYTES,
    envelope_needles,
    main,
    phrases,
    scan,
    word_needles,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

TEXT = "Nobody at work knows: it is Lisbon?"


def test_every_word_is_part_of_a_phrase() -> None:
    """Long words stand alone, short ones with their neighbour, and the text is whole."""
    found = phrases([TEXT, "Go to it"])
    assert TEXT in found
    assert {"Nobody", "knows", "Lisbon"} <= set(found)
    assert {"at work", "Go to", "to it", "it is", "is Lisbon", "knows: it"} <= set(found)
    assert "at" not in found
    assert min(len(phrase) for phrase in found) >= 5


@pytest.mark.parametrize(
    "written",
    [
        TEXT.encode(),
        TEXT.lower().encode(),
        TEXT.upper().encode(),
        TEXT.encode("utf-16-le"),
        TEXT.encode("utf-16-be"),
        TEXT.encode().hex().encode(),
        TEXT.encode().hex().upper().encode(),
    ],
)
def test_each_spelling_is_found(tmp_path: Path, written: bytes) -> None:
    """A text is found in every encoding, between other bytes."""
    (tmp_path / "file").write_bytes(b"\x00\xff" + written + b"\x17")
    report = scan([tmp_path], word_needles(TEXT))
    assert [finding.file for finding in report.findings]
    assert {finding.what for finding in report.findings} == {TEXT}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.text(min_size=5, max_size=40).filter(lambda t: t.isprintable()),
    before=st.binary(max_size=8),
    after=st.binary(max_size=8),
    urlsafe=st.booleans(),
)
def test_base64_is_found_at_every_offset(
    tmp_path: Path, text: str, before: bytes, after: bytes, urlsafe: bool
) -> None:
    """Whatever stands before and after a text in Base64, the text is found."""
    whole = before + text.encode() + after
    encoded = base64.urlsafe_b64encode(whole) if urlsafe else base64.b64encode(whole)
    (tmp_path / "file").write_bytes(encoded)
    assert scan([tmp_path], word_needles(text)).findings


def test_random_bytes_hold_no_words(tmp_path: Path) -> None:
    """A megabyte of ciphertext raises no alarm; the bytes and files that were read are counted."""
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "file").write_bytes(secrets.token_bytes(1 << 20))
    needles = [needle for phrase in phrases([TEXT]) for needle in word_needles(phrase)]
    report = scan([tmp_path], needles)
    assert (report.files, report.bytes_read, report.findings) == (1, 1 << 20, ())


def test_a_piece_of_an_envelope_is_found(tmp_path: Path) -> None:
    """An envelope that was overwritten all but one piece is still found."""
    envelope = secrets.token_bytes(4096)
    left = envelope[3 * PIECE_BYTES : 4 * PIECE_BYTES]
    (tmp_path / "file").write_bytes(bytes(700) + left + bytes(700))
    findings = scan([tmp_path], envelope_needles("envelope 1", envelope)).findings
    assert [(f.what, f.encoding, f.offset) for f in findings] == [("envelope 1", "raw bytes", 700)]


def test_a_file_that_vanishes_is_no_error(tmp_path: Path) -> None:
    """A link to nowhere, like a file that ended meanwhile, is passed over."""
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    assert scan([tmp_path], [Needle("x", "UTF-8", b"x")]).files == 0


def test_the_process_reads_an_order_and_reports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The order comes by standard input, the report goes to standard output."""
    (tmp_path / "file").write_bytes(b"..secret")
    needle = ["word", "UTF-8", base64.b64encode(b"secret").decode()]
    order = json.dumps({"folders": [str(tmp_path)], "needles": [needle]})
    monkeypatch.setattr(sys, "stdin", io.StringIO(order))
    main()
    assert json.loads(capsys.readouterr().out) == [1, 8, [["file", "word", "UTF-8", 2]]]
