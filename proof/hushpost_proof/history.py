"""The checker: what a relay and its clients promised, held against what the clients wrote down.

Pure: histories in, findings out. It implements the promises of docs/spec/delivery.md, sections 1,
9 and 10, as the two apps at the ends see them: every accepted message reaches the app exactly once,
in order within the stream of its sender, with the bytes that were sent; nothing else reaches it.

A message is known by its bytes, which the test makes unique, and by its id, which the library
gives; the two must agree everywhere. One repeat is allowed, since no library can prevent it: the
message that the app had in hand when its process died, given again as the first of the next life
that is given any (`Client.events` says so).

    sending --> sent --> accepted --> confirmed          in the history of the sender
       |                    |
       +--------------------+----> received --> acknowledged     in that of the recipient
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from hushpost_proof.harness.journal import Event, HistoryDamaged, Incarnation, What


class Fault(StrEnum):
    """The ways in which a history can break a promise."""

    LOST = "lost: accepted, and it never reached the app"
    UNFINISHED = "unfinished: it stands in an outbox and neither arrived nor was refused"
    DOUBLED = "doubled: it reached the app again"
    REORDERED = "reordered: it reached the app after a later one of its stream"
    INVENTED = "invented: it reached the app and nobody sent it"
    ALTERED = "altered: it reached the app with other bytes than were sent"
    MISLABELLED = "mislabelled: it reached the app under another id than its own"
    MISDIRECTED = "misdirected: it reached an app that it was not for"
    MISATTRIBUTED = "misattributed: it reached the app in the name of another sender"
    UNCAUSED = "uncaused: it reached the app before it was sent"
    ACCEPTED_UNSENT = "accepted-unsent: acceptance of what was never sent"
    REFUSED_UNSENT = "refused-unsent: refusal of what was never sent"
    CONFIRMED_UNSENT = "confirmed-unsent: a receipt for what was never sent"
    CONFIRMED_UNRECEIVED = "confirmed-unreceived: a receipt for what the app never got"
    CONTRADICTED = "contradicted: both accepted and refused"
    REFUSED_RECEIVED = "refused-received: refused, and it reached the app"
    ID_REUSED = "id-reused: two messages under one id"
    ACKNOWLEDGED_UNRECEIVED = "acknowledged-unreceived: done with what the app never got"


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken promise, and whose."""

    fault: Fault
    sender: str
    recipient: str
    number: int = 0
    message_id: str = ""

    def __str__(self) -> str:
        return (
            f"{self.fault} ({self.sender} -> {self.recipient}, number {self.number or '?'},"
            f" id {self.message_id or '?'})"
        )


@dataclass(frozen=True, slots=True)
class Counts:
    """How much was looked at; a verdict on nothing is worth nothing."""

    sent: int
    accepted: int
    received: int
    confirmed: int
    repeated_in_hand: int


@dataclass(frozen=True, slots=True)
class Report:
    """The verdict: no findings, no broken promise."""

    findings: tuple[Finding, ...]
    counts: Counts

    def count(self, fault: Fault) -> int:
        """Return how often one promise was broken."""
        return sum(finding.fault is fault for finding in self.findings)


@dataclass(slots=True)
class _Message:
    """All that is known about one body that a client set out to send."""

    sender: str
    recipient: str
    number: int
    since: int
    message_id: str = ""
    told: set[What] = field(default_factory=set[What])
    arrivals: int = 0


_UNSENT = {
    What.ACCEPTED: Fault.ACCEPTED_UNSENT,
    What.REFUSED: Fault.REFUSED_UNSENT,
    What.CONFIRMED: Fault.CONFIRMED_UNSENT,
}


def check(histories: Sequence[Incarnation]) -> Report:
    """Judge whole histories, written until every outbox had the time to empty.

    Raises `HistoryDamaged` where a history contradicts the way it has to be written.
    """
    checker = _Checker()
    for incarnation in histories:
        checker.take_sender(incarnation)
    for client in sorted({one.client for one in histories}):
        checker.take_recipient([one for one in histories if one.client == client])
    return checker.report()


