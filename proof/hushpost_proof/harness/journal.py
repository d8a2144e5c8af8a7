"""What a client under test claims, written to a file before anyone can hold it to the claim.

Every life of a client process (an incarnation) appends to a file of its own,
`<client>.<incarnation>.jsonl`: one line, one event, one write to the operating system. Signal 9
takes nothing that was handed to the system, so a line that is there was true when it was written:

    sending       before the library is asked       a message of these bytes may arrive from now on
    sent          after it returned                 the message has this id and is in the outbox
    accepted      after it said so                  the relay promises to deliver the message
    refused       after it said so                  the relay takes the message no more
    confirmed     after it said so                  the other device says that it has the message
    received      when the app is given a message   before the app does anything with it
    acknowledged  when the app is done with it      nobody may hand it to the app again
    alarmed       after the library warned          the id is the kind of the warning
    ended         as the last line of a life that nobody cut short

Bodies are kept as SHA-256: equal digests are equal bytes, and a history can be shown to anyone.
"""

import json
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from types import TracebackType

_SUFFIX = ".jsonl"


class What(StrEnum):
    """The events of a history."""

    SENDING = "sending"
    SENT = "sent"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    CONFIRMED = "confirmed"
    RECEIVED = "received"
    ACKNOWLEDGED = "acknowledged"
    ALARMED = "alarmed"
    ENDED = "ended"


class HistoryDamaged(Exception):
    """The history itself cannot be believed: a fault of the test and not of what it tests."""


@dataclass(frozen=True, slots=True)
class Event:
    """One line. `number` counts what one client wrote to one peer; `at` is in nanoseconds.

    `at` is the machine's monotonic clock, so the times of two processes compare.
    """

    what: What
    peer: str = ""
    number: int = 0
    message_id: str = ""
    body: str = ""
    at: int = 0


@dataclass(frozen=True, slots=True)
class Incarnation:
    """What one process wrote, from its start to its end or to the signal that ended it."""

    client: str
    number: int
    events: tuple[Event, ...]

    @property
    def was_killed(self) -> bool:
        """Whether the life was cut short."""
        return not self.events or self.events[-1].what is not What.ENDED


def digest(body: bytes) -> str:
    """Return what stands for a body in a history."""
    return sha256(body).hexdigest()


class Journal:
    """Appends the events of one incarnation. What `write` was given survives signal 9."""

    def __init__(self, folder: Path, client: str, incarnation: int) -> None:
        path = folder / f"{client}.{incarnation}{_SUFFIX}"
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL
        self._descriptor = os.open(path, flags, 0o600)

    def __enter__(self) -> "Journal":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        os.close(self._descriptor)

    def write(
        self,
        what: What,
        *,
        peer: str = "",
        number: int = 0,
        message_id: str = "",
        body: bytes | None = None,
    ) -> None:
        """Append an event; on return no death of this process can take it back."""
        shown = "" if body is None else digest(body)
        line = [what.value, peer, number, message_id, shown, time.monotonic_ns()]
        os.write(self._descriptor, json.dumps(line).encode() + b"\n")


def next_incarnation(folder: Path, client: str) -> int:
    """Return the number of the life that begins now: 1 for the first."""
    return 1 + sum(1 for _ in folder.glob(f"{client}.*{_SUFFIX}"))


def read_client(folder: Path, client: str) -> list[Incarnation]:
    """Read the lives of one client, in order."""
    return [one for one in read_histories(folder) if one.client == client]


def read_histories(folder: Path) -> list[Incarnation]:
    """Read all that the clients wrote; raises `HistoryDamaged` if a line is not an event.

    A last line without its end was being written when the process died: it claims nothing.
    """
    found: list[Incarnation] = []
    for path in folder.glob(f"*{_SUFFIX}"):
        client, _, number = path.name.removesuffix(_SUFFIX).rpartition(".")
        lines = path.read_bytes().split(b"\n")[:-1]
        found.append(Incarnation(client, int(number), tuple(_events(path.name, lines))))
    return sorted(found, key=lambda one: (one.client, one.number))


def _events(name: str, lines: Iterable[bytes]) -> Iterable[Event]:
    for position, line in enumerate(lines, start=1):
        try:
            what, peer, number, message_id, body, at = json.loads(line)
            yield Event(What(what), peer, number, message_id, body, at)
        except ValueError as error:
            raise HistoryDamaged(f"{name}, line {position}: {error}") from None
