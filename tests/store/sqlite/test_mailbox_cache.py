"""The cache of mailboxes: bounded, and never without what is in use."""

from __future__ import annotations

from hushpost_store.admission import MailboxState
from hushpost_store.sqlite.mailbox_cache import NOT_LOADED, UNKNOWN, MailboxCache


def test_the_least_used_goes_and_pinned_mailboxes_stay() -> None:
    """At its bound the cache gives up the least recently used mailbox that nobody needs."""
    cache = MailboxCache(entries_max=3, unknown_routes_max=2)
    pinned, used, idle = MailboxState(pins=1), MailboxState(), MailboxState()
    for route, mailbox in ((b"p", pinned), (b"i", idle), (b"u", used)):
        cache.put(route, mailbox)
    assert cache.get(b"u") is used
    cache.put(b"n", MailboxState())
    assert cache.get(b"i") is NOT_LOADED
    assert cache.get(b"p") is pinned
    assert cache.get(b"u") is used
    assert (cache.entries, len(cache)) == (3, 3)


def test_guessed_routes_have_a_bound_of_their_own() -> None:
    """Unknown routes push out one another, never a mailbox, and may come to be."""
    cache = MailboxCache(entries_max=1, unknown_routes_max=2)
    cache.put(b"m", MailboxState())
    for route in (b"1", b"2", b"3"):
        cache.put(route, None)
    assert cache.get(b"1") is NOT_LOADED
    assert cache.get(b"3") is UNKNOWN
    assert isinstance(cache.get(b"m"), MailboxState)
    cache.made(b"3")
    assert cache.get(b"3") is NOT_LOADED
