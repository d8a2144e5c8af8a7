"""An import past its edge, and an impure line in pure code, are found."""

import ast

import pytest

from tools.import_edges import Module, crypto_violations, edge_violations, purity_violations


def module(name: str, text: str) -> Module:
    """Return a module of ours with `text` as its source."""
    return Module(name, ast.parse(text))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("hushpost_crypto.session", "import nacl.bindings"),
        ("hushpost_crypto.session", "def f() -> None:\n    from cryptography import x509"),
        ("hushpost_wire.frames", "from websockets import connect"),
        ("hushpost_server.listener", "import aiosqlite"),
        ("hushpost_server.login", "from nacl.public import Box"),
        ("hushpost_server.login", "from nacl import secret"),
        ("hushpost_server.login", "import nacl.bindings\nx = nacl.bindings.crypto_box"),
        ("hushpost_server.login", "from nacl.bindings import crypto_box_seal_open"),
        ("hushpost_server.login", "import nacl.bindings as sodium"),
        ("hushpost.engine", "import rich"),
        ("hushpost_proof.harness.person", "from tests.server import device"),
        ("hushpost_demo.story", "import hypothesis"),
    ],
)
def test_a_package_past_its_edge_is_found(name: str, text: str) -> None:
    """A third-party package in a module that is not its edge is reported with the module."""
    found = list(edge_violations([module(name, text)]))
    assert found
    assert all(name in line for line in found)


def test_a_second_edge_is_found() -> None:
    """Where one module may import a package, a second one is reported."""
    first = module("hushpost_store.sqlite", "import aiosqlite")
    second = module("hushpost_store.memory", "import aiosqlite")
    assert list(edge_violations([first])) == []
    (found,) = edge_violations([first, second])
    assert "hushpost_store.memory" in found


def test_the_relay_may_check_signatures() -> None:
    """The one use of PyNaCl that the relay has is permitted."""
    text = (
        "from nacl.signing import VerifyKey\nimport nacl.bindings\nimport nacl.exceptions\n"
        "x = nacl.bindings.crypto_sign_open, nacl.exceptions.BadSignatureError"
    )
    assert list(edge_violations([module("hushpost_server.login", text)])) == []


@pytest.mark.parametrize(
    "text",
    [
        "import asyncio",
        "from time import monotonic",
        "import os.path",
        "import secrets",
        "import socket",
        "from datetime import datetime\nx = datetime.now()",
        "from datetime import date\nx = date.today()",
        "x = open('file')",
    ],
)
@pytest.mark.parametrize("name", ["hushpost_wire.frames", "hushpost_crypto.x", "hushpost.engine"])
def test_an_impure_line_is_found(name: str, text: str) -> None:
    """A clock, randomness or I/O in pure code is reported with the module."""
    (found,) = purity_violations([module(name, text)])
    assert found.startswith(name)


def test_impure_packages_may_be_impure() -> None:
    """The rule is for pure packages only, and primitives may ask the system for randomness."""
    relay = module("hushpost_server.listener", "import asyncio, time")
    source = module("hushpost_crypto.primitives", "import os")
    assert list(purity_violations([relay, source])) == []


@pytest.mark.parametrize(
    "text", ["from hushpost_wire import frames", "from hushpost_wire.limits import X"]
)
def test_crypto_taking_more_than_records_is_found(text: str) -> None:
    """Crypto shares the layout of public records with the wire and nothing else."""
    assert list(crypto_violations([module("hushpost_crypto.session", text)])) != []


def test_crypto_may_take_records() -> None:
    """The modules that define public records are permitted."""
    text = "from hushpost_wire import labels\nfrom hushpost_wire.records import Genesis"
    assert list(crypto_violations([module("hushpost_crypto.genesis", text)])) == []
