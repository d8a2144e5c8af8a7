"""Tests of hushpost_server.handshake: without sockets."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from hushpost_server.handshake import HANDSHAKE_BYTES_MAX, RequestHead, Unserved, endpoint_of
from hushpost_wire.control import Role
from hypothesis import given
from hypothesis import strategies as st

HEAD = b"GET /v1/post HTTP/1.1\r\nHost: relay\r\n\r\n"


@given(st.binary(max_size=40), st.lists(st.integers(1, 12), max_size=30))
def test_the_head_is_cut_off_wherever_it_is_split(frames: bytes, steps: list[int]) -> None:
    """However the bytes arrive, what is taken up to the end of the head is the head."""
    whole, head, taken = HEAD + frames, RequestHead(), b""
    for step in [*steps, len(whole)]:
        piece, whole = whole[:step], whole[step:]
        cut = head.cut(piece)
        taken += piece[:cut]
        if cut < len(piece) or taken.endswith(b"\r\n\r\n"):
            break
    assert taken == HEAD


def test_a_head_is_bounded() -> None:
    """One byte beyond the bound is too long."""
    head = RequestHead()
    assert head.cut(b"a" * HANDSHAKE_BYTES_MAX) == HANDSHAKE_BYTES_MAX
    assert not head.too_long
    head.cut(b"a")
    assert head.too_long


@pytest.mark.parametrize(("path", "role"), [("/v1/inbox", Role.INBOX), ("/v1/post", Role.POST)])
def test_there_are_two_endpoints(path: str, role: Role) -> None:
    """Each by its exact path, and by GET alone."""
    assert endpoint_of("GET", path) is role
    for other in (path + "/", path + "?a=b", path.upper(), "http://relay" + path, ""):
        unserved = endpoint_of("GET", other)
        assert isinstance(unserved, Unserved)
        assert (unserved.status, unserved.allow) == (HTTPStatus.NOT_FOUND, "")
    unserved = endpoint_of("HEAD", path)
    assert isinstance(unserved, Unserved)
    assert (unserved.status, unserved.allow) == (HTTPStatus.METHOD_NOT_ALLOWED, "GET")
