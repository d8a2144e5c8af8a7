"""Tests of how events are told, to people and to scripts."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from hushpost import (
    AlarmKind,
    ClockWrong,
    Connection,
    ConnectionChanged,
    Contact,
    ContactAccepted,
    ContactStage,
    Event,
    Knock,
    KnockReceived,
    MessageReceived,
    MessagesExpired,
    MessagesMissing,
    MessageState,
    MessageStateChanged,
    ResendRequested,
    SafetyAlarm,
    SessionRestarted,
    TypingReceived,
    UndecryptableReceived,
    UnknownKindReceived,
)
from hushpost_demo.telling import tell

BOB = Contact("hushpost://r/abcdefghij", b"", "Bob", ContactStage.OPEN, verified=False)
KNOCK = Knock("hushpost://r/klmnopqrst", b"", "Eve\x1b", "let me\nin", invited=True)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)

CASES: list[tuple[Event, str, str | None]] = [
    (MessageReceived(BOB, "aa", "hi", NOON, late=False), "message", "Bob: hi"),
    (MessageReceived(BOB, "aa", "a\nb", None, late=True), "message", "Bob (late): a\n     b"),
    (KnockReceived(KNOCK), "knock", "by your invitation"),
    (ContactAccepted(BOB), "contact_accepted", "Bob accepted you"),
    (
        MessageStateChanged(BOB, "abcdef0123456789", MessageState.READ),
        "message_state",
        "message abcdef01 to Bob: read",
    ),
    (SessionRestarted(BOB), "session_restarted", "compare the safety number again"),
    (SafetyAlarm(BOB, AlarmKind.FORKED_LIST, "why"), "alarm", "!! ALARM about Bob"),
    (SafetyAlarm(None, AlarmKind.ALTERED, "why"), "alarm", "!! ALARM (altered): why"),
    (MessagesMissing(BOB, 3), "messages_missing", "3 of Bob's messages"),
    (MessagesExpired(None, 2), "expired", "2 envelopes of strangers"),
    (MessagesExpired(BOB, 2), "expired", "2 envelopes of Bob"),
    (
        ResendRequested(BOB, ("aa" * 16,)),
        "resend_requested",
        "1 of your messages did not reach Bob",
    ),
    (ClockWrong(30, "a day\x1b ahead"), "clock_wrong", "!! a day"),
    (UndecryptableReceived(BOB, 1), "undecryptable", "1 envelopes of Bob"),
    (UnknownKindReceived(BOB, 2), "unknown_kind", "2 messages of Bob need a newer version"),
    (TypingReceived(BOB, began=True), "typing", "Bob is writing"),
    (TypingReceived(BOB, began=False), "typing", None),
    (ConnectionChanged(Connection.OFFLINE, "gone"), "connection", "offline: gone"),
]


@pytest.mark.parametrize(("event", "kind", "words"), CASES, ids=lambda case: type(case).__name__)
def test_each_event_is_told_both_ways(event: Event, kind: str, words: str | None) -> None:
    """A person reads words without control characters, a script gets facts that JSON carries."""
    told = tell(event)
    assert told.kind == kind
    assert json.loads(json.dumps(told.facts)) == told.facts
    if words is None:
        assert told.line is None
    else:
        assert told.line is not None
        assert words in told.line
        assert "\x1b" not in told.line


def test_a_strange_event_is_named() -> None:
    """An event of a later library is shown by its name."""

    @dataclass(frozen=True)
    class Later:
        """No event of today."""

    told = tell(cast(Any, Later()))
    assert told.line == "-- Later"
