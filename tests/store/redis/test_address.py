"""Addresses of servers, as a cluster writes them."""

from hushpost_store.redis.address import Address


def test_an_address_is_read_from_the_right() -> None:
    """The last colon parts host and port, also of an IPv6 address."""
    assert Address.parse("10.0.0.1:6379", "x") == Address("10.0.0.1", 6379)
    assert Address.parse("::1:6379", "x") == Address("::1", 6379)


def test_an_empty_host_is_who_said_it() -> None:
    """A server that does not know its own name stays where it was asked."""
    assert Address.parse(":6380", "10.0.0.1") == Address("10.0.0.1", 6380)