class _Checker:
    def __init__(self) -> None:
        self._by_body: dict[str, _Message] = {}
        self._by_id: dict[str, _Message] = {}
        self._last_number: dict[tuple[str, str], int] = {}
        self._sending: dict[tuple[str, str, int], _Message] = {}
        self._told: set[tuple[What, str, str]] = set()
        self._findings: list[Finding] = []
        self._repeated_in_hand = 0
        self._received = 0

    # ---- senders

    def take_sender(self, incarnation: Incarnation) -> None:
        """Note what a client set out to send and what it was told about it."""
        for event in incarnation.events:
            if event.what is What.SENDING:
                self._take_sending(incarnation.client, event)
            elif event.what is What.SENT:
                self._take_sent(incarnation.client, event)
            elif event.what in _UNSENT:
                self._told.add((event.what, incarnation.client, event.message_id))

    def _take_sending(self, sender: str, event: Event) -> None:
        stream = (sender, event.peer)
        if event.number <= self._last_number.get(stream, 0):
            raise HistoryDamaged(f"{sender} counts back to {event.number} towards {event.peer}")
        if event.body in self._by_body:
            raise HistoryDamaged(f"{sender} sends bytes that were sent before: {event.body}")
        self._last_number[stream] = event.number
        message = _Message(sender, event.peer, event.number, event.at)
        self._by_body[event.body] = self._sending[(*stream, event.number)] = message

    def _take_sent(self, sender: str, event: Event) -> None:
        message = self._sending.get((sender, event.peer, event.number))
        if message is None or message.message_id:
            raise HistoryDamaged(f"{sender} sent {event.number} without setting out to, or twice")
        message.message_id = event.message_id
        if event.message_id in self._by_id:
            self._find(Fault.ID_REUSED, message)
        self._by_id[event.message_id] = message

    # ---- recipients

    def take_recipient(self, lives: Sequence[Incarnation]) -> None:
        """Judge what reached the app of one client, over all its lives, in order."""
        highest: dict[str, int] = {}
        got: set[str] = set()
        in_hand: Event | None = None
        for life in lives:
            repeat_allowed = in_hand
            in_hand = None
            for event in life.events:
                if event.what is What.RECEIVED:
                    if repeat_allowed is not None and _repeats(event, repeat_allowed):
                        self._repeated_in_hand += 1
                    else:
                        self._take_received(life.client, event, highest)
                    got.add(event.message_id)
                    in_hand, repeat_allowed = event, None
                elif event.what is What.ACKNOWLEDGED:
                    in_hand = None
                    if event.message_id not in got:
                        self._found(Fault.ACKNOWLEDGED_UNRECEIVED, event, life.client)
            if not life.was_killed:
                in_hand = None
            elif in_hand is None and repeat_allowed is not None:
                # Killed before it was given anything: what the life before had in hand is still so.
                in_hand = repeat_allowed

    def _take_received(self, recipient: str, event: Event, highest: dict[str, int]) -> None:
        self._received += 1
        message = self._by_body.get(event.body)
        if message is None:
            known = event.message_id in self._by_id
            self._found(Fault.ALTERED if known else Fault.INVENTED, event, recipient)
            return
        if message.recipient != recipient:
            self._find(Fault.MISDIRECTED, message)
            return
        if message.sender != event.peer:
            self._find(Fault.MISATTRIBUTED, message)
            return
        self._take_identity(message, event)
        if event.at < message.since:
            self._find(Fault.UNCAUSED, message)
        message.arrivals += 1
        if message.arrivals > 1:
            self._find(Fault.DOUBLED, message)
        elif message.number < highest.get(message.sender, 0):
            self._find(Fault.REORDERED, message)
        highest[message.sender] = max(message.number, highest.get(message.sender, 0))

    def _take_identity(self, message: _Message, event: Event) -> None:
        """Let a sender that died before it was told its message's id learn it here."""
        if not message.message_id and event.message_id not in self._by_id:
            message.message_id = event.message_id
            self._by_id[event.message_id] = message
        elif message.message_id != event.message_id:
            self._find(Fault.MISLABELLED, message)

    # ---- the verdict

    def report(self) -> Report:
        """Hold what was told against what arrived."""
        for what, client, message_id in sorted(self._told):
            message = self._by_id.get(message_id)
            if message is not None and message.sender == client:
                message.told.add(what)
            else:
                self._findings.append(Finding(_UNSENT[what], client, "?", 0, message_id))
        messages = self._by_body.values()
        for message in messages:
            self._judge(message)
        counts = Counts(
            sent=sum(bool(message.message_id) for message in messages),
            accepted=sum(What.ACCEPTED in message.told for message in messages),
            received=self._received,
            confirmed=sum(What.CONFIRMED in message.told for message in messages),
            repeated_in_hand=self._repeated_in_hand,
        )
        return Report(tuple(self._findings), counts)

    def _judge(self, message: _Message) -> None:
        accepted, refused = What.ACCEPTED in message.told, What.REFUSED in message.told
        if accepted and refused:
            self._find(Fault.CONTRADICTED, message)
        if message.arrivals:
            if refused:
                self._find(Fault.REFUSED_RECEIVED, message)
            return
        if What.CONFIRMED in message.told:
            self._find(Fault.CONFIRMED_UNRECEIVED, message)
        if accepted:
            self._find(Fault.LOST, message)
        elif message.message_id and not refused:
            self._find(Fault.UNFINISHED, message)

    def _find(self, fault: Fault, message: _Message) -> None:
        self._findings.append(
            Finding(fault, message.sender, message.recipient, message.number, message.message_id)
        )

    def _found(self, fault: Fault, event: Event, recipient: str) -> None:
        self._findings.append(Finding(fault, event.peer, recipient, 0, event.message_id))


def _repeats(event: Event, earlier: Event) -> bool:
    same = (event.peer, event.message_id, event.body) == (
        earlier.peer,
        earlier.message_id,
        earlier.body,
    )
    return same and event.at >= earlier.at


def summary(findings: Iterable[Finding]) -> str:
    """Return how often each promise was broken, with the first case of each, for a failing test."""
    listed = list(findings)
    counted = Counter(finding.fault for finding in listed)
    lines: list[str] = []
    for fault, times in counted.items():
        first = next(finding for finding in listed if finding.fault is fault)
        lines.append(f"{times} x {first}")
    return "\n".join(lines)
