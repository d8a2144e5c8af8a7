"""Every kind of record that a vault holds, sealed: what, why, and until when.

It is the owner's own device: nothing of this is ever sent, but what the protocol says. The columns
around it are in `vault_inventory`.
"""

from dataclasses import dataclass
from typing import Final

from hushpost.vault_rows import Table


@dataclass(frozen=True, slots=True)
class RecordKind:
    """One kind of record: what it holds, why, and until when. All of it is sealed."""

    holds: str
    purpose: str
    retention: str


_CONTACT_LIFE: Final = "until the contact is removed"
_ERASE_DAYS: Final = "37 days after issue"

RECORDS: Final = {
    Table.ACCOUNT: RecordKind(
        "own keys, device lists, host, name, settings",
        "is the account",
        "until the account is deleted",
    ),
    Table.CONTACTS: RecordKind(
        "a contact's address, keys, device lists, name, whether verified",
        "knows people again",
        _CONTACT_LIFE,
    ),
    Table.DEVICES: RecordKind(
        "a contact's device: route, secret to post with, counters",
        "reaches each device of a contact, in order",
        _CONTACT_LIFE,
    ),
    Table.SESSIONS: RecordKind(
        "ratchet states and at most 1,000 skipped keys each",
        "opens and seals messages",
        "each state until the next one; skipped keys 30 days at most",
    ),
    Table.ONE_TIME_PREKEYS: RecordKind(
        "secrets of one-time prekeys", "opens first messages", f"until used; {_ERASE_DAYS}"
    ),
    Table.SIGNED_PREKEYS: RecordKind(
        "secrets of signed prekeys", "opens first messages", _ERASE_DAYS
    ),
    Table.SEAL_SECRETS: RecordKind(
        "secrets of seal keys", "opens the seal of first messages", _ERASE_DAYS
    ),
    Table.DROPS: RecordKind(
        "hashes of drops into the own mailbox, and whose they are",
        "knows through whom an envelope came",
        "until revoked, and then while mail through it may still come",
    ),
    Table.OUTBOX: RecordKind(
        "sealed envelopes on their way, with the secret to post them",
        "sends the same bytes again",
        "until accepted, refused, or past their end",
    ),
    Table.MESSAGES: RecordKind(
        "own messages: state, and the text until it need not be sealed again",
        "tells how far a message came, and sends it again",
        "the text until delivered; the row 30 days, a lost one 45",
    ),
    Table.SEEN_ENVELOPES: RecordKind(
        "ids of envelopes", "takes none twice", "a day past the envelope's end"
    ),
    Table.SEEN_MESSAGES: RecordKind("inner ids of messages", "shows none twice", "64 days"),
    Table.KEM_CIPHERTEXTS: RecordKind(
        "hashes of first messages' ciphertexts",
        "refuses a repeated first message",
        "as long as the secret that it used",
    ),
    Table.KNOCKS: RecordKind(
        "strangers who asked: address, name, text, a drop to answer through",
        "lets the person decide",
        "until accepted or declined, or pushed out by newer ones",
    ),
    Table.HELD: RecordKind(
        "messages that came before an earlier one",
        "shows messages in order",
        "until the gap closes or is given up",
    ),
    Table.PARTS: RecordKind(
        "parts of long messages", "puts them together", "until whole, at most 64 days"
    ),
    Table.TASKS: RecordKind(
        "what is still to be asked of a relay", "survives a lost connection", "until done"
    ),
    Table.RECEIPTS: RecordKind(
        "receipts that wait to be sent together", "blurs their time", "until sent: seconds"
    ),
    Table.EVENTS: RecordKind(
        "what the app has not taken yet, texts included",
        "gives each event exactly once",
        "until the app has consumed it",
    ),
    Table.SETTINGS: RecordKind(
        "accounts whose knocks were declined", "keeps them away", "until the person adds them"
    ),
    Table.EXPIRIES: RecordKind(
        "how many envelopes of a contact expired unread",
        "asks for them again",
        "until told and asked",
    ),
}
