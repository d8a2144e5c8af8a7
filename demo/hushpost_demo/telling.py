"""Events of a client as a line for people and as facts for scripts (docs/cli.md, "Events")."""

from dataclasses import dataclass, field
from functools import singledispatch

from hushpost import (
    ClockWrong,
    ConnectionChanged,
    Contact,
    ContactAccepted,
    Event,
    Knock,
    KnockReceived,
    MessageReceived,
    MessagesExpired,
    MessagesMissing,
    MessageStateChanged,
    ResendRequested,
    SafetyAlarm,
    SessionRestarted,
    TypingReceived,
    UndecryptableReceived,
    UnknownKindReceived,
)

from hushpost_demo.plain_text import printable, printable_lines
from hushpost_demo.stage import Json
from hushpost_demo.who import short_id, shown_name


@dataclass(frozen=True, slots=True)
class Told:
    """One event, told both ways. A ``line`` of None is not worth a person's attention."""

    kind: str
    line: str | None
    facts: dict[str, Json] = field(default_factory=dict)


def contact_json(contact: Contact) -> dict[str, Json]:
    """Give a contact as facts."""
    return {
        "address": contact.address,
        "name": contact.name,
        "stage": str(contact.stage),
        "verified": contact.verified,
    }


def knock_json(knock: Knock) -> dict[str, Json]:
    """Give a knock as facts."""
    return {
        "address": knock.address,
        "name": knock.name,
        "text": knock.text,
        "invited": knock.invited,
    }


def tell(event: Event) -> Told:
    """Tell an event both ways."""
    return _tell(event)


@singledispatch
def _tell(event: object) -> Told:
    # A kind of event that a later library adds is shown by its name rather than lost.
    return Told("event", f"-- {type(event).__name__}", {"event": type(event).__name__})


@_tell.register
def _message(event: MessageReceived) -> Told:
    late = " (late)" if event.late else ""
    first, *rest = printable_lines(event.text)
    name = shown_name(event.contact)
    lines = [f"{name}{late}: {first}", *(" " * len(name) + f"  {line}" for line in rest)]
    facts: dict[str, Json] = {
        "contact": contact_json(event.contact),
        "message_id": event.message_id,
        "text": event.text,
        "sent_at": None if event.sent_at is None else event.sent_at.isoformat(),
        "late": event.late,
    }
    return Told("message", "\n".join(lines), facts)


@_tell.register
def _knock(event: KnockReceived) -> Told:
    knock = event.knock
    how = " (by your invitation)" if knock.invited else ""
    said = f' and says: "{printable(knock.text)}"' if knock.text else ""
    line = f"-- {shown_name(knock)} knocks{how}{said}  [id {short_id(knock)}]"
    return Told("knock", line, {"knock": knock_json(knock)})


@_tell.register
def _accepted(event: ContactAccepted) -> Told:
    line = f"-- {shown_name(event.contact)} accepted you; what waited is on its way"
    return Told("contact_accepted", line, {"contact": contact_json(event.contact)})


@_tell.register
def _state(event: MessageStateChanged) -> Told:
    line = f"-- message {event.message_id[:8]} to {shown_name(event.contact)}: {event.state}"
    facts: dict[str, Json] = {
        "contact": contact_json(event.contact),
        "message_id": event.message_id,
        "state": str(event.state),
    }
    return Told("message_state", line, facts)


@_tell.register
def _restarted(event: SessionRestarted) -> Told:
    line = (
        f"-- {shown_name(event.contact)} began a new session and did not prove to know the last"
        " one: a new installation, or somebody else. In doubt compare the safety number again"
    )
    return Told("session_restarted", line, {"contact": contact_json(event.contact)})


@_tell.register
def _alarm(event: SafetyAlarm) -> Told:
    about = "" if event.contact is None else f" about {shown_name(event.contact)}"
    facts: dict[str, Json] = {
        "contact": None if event.contact is None else contact_json(event.contact),
        "alarm": str(event.kind),
        "explanation": event.explanation,
    }
    return Told("alarm", f"!! ALARM{about} ({event.kind}): {printable(event.explanation)}", facts)


@_tell.register
def _missing(event: MessagesMissing) -> Told:
    line = f"-- {event.count} of {shown_name(event.contact)}'s messages did not arrive"
    facts: dict[str, Json] = {"contact": contact_json(event.contact), "count": event.count}
    return Told("messages_missing", line, facts)


@_tell.register
def _expired(event: MessagesExpired) -> Told:
    whose = "strangers" if event.contact is None else shown_name(event.contact)
    line = f"-- {event.count} envelopes of {whose} expired at the relay before you fetched them"
    return Told("expired", line, _counted(event.contact, event.count))


@_tell.register
def _resend(event: ResendRequested) -> Told:
    whose = shown_name(event.contact)
    line = (
        f"-- {len(event.message_ids)} of your messages did not reach {whose}: `hushpost send-again`"
        " sends them once more, and nobody sees one twice"
    )
    names: list[Json] = list(event.message_ids)
    facts: dict[str, Json] = {"contact": contact_json(event.contact), "message_ids": names}
    return Told("resend_requested", line, facts)


@_tell.register
def _clock(event: ClockWrong) -> Told:
    facts: dict[str, Json] = {"hours": event.hours, "explanation": event.explanation}
    return Told("clock_wrong", f"!! {printable(event.explanation)}", facts)


@_tell.register
def _undecryptable(event: UndecryptableReceived) -> Told:
    whose = "strangers" if event.contact is None else shown_name(event.contact)
    line = f"-- {event.count} envelopes of {whose} could not be opened"
    return Told("undecryptable", line, _counted(event.contact, event.count))


@_tell.register
def _unknown_kind(event: UnknownKindReceived) -> Told:
    whose = shown_name(event.contact)
    line = f"-- {event.count} messages of {whose} need a newer version of this program"
    return Told("unknown_kind", line, _counted(event.contact, event.count))


@_tell.register
def _typing(event: TypingReceived) -> Told:
    line = f"-- {shown_name(event.contact)} is writing" if event.began else None
    facts: dict[str, Json] = {"contact": contact_json(event.contact), "began": event.began}
    return Told("typing", line, facts)


@_tell.register
def _connection(event: ConnectionChanged) -> Told:
    line = f"-- {event.connection}: {printable(event.explanation)}"
    facts: dict[str, Json] = {
        "connection": str(event.connection),
        "explanation": event.explanation,
    }
    return Told("connection", line, facts)


def _counted(contact: Contact | None, count: int) -> dict[str, Json]:
    return {"contact": None if contact is None else contact_json(contact), "count": count}
