"""The embeddable hushpost client: end-to-end-encrypted messages for your application.

`Client` is all that most apps need (docs/embedding.md); events, errors and states are beside it.
"""

from hushpost_crypto.address import Address, Invitation

from hushpost.client import Client
from hushpost.contacts import Contact, ContactStage, Knock
from hushpost.engine.peer_lists import KeysRejected
from hushpost.events import (
    AlarmKind,
    ClockWrong,
    Connection,
    ConnectionChanged,
    ContactAccepted,
    Event,
    KnockReceived,
    MessageReceived,
    MessagesExpired,
    MessagesMissing,
    MessageStateChanged,
    ResendRequested,
    SafetyAlarm,
    SessionRestarted,
    StorageChanged,
    TypingReceived,
    UndecryptableReceived,
    UnknownKindReceived,
)
from hushpost.inputs import BadInput
from hushpost.messages import Message, MessageNotDelivered, MessageState
from hushpost.qr import terminal_qr

__all__ = [
    "Address",
    "AlarmKind",
    "BadInput",
    "Client",
    "ClockWrong",
    "Connection",
    "ConnectionChanged",
    "Contact",
    "ContactAccepted",
    "ContactStage",
    "Event",
    "Invitation",
    "KeysRejected",
    "Knock",
    "KnockReceived",
    "Message",
    "MessageNotDelivered",
    "MessageReceived",
    "MessageState",
    "MessageStateChanged",
    "MessagesExpired",
    "MessagesMissing",
    "ResendRequested",
    "SafetyAlarm",
    "SessionRestarted",
    "StorageChanged",
    "TypingReceived",
    "UndecryptableReceived",
    "UnknownKindReceived",
    "terminal_qr",
]
