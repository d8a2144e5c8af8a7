"""Tests of hushpost_wire.host; the spellings by name stand in the vectors of addresses."""

import pytest
from hushpost_wire.errors import MalformedRecord
from hushpost_wire.host import Host, is_loopback, parse_host
from hypothesis import given
from hypothesis import strategies as st

LONG = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 61])


@pytest.mark.parametrize(
    "text",
    ["a", "relay.example", "relay.example:1", "relay.example:65535", "127.0.0.1", "10.0.0.1:8440",
     "[::1]", "[2001:db8::7]:8440", "xn--bcher-kva.example", LONG, f"{LONG}:1"],
)  # fmt: skip
def test_good_hosts_are_taken_as_they_stand(text: str) -> None:
    """A host in its one spelling comes back unchanged."""
    assert parse_host(text) == text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "empty"),
        ("a" * 256, "longer than 255"),
        ("bücher.example", "xn--"),
        ("Relay.example", "lower case"),
        ("a..b", "no host name"),
        ("-a.b", "no host name"),
        ("a.b.", "no host name"),
        ("a_b", "no host name"),
        ("a" * 64, "no host name"),
        (f"{LONG}a", "no host name"),
        ("1.2.3", "no IPv4"),
        ("1.2.3.256", "no IPv4"),
        ("a:0", "port"),
        ("a:", "port"),
        ("a:080", "port"),
        ("a:65536", "port"),
        ("a:1\n", "port"),
        ("[::1", "never closes"),
        ("[::1]x", "after its closing"),
        ("[::1]:", "port"),
        ("[nonsense]", "no IPv6"),
        ("[0:0:0:0:0:0:0:1]", "short form"),
        ("[fe80::1%1]", "short form"),
        ("[::ffff:1.2.3.4]", "IPv4 address 1.2.3.4"),
        ("[::ffff:102:304]", "IPv4 address 1.2.3.4"),
        ("[::ffff:127.0.0.1]:8440", "IPv4 address 127.0.0.1"),
        ("[::1.2.3.4]", "short form"),
        ("[64:ff9b::1.2.3.4]", "short form"),
    ],
)
def test_bad_hosts_are_told_apart(text: str, told: str) -> None:
    """Each wrong spelling is refused with words of its own."""
    with pytest.raises(MalformedRecord, match=told):
        parse_host(text)


@given(st.text(max_size=40))
def test_any_text_is_a_host_or_refused(text: str) -> None:
    """Nothing but MalformedRecord comes of arbitrary text, and what passes has no strange bytes."""
    try:
        host = parse_host(text)
    except MalformedRecord:
        return
    assert host == text.lower()
    assert set(host) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-:[]")


def test_only_the_own_machine_is_loopback() -> None:
    """Plain connections are allowed to this machine under any port, and to nothing else."""
    for text in ("localhost", "localhost:8440", "127.0.0.1", "127.1.2.3:9", "[::1]", "[::1]:8440"):
        assert is_loopback(parse_host(text))
    for text in ("localhost.example", "10.0.0.1", "[::2]", "relay.example", "127.0.0.1.example"):
        assert not is_loopback(Host(text))


@pytest.mark.parametrize("port", ["1", "9", "65535"])
def test_a_port_behind_a_bracket_is_read_whole(port: str) -> None:
    """From the first digit on."""
    assert parse_host(f"[::1]:{port}") == f"[::1]:{port}"
    for wrong in (f"[::1]:0{port}", f"[::1]::{port}", f"[::1]x{port}"):
        with pytest.raises(MalformedRecord):
            parse_host(wrong)
