"""What `Client.events()` yields (docs/embedding.md; docs/spec/content.md, 8 and 9).

Most events are kept in the vault until they are consumed: an event counts as consumed when the loop
asks for the next one. After a crash the one that was being handled comes again, so handle events in
a way that doing twice is harmless (`MessageReceived.message_id` tells repeats apart). The two that
only mean something now, `TypingReceived` and `ConnectionChanged`, are not kept.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from hushpost.contacts import Contact, Knock
from hushpost.messages import MessageState


class AlarmKind(StrEnum):
    """What somebody did, most likely a relay (docs/spec/content.md, 8)."""

    FORGED_LIST = "forged-list"
    FORKED_LIST = "forked-list"
    OWN_LIST_FORKED = "own-list-forked"
    WITHHELD_LIST = "withheld-list"
    ROLLED_BACK_LIST = "rolled-back-list"
    STALE_LIST = "stale-list"
    FOREIGN_PREKEYS = "foreign-prekeys"
    WRONG_DROP = "wrong-drop"
    REPLAYED = "replayed"
    REORDERED = "reordered"
    ALTERED = "altered"
    FOREIGN_HOST = "foreign-host"
    RELAY_KEY_CHANGED = "relay-key-changed"


class Connection(StrEnum):
    """The inbox connection: whether mail arrives now."""

    ONLINE = "online"
    OFFLINE = "offline"
    DISPLACED = "displaced"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """A contact's message, complete, in the order it was written.

    ``late`` means that it belongs before messages shown already: its place was given up, or it was
    sent again; ``sent_at`` is when it was written by the sender's claim, None if there is none.
    Tell `Client.mark_read` when the person saw it.
    """

    contact: Contact
    message_id: str
    # Not in the repr: events end up in logs.
    text: str = field(repr=False)
    sent_at: datetime | None
    late: bool


@dataclass(frozen=True, slots=True)
class KnockReceived:
    """A stranger asks for contact: `Client.accept(knock)` or `Client.decline(knock)`."""

    knock: Knock


@dataclass(frozen=True, slots=True)
class ContactAccepted:
    """The contact you wrote to accepted; what waited is on its way."""

    contact: Contact


@dataclass(frozen=True, slots=True)
class MessageStateChanged:
    """A message you sent moved on. Several moves may be reported as the last one only."""

    contact: Contact
    message_id: str
    state: MessageState


@dataclass(frozen=True, slots=True)
class SessionRestarted:
    """The contact's device began a new session without proving that it knew the last one.

    A reinstalled app does that, and so does an impostor with a stolen device key: compare the
    safety number if you are in doubt.
    """

    contact: Contact


@dataclass(frozen=True, slots=True)
class SafetyAlarm:
    """Somebody showed keys, lists or mail that cannot be right; ``explanation`` says what it means.

    ``contact`` is None when it concerns no contact.
    """

    contact: Contact | None
    kind: AlarmKind
    explanation: str


@dataclass(frozen=True, slots=True)
class MessagesMissing:
    """Messages of this contact were sent and did not arrive; later ones are shown without them."""

    contact: Contact
    count: int


@dataclass(frozen=True, slots=True)
class MessagesExpired:
    """Mail for you expired at the relay before this device fetched it; None: not from a contact.

    The client asks the contact by itself; whether it is sent again is up to them. ``count`` is the
    relay's word, and counts receipts and the like, too. Of each contact at most once a day.
    """

    contact: Contact | None
    count: int


@dataclass(frozen=True, slots=True)
class ResendRequested:
    """Messages of yours did not arrive, says the contact's device: they expired, or were lost.

    Send them again with `Client.send_all_again(event)`, or one with `Client.send_again`: nobody
    sees one twice. They are `unconfirmed` now; those longer than 45 days ago are not named.
    """

    contact: Contact
    message_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClockWrong:
    """The clocks of this device and of its relay differ by more than a day.

    ``hours`` is how far this device is ahead; ``explanation`` says it to a person. Mail may be
    refused until one of them is set right: it waits.
    """

    hours: int
    explanation: str


@dataclass(frozen=True, slots=True)
class UndecryptableReceived:
    """Envelopes arrived that no key opens. ``count`` is since the last such event was consumed.

    A few through the knock drop are noise. From a contact: call `Client.restart_session`.
    """

    contact: Contact | None
    count: int


@dataclass(frozen=True, slots=True)
class UnknownKindReceived:
    """The contact sent something that this version cannot show: it, or the contact's, is older.

    ``count`` is since the last such event was consumed. Tell the person to update the app.
    """

    contact: Contact
    count: int


@dataclass(frozen=True, slots=True)
class TypingReceived:
    """The contact began or stopped writing. Not kept."""

    contact: Contact
    began: bool


@dataclass(frozen=True, slots=True)
class ConnectionChanged:
    """The inbox connection came or went; ``explanation`` says why. Not kept."""

    connection: Connection
    explanation: str


@dataclass(frozen=True, slots=True)
class StorageChanged:
    """The disk refuses to store, or stores again (``working``). Not kept.

    Until it works nothing new is sent or shown; ``explanation`` says what to do.
    """

    working: bool
    explanation: str


KeptEvent = (
    MessageReceived
    | KnockReceived
    | ContactAccepted
    | MessageStateChanged
    | SessionRestarted
    | SafetyAlarm
    | MessagesMissing
    | MessagesExpired
    | ResendRequested
    | ClockWrong
    | UndecryptableReceived
    | UnknownKindReceived
)
TransientEvent = TypingReceived | ConnectionChanged | StorageChanged
Event = KeptEvent | TransientEvent
