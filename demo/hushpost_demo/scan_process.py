"""Runs `leak_scan` in a process of its own and gives its report (docs/demo.md, "The scan")."""

import asyncio
import base64
import json
import sys
from collections.abc import Iterable
from pathlib import Path

from hushpost_demo.errors import ScanFailed
from hushpost_demo.guises import Needle
from hushpost_demo.leak_scan import Finding, Report


async def scan_apart(folders: Iterable[Path], needles: Iterable[Needle]) -> Report:
    """Scan the folders; raises `ScanFailed` where the scanning process did not report."""
    order = {
        "folders": [str(folder) for folder in folders],
        "needles": [
            [needle.what, needle.encoding, base64.b64encode(needle.pattern).decode()]
            for needle in needles
        ],
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "hushpost_demo.leak_scan",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        output, _ = await process.communicate(json.dumps(order).encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise ScanFailed(f"the scanning process ended with status {process.returncode}")
    return _report(output)


def _report(output: bytes) -> Report:
    files, bytes_read, findings = json.loads(output)
    return Report(files, bytes_read, tuple(Finding(*finding) for finding in findings))
