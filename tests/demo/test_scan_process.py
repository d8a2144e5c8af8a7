"""Tests of scanning in a process of its own."""

from pathlib import Path

import pytest
from hushpost_demo.errors import ScanFailed
from hushpost_demo.guises import Needle
from hushpost_demo.scan_process import scan_apart


async def test_it_reports_what_another_process_found(tmp_path: Path) -> None:
    """Needles go out as any bytes, findings come back."""
    (tmp_path / "file").write_bytes(b"\x00\xfe\xff!")
    report = await scan_apart([tmp_path], [Needle("odd", "raw bytes", b"\xfe\xff")])
    assert report.findings[0].offset == 1
    assert report.files == 1


async def test_no_report_is_never_no_leak(capfd: pytest.CaptureFixture[str]) -> None:
    """Where the scanning process breaks, the scan raises instead of finding nothing."""
    with pytest.raises(ScanFailed, match="ended with status 1"):
        await scan_apart([Path("no-such-folder")], [Needle("x", "UTF-8", b"x")])
    assert "NotADirectoryError" in capfd.readouterr().err
