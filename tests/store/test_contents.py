"""Copying an account from one store into another."""

from __future__ import annotations

from hushpost_store.contents import PAGE_ENVELOPES, copy_account

from tests.store.held import ID, PERSON, Held, full


async def test_an_account_is_copied_whole_and_in_pages() -> None:
    """All of it is there afterwards, in order, and no page is longer than its bound."""
    source, target = full(PAGE_ENVELOPES + 1), Held()
    await copy_account(source, target, ID)
    assert (target.accounts, target.mailboxes) == (source.accounts, source.mailboxes)
    assert target.queued == source.queued
    assert target.asked == [
        *("forget", "account", "mailbox"),
        *(f"page of {PAGE_ENVELOPES}", "page of 1", "mailbox"),
    ]


async def test_what_was_half_written_is_forgotten_first() -> None:
    """A copy that was broken off leaves nothing beside what the next one writes."""
    source, target = full(), full(9)
    await copy_account(source, target, ID)
    assert target.queued == source.queued
    assert target.mailboxes == source.mailboxes


async def test_an_unknown_account_leaves_the_target_alone() -> None:
    """Nothing is forgotten for an account that is not there; a missing mailbox is passed over."""
    target = Held()
    await copy_account(full(), target, bytes(32))
    assert not target.asked
    source = full()
    del source.mailboxes[PERSON.devices[1].route]
    await copy_account(source, target, ID)
    assert list(target.mailboxes) == [PERSON.devices[0].route]


def test_the_figures_of_a_mailbox_are_sums_over_its_drops() -> None:
    """How much waits follows from what waits through each drop."""
    mailbox = full(3).mailboxes[PERSON.devices[0].route]
    assert (mailbox.queued, mailbox.queued_bytes) == (3, 3 * 4096)
