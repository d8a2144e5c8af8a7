"""Invented histories that keep every promise, for testing the checker that looks for broken ones.

A story is told step by step on a clock of its own. Whatever the order of the steps, `finish` leaves
a history without fault: what was sent is accepted and received once, in the order of its stream.
"""

from dataclasses import dataclass, field

from hushpost_proof.harness.journal import Event, Incarnation, What, digest


@dataclass(slots=True)
class Life:
    """One incarnation in the making."""

    client: str
    number: int
    events: list[Event] = field(default_factory=list[Event])


@dataclass(frozen=True, slots=True)
class Letter:
    """A message of the story."""

    sender: str
    recipient: str
    number: int

    @property
    def message_id(self) -> str:
        """Its id."""
        return f"{self.sender}-{self.recipient}-{self.number}"

    @property
    def body(self) -> str:
        """What stands for its bytes."""
        return digest(self.message_id.encode())


class Story:
    """Clients that write to each other, die and come back, and never break a promise."""

    def __init__(self, clients: tuple[str, ...] = ("anna", "berta", "clara")) -> None:
        self.clients = clients
        self.lives = [Life(client, 1) for client in clients]
        self.ids_unlearned = 0
        self._clock = 1_000
        self._numbers: dict[tuple[str, str], int] = {}
        self._on_the_way: list[Letter] = []
        self._in_hand: dict[str, Letter] = {}
        self._to_confirm: list[Letter] = []

    def histories(self) -> list[Incarnation]:
        """Return the story so far, as the checker takes it."""
        return [Incarnation(life.client, life.number, tuple(life.events)) for life in self.lives]

    def send(self, sender: str, recipient: str, *, learns_id: bool = True) -> Letter:
        """Send a message; without `learns_id` the sender dies before the library returns."""
        number = self._numbers.get((sender, recipient), 0) + 1
        self._numbers[sender, recipient] = number
        letter = Letter(sender, recipient, number)
        self._write(sender, What.SENDING, peer=recipient, number=number, body=letter.body)
        if learns_id:
            said = letter.message_id
            self._write(sender, What.SENT, peer=recipient, number=number, message_id=said)
        else:
            self.ids_unlearned += 1
            self.kill(sender)
        self._on_the_way.append(letter)
        return letter

    def attempt(self, sender: str, recipient: str) -> None:
        """Die in the middle of `send`, before anything was durable: nothing was promised."""
        number = self._numbers.get((sender, recipient), 0) + 1
        self._numbers[sender, recipient] = number
        body = digest(f"{sender} {recipient} {number} never sent".encode())
        self._write(sender, What.SENDING, peer=recipient, number=number, body=body)
        self.kill(sender)

    def refuse(self, sender: str, recipient: str) -> None:
        """Send what the relay does not take."""
        letter = self.send(sender, recipient)
        self._on_the_way.remove(letter)
        self._write(sender, What.REFUSED, message_id=letter.message_id)

    def arrive(self, sender: str, recipient: str) -> None:
        """Let the oldest message on its way in a stream be accepted and reach the app."""
        for letter in self._on_the_way:
            if (letter.sender, letter.recipient) == (sender, recipient):
                self._on_the_way.remove(letter)
                self._write(sender, What.ACCEPTED, message_id=letter.message_id)
                self._receive(letter)
                return

    def kill(self, client: str) -> None:
        """End a life by force and begin the next; what was in hand is given again."""
        self.lives.append(Life(client, self._life(client).number + 1))
        letter = self._in_hand.pop(client, None)
        if letter is not None:
            self._receive(letter)

    def confirm(self) -> None:
        """Let every receipt arrive."""
        for letter in self._to_confirm:
            self._write(letter.sender, What.CONFIRMED, message_id=letter.message_id)
        self._to_confirm.clear()

    def finish(self) -> None:
        """Let all arrive and every process end as it should."""
        for letter in list(self._on_the_way):
            self.arrive(letter.sender, letter.recipient)
        for client in self.clients:
            self._take_next(client)
        self.confirm()
        for client in self.clients:
            self._write(client, What.ENDED)

    def _receive(self, letter: Letter) -> None:
        self._take_next(letter.recipient)
        self._in_hand[letter.recipient] = letter
        self._write(
            letter.recipient,
            What.RECEIVED,
            peer=letter.sender,
            message_id=letter.message_id,
            body=letter.body,
        )

    def _take_next(self, client: str) -> None:
        letter = self._in_hand.pop(client, None)
        if letter is not None:
            said = letter.message_id
            self._write(client, What.ACKNOWLEDGED, peer=letter.sender, message_id=said)
            self._to_confirm.append(letter)

    def _life(self, client: str) -> Life:
        return next(life for life in reversed(self.lives) if life.client == client)

    def _write(
        self,
        client: str,
        what: What,
        *,
        peer: str = "",
        number: int = 0,
        message_id: str = "",
        body: str = "",
    ) -> None:
        self._clock += 1
        self._life(client).events.append(Event(what, peer, number, message_id, body, self._clock))
