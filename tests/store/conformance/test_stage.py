"""What the cases are made of."""

from __future__ import annotations

import asyncio
import hashlib

import pytest
from hushpost_store import DropKind, MemoryStore, Refusal, errors
from hushpost_store.conformance import (
    NOW,
    Recorder,
    account,
    backlog,
    check,
    digest,
    envelope,
    post,
    raises,
    route,
    with_drops,
)


def test_people_and_envelopes_are_the_same_every_time() -> None:
    """Names decide all bytes; ids are those of the bytes; different numbers differ."""
    assert account("bob", 2) == account("bob", 2)
    assert account("bob").devices[0].route == route("bob")
    first, second = envelope("alice", 1), envelope("alice", 2, size=16384)
    assert first == envelope("alice", 1)
    assert (len(first.envelope), len(second.envelope)) == (4096, 16384)
    for submission in (first, second):
        assert submission.envelope_id == hashlib.sha256(submission.envelope).digest()[:16]
    assert first.envelope_id != second.envelope_id


async def test_a_recorder_keeps_the_order_and_settles_at_the_end() -> None:
    """Admission alone settles nothing; refusal, commit and failure do."""
    for end in ("committed", "failed"):
        recorder = Recorder()
        recorder.told.append("before")
        assert not recorder.settled.is_set()
        getattr(recorder, end)()
        assert recorder.told == ["before", end]
        assert recorder.settled.is_set()
    refused = Recorder()
    refused.refused(Refusal.FULL, 7)
    assert (refused.reason, refused.retry_after, refused.settled.is_set()) == (
        Refusal.FULL,
        7,
        True,
    )


async def test_posting_and_reading_through_the_stage() -> None:
    """What `post` sends through `with_drops` is what `backlog` reads."""
    store = MemoryStore()
    await with_drops(store, "alice", kind=DropKind.KNOCK)
    told = await post(store, envelope("alice", 1), NOW)
    assert told.told == ["admitted", "committed"]
    (read,) = await backlog(store)
    assert read.envelope == envelope("alice", 1).envelope
    assert read.drop_hash == digest("alice")[:16]


async def test_a_sentence_that_does_not_hold_fails_the_case() -> None:
    """`check` and `raises` name the sentence; what was expected to be raised passes."""
    check(True, "holds")
    with pytest.raises(AssertionError, match="the sentence"):
        check(False, "the sentence")
    with pytest.raises(AssertionError, match="the sentence"):
        await raises(asyncio.sleep(0), errors.StoreError, "the sentence")
    store = MemoryStore()
    unknown = store.open_mailbox(b"?" * 16, NOW)
    await raises(unknown, errors.MailboxUnknown, "raised as expected")
