"""Redis URLs: what is read, what is refused, and that no password shows."""

import pytest
from hushpost_store.redis.address import Address
from hushpost_store.redis.url import RedisUrl, UrlUnusable


def test_seeds_credentials_and_tls_are_read() -> None:
    """Several hosts are seeds; user and password are unquoted; rediss means TLS."""
    url = RedisUrl.parse("rediss://relay:p%40ss@a:1,b,[::1]:3/0")
    assert url.seeds == (Address("a", 1), Address("b", 6379), Address("::1", 3))
    assert (url.user, url.password, url.has_tls) == ("relay", "p@ss", True)
    plain = RedisUrl.parse("redis://:secret@localhost")
    assert (plain.user, plain.password, plain.has_tls) == (None, "secret", False)


def test_a_password_shows_in_no_repr() -> None:
    """The repr names servers alone."""
    assert repr(RedisUrl.parse("redis://u:secret@h:1")) == "RedisUrl(h:1)"


@pytest.mark.parametrize(
    "text",
    ["http://h:1", "redis://", "redis://h:x", "redis://h:0", "redis://h:1/3", "redis://h:1?db=2"],
)
def test_what_cannot_be_meant_is_refused_without_quoting_it(text: str) -> None:
    """The error says how a URL is written and repeats nothing, since it may hold a password."""
    with pytest.raises(UrlUnusable) as refused:
        RedisUrl.parse(text.replace("//", "//u:secret@"))
    assert "secret" not in str(refused.value)
    assert "redis" in str(refused.value).lower()
