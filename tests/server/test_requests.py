"""Tests of hushpost_server.requests: the dispatch knows every request there is."""

from __future__ import annotations

import inspect
from typing import get_args

from hushpost_server import requests
from hushpost_wire.control import Request


def test_every_request_of_the_protocol_has_its_arm() -> None:
    """A request that is added to the wire and forgotten here fails this test."""
    source = inspect.getsource(requests.serve)
    for kind in get_args(Request):
        assert f"control.{kind.__name__}()" in source
