"""Redis URLs: what is read, what is refused, and that no password shows."""

import pytest
from hushpost_store.redis.address import Address
from hushpost_store.redis.options import RedisOptions
from hushpost_store.redis.url import RedisUrl, UrlUnusable


def test_seeds_credentials_and_tls_are_read() -> None:
    """Several hosts are seeds; user and password are unquoted; rediss means TLS."""
    url = RedisUrl.parse("rediss://relay:p%40ss@a:1,b,[::1]:3/0")
    assert url.seeds == (Address("a", 1), Address("b", 6379), Address("::1", 3))
    assert (url.user, url.password, url.has_tls) == ("relay", "p@ss", True)
    plain = RedisUrl.parse("redis://:secret@localhost")
    assert (plain.user, plain.password, plain.has_tls) == (None, "secret", False)


def test_a_password_shows_in_no_repr() -> None:
    """The repr names servers alone; that of the options, which carry the text, not even those."""
    assert repr(RedisUrl.parse("redis://u:secret@h:1")) == "RedisUrl(h:1)"
    assert "secret" not in repr(RedisOptions("redis://u:secret@h:1"))


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


@pytest.mark.parametrize(
    ("text", "said"),
    [
        # The library's own reader of URLs raises for these, and quotes what it was given.
        ("redis://u:se[cret@h:1", "\\[ \\]"),
        ("redis://u:secret\u2100@h:1", "ASCII"),
        ("redis://u:secret@[::1", "brackets"),
        ("redis://u:secret@[nonsense]:1", "brackets"),
        # It cuts these short, or passes over what it does not like.
        ("redis://u:sec/ret@h:1", "percent"),
        ("redis://u:sec?ret@h:1", "percent"),
        ("redis://u:sec#ret@h:1", "percent"),
        ("redis://u:sec ret@h:1", "space"),
        ("redis://u:sec\nret@h:1", "space"),
        ("redis://u:secret@a b:1", "space"),
        ("redis://u:secret@::1", "brackets"),
        ("redis://u:secret@h\u00e4:1", "ASCII"),
        ("redis://u:secret@..:1", "host"),
        (f"redis://u:secret@{'a' * 64}.example:1", "host"),
        # A password written where the user stands would be sent to nobody, without a word.
        ("redis://secret@h:1", "redis://:password@host"),
    ],
)
def test_what_a_reader_of_urls_gets_wrong_is_said_in_words(text: str, said: str) -> None:
    """An unusual password or host is told what to write instead, and is quoted nowhere."""
    with pytest.raises(UrlUnusable, match=said) as refused:
        RedisUrl.parse(text)
    assert "sec" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_what_is_around_a_url_is_no_part_of_it() -> None:
    """A line end that a file of secrets has, and capitals of the scheme, change nothing."""
    assert RedisUrl.parse(" REDIS://h:1\n").seeds == (Address("h", 1),)
    assert RedisUrl.parse("redis://u:%5B%2F%C3%A9@h").password == "[/\u00e9"
    assert RedisUrl.parse("redis://u:p@ss@h.").password == "p@ss"
    assert RedisUrl.parse("redis://a:1,[2001:db8::1]:2").seeds[1] == Address("2001:db8::1", 2)
