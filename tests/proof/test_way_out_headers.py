"""Tests of hushpost_proof.way_out.headers: what may stand in an answer, and what a relay says."""

from pathlib import Path

import pytest
from hushpost_proof.way_out.headers import health_requests, read_head, relay_requests
from hushpost_proof.way_out.watch import answers

HEAD = b"HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\nconnection: close\r\n%s\r\n\r\n"


@pytest.mark.parametrize(
    "header",
    [
        b"Set-Cookie: id=1",
        b"set-cookie2: id=1",
        b'ETag: "7"',
        b"Server: Python/3.11 websockets/17",
        b"Date: Mon, 23 Nov 2026 06:00:00 GMT",
        b"X-Request-Id: 12",
        b"Last-Modified: Mon, 23 Nov 2026 06:00:00 GMT",
        b"Strict-Transport-Security: max-age=1",
    ],
)
def test_a_header_that_marks_is_found(header: bytes) -> None:
    """Whatever is not on the closed list is found, with its value, in any spelling."""
    answer = read_head("it", HEAD % header)
    assert answer.status == 404
    assert answer.undeclared == (header.decode(),)
    assert read_head("it", HEAD % b"Upgrade: websocket").undeclared == ()


async def test_no_answer_of_a_relay_marks(tmp_path: Path) -> None:
    """Every kind of request, cookies and all, is answered by the form of the answer alone."""
    found = await answers(tmp_path)
    assert len(found) == len(relay_requests()) + len(health_requests())
    assert {one.status for one in found} >= {101, 200, 400, 404, 405, 426}
    assert [(one.what, one.undeclared) for one in found if one.undeclared] == []
