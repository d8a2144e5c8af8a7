"""What every answer to an order says, whoever it is about: what is not there, and why.

Each sentence is a claim that the rest of the project has to keep; `docs/threat-model.md` holds them
together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Absence:
    """Something that is asked for and cannot be produced."""

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where else an operator keeps something, and what of it is about the account."""

    where: str
    holds: str


CANNOT: Final = (
    Absence(
        "what messages say, and what is in files, profiles and groups",
        "it is encrypted between devices; the relay has no key, and its program cannot decrypt",
    ),
    Absence(
        "who sent an envelope",
        "posting connections never log in; an envelope names a drop, whose secret its contact made"
        " and never told in a way that could be stored: the relay has a hash of it",
    ),
    Absence(
        "who the account's contacts are, and whom it writes to",
        "contacts are known to its own devices alone; what it sends leaves on connections that"
        " name nobody",
    ),
    Absence(
        "a name, an e-mail address, a telephone number",
        "they are never asked for, and no message of the protocol could carry one to the relay",
    ),
    Absence(
        "addresses from which it connected, devices and programs it used, and when",
        "they are neither stored nor logged; no stored time is finer than a day, an hour for"
        " envelopes that live an hour",
    ),
    Absence(
        "envelopes that were delivered, or that expired",
        "they are overwritten on the disk within 30 seconds of the acknowledgement or the sweep",
    ),
    Absence(
        "who asked for its keys, knocked, or has its address",
        "such requests are anonymous; what limits them is counted in memory for an hour",
    ),
    Absence(
        "an account that was deleted, or whether there ever was one",
        "deletion removes every row, and leaves no mark",
    ),
)

LIVE: Final = (
    "No command of hushpost answers who is connected from where, and none records it. A running"
    " relay has it in memory, as named here, for as long as the connection lasts; a stopped one has"
    " nothing.",
    "An operator who is made to watch from now on could get it by recording the network, by reading"
    " the memory of the process, or by running a changed program: from which addresses the"
    " account's devices connect, when, and how much passes; when envelopes arrive for it and from"
    " which addresses (a proxy's, if their senders use one); and new envelopes, sealed. Nobody can"
    " be made to watch the past.",
)

ELSEWHERE: Final = (
    Place(
        "the log (standard error)",
        "nothing: no event can name an account, a mailbox or an address",
    ),
    Place(
        "metrics and health",
        "nothing: sums over all accounts",
    ),
    Place(
        "backups that the operator made",
        "the rows above as they stood on that day, but no envelope, notice, one-use drop or"
        " one-time prekey; run this command with --data-folder on a restored copy",
    ),
    Place(
        "the configuration and the identity key",
        "nothing about any account",
    ),
    Place(
        "the disk beneath",
        "a file system or a solid-state disk may keep old blocks of the database: sealed envelopes"
        " and keys that are public; encrypt the disk",
    ),
    Place(
        "a proxy in front of the relay",
        "whatever its own log was told to keep; docs/operating.md says to turn it off",
    ),
)
