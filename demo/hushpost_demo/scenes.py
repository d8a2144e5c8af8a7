"""What is said in the demo, and in which words it is told. Plain words, short sentences."""

from dataclasses import dataclass
from typing import Final

# None of these words stands in the relay's own log or tables: the scan at the end hunts them all.
KNOCK: Final = "Hello Bob, it is Alice from the orchard!"
WELCOME: Final = "Alice! What a pleasure. Did the pears ripen?"
REPLY: Final = "Plenty. Come over and bring a ladder."
WHILE_AWAY: Final = (
    "Just between us: I quit today.",
    "The new job is in Lisbon, from January.",
    "Nobody at work has the slightest idea.",
)
WHILE_DEAD: Final = "And my sister moves with me!"
ANSWER: Final = "Lisbon! Congratulations, I shall carry your boxes."


@dataclass(frozen=True, slots=True)
class Scene:
    """A heading, and what a newcomer needs to know to read what follows."""

    title: str
    words: str


OPENING: Final = Scene(
    "Two people and a relay",
    "Alice and Bob want to write to each other. Their apps cannot meet directly, so a relay stands"
    " between them: a program on somebody else's computer that keeps mail until it is fetched."
    " Nothing here is played. The relay is a process of its own, and the middle column is read from"
    " its database, its counters and its log just before it is printed.",
)
ACCOUNTS: Final = Scene(
    "Both make an account",
    "An account is a bundle of keys, made on the person's own device. The relay gets no name, no"
    " number, no e-mail address, and a mailbox is known to it by a random number only.",
)
FIRST_CONTACT: Final = Scene(
    "Alice knocks, Bob lets her in",
    "Bob gave Alice his address, as one hands over a card. She writes to it; Bob's app asks him"
    " whether he wants to hear from her. Both apps then show the same safety number. If the two"
    " read it to each other and it is the same, nobody stands between them.",
)
ONLINE: Final = Scene(
    "They write, both online",
    "What one writes is sealed on the device and opened on the other. The relay passes it on and"
    " forgets it as soon as the reader has it.",
)
OFFLINE: Final = Scene(
    "Bob's app is closed; Alice goes on writing",
    "Now the relay has to keep mail. It keeps sealed envelopes, all of one size. The hex digits are"
    " how one of them begins.",
)
KILLED: Final = Scene(
    "The relay is killed",
    "Signal 9, as if it crashed: no goodbye, nothing tidied up. Alice writes once more. Her"
    " app keeps that message and tries again. The middle column is what the dead relay's disk"
    " holds.",
)
RESTARTED: Final = Scene(
    "The relay is started again, and Bob opens his app",
    "When the relay said it had a message, the message was on its disk. So it is all there:"
    " everything arrives once, and in the order in which it was written.",
)
GONE: Final = Scene(
    "What was read is gone",
    "Deleting in a database often leaves the bytes in the file. So we took the very bytes of the"
    " envelopes that had waited, and look for them in every file of the relay until none is left.",
)
SCAN: Final = Scene(
    "Looking for a leak",
    "Last, we read every file that the relay wrote: database, log, temporary files. We look for"
    " every word that was said and for both names, as plain text and in other spellings that"
    " computers use. Then we plant the same words there on purpose, to see that looking finds.",
)

CANNOT_TELL: Final = (
    "who put an envelope there",
    "what it says, or how long the text is",
    "whether it is a letter, a receipt or a first hello",
    "which person an account is",
)
CAN_TELL: Final = (
    "how much waits in which mailbox",
    "who is connected now, and from which address, for as long as it lasts",
    "and, if it watches the clock, it may guess who writes to whom",
)

CLEAN: Final = (
    "No word that was said stands in anything the relay wrote, and what was read is gone from it."
)
LEAKED: Final = "Something leaked, or the scan is blind: do not trust this build."
