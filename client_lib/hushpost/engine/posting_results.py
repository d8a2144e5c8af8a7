"""What follows from a relay's answer to a posted envelope (docs/spec/content.md, 7)."""

from hushpost_wire.frames import RefusalReason

from hushpost.content import Kind
from hushpost.engine import first_contact, message_states, outbox, wrong_clock
from hushpost.engine.desk import Desk
from hushpost.engine.outbox import OutboxEntry, Outcome


def posting_accepted(desk: Desk, key: bytes) -> None:
    """Work in that a relay has the envelope; a second answer about it changes nothing."""
    entry = outbox.find_entry(desk, key)
    if entry is not None:
        outbox.remove(desk, entry)
        message_states.entry_accepted(desk, entry)


def posting_refused(
    desk: Desk, key: bytes, reason: RefusalReason, retry_after: int
) -> OutboxEntry | None:
    """Work in a refusal; gives the entry if it is to be posted again, None if it is gone."""
    entry = outbox.find_entry(desk, key)
    if entry is None:
        return None
    outcome = outbox.refused(desk, entry, reason, retry_after)
    if outcome is Outcome.AGAIN and reason is RefusalReason.BAD_TTL:
        wrong_clock.lifetime_refused(desk)
    if outcome is Outcome.AGAIN:
        return outbox.find_entry(desk, key)
    if outcome is Outcome.EXPIRED:
        return None
    message_states.entry_refused(desk, entry)
    if entry.kind == Kind.REQUEST:
        first_contact.request_refused(desk, entry)
    return None


def posting_expired(desk: Desk, key: bytes) -> None:
    """Take out an envelope whose `not_after` passed here; its message becomes unconfirmed."""
    entry = outbox.find_entry(desk, key)
    if entry is not None:
        outbox.remove(desk, entry)
