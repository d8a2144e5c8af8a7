"""Two devices under any order, loss, repeat, storage, setting back and renewal of sessions.

`Honest` is a network at its worst between devices that keep their state: whatever arrives for the
first time opens. `Wild` sets devices back, alters messages and begins sessions at will: nothing
but the documented error ever comes, and in the end the two talk again. In both, no key is ever
used with a nonce twice.
"""

import pytest
from hushpost_crypto import double_ratchet, limits, primitives, snapshot
from hushpost_crypto.errors import Undecryptable
from hushpost_crypto.session import Decrypted, SessionBook
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from tests.crypto.pairwise_world import Device, replaced

PEOPLE = st.sampled_from([0, 1])
ANY = st.integers(min_value=0, max_value=10**6)


class _Spy:
    """Watches every key and nonce that seals a header or a body."""

    def __init__(self) -> None:
        self.uses: set[tuple[bytes, bytes]] = set()
        self._place = replaced(double_ratchet, "aead_encrypt", self)
        self._place.__enter__()

    def __call__(self, key: bytes, nonce: bytes, plaintext: bytes, associated_data: bytes) -> bytes:
        assert (key, nonce) not in self.uses, "a key is used with its nonce twice"
        self.uses.add((key, nonce))
        return primitives.aead_encrypt(key, nonce, plaintext, associated_data)

    def stop(self) -> None:
        """Watch no more."""
        self._place.__exit__(None, None, None)


class _Machine(RuleBasedStateMachine):
    """Two devices and all messages ever sent."""

    def __init__(self) -> None:
        super().__init__()
        self.spy = _Spy()
        self.devices = (Device("alice"), Device("bob"))
        # For each receiver: message, plaintext, whether it was delivered.
        self.mail: tuple[list[tuple[bytes, bytes]], ...] = ([], [])
        self.opened: tuple[set[int], ...] = (set(), set())
        self.count = 0
        self.begin()

    def begin(self) -> None:
        """Let Alice begin; the other machine begins at will."""
        self.devices[0].start(self.devices[1])

    def teardown(self) -> None:
        """Take the spy away, whatever happened."""
        self.spy.stop()

    def pair(self, who: int) -> tuple[Device, Device]:
        """Give one device and the other."""
        return self.devices[who], self.devices[1 - who]

    def send_from(self, who: int) -> None:
        """Send one message into the network."""
        device, other = self.pair(who)
        self.count += 1
        plaintext = b"%d" % self.count
        self.mail[1 - who].append((device.send(other, plaintext), plaintext))

    def open_at(self, who: int, message: bytes) -> Decrypted:
        """As a client does: try the sessions, then the seal."""
        device, other = self.pair(who)
        try:
            return device.receive(other, message)
        except Undecryptable:
            return device.accept(other, message)

    @rule(who=PEOPLE)
    def store_and_load(self, who: int) -> None:
        """Write a book to disk and read it back."""
        device, other = self.pair(who)
        book = device.book(other)
        assert snapshot.load(snapshot.dump(book)) == book
        device.keep(other, snapshot.load(snapshot.dump(book)))

    @rule(hours=st.integers(min_value=1, max_value=30))
    def time_passes(self, hours: int) -> None:
        """Let the clock go on for both."""
        for device in self.devices:
            device.now += hours * 3600


class Honest(_Machine):
    """Any order, loss and repeats; state is kept."""

    @rule(who=PEOPLE, many=st.integers(min_value=1, max_value=4))
    def send(self, who: int, many: int) -> None:
        """Send some messages, if there is a session."""
        device, other = self.pair(who)
        if device.book(other).sessions:
            for _ in range(many):
                self.send_from(who)

    @precondition(lambda self: self.count < 3)
    @rule()
    def begin_too(self) -> None:
        """Let Bob begin as well, before anything of Alice's has reached him."""
        device, other = self.pair(1)
        if not device.book(other).sessions:
            device.start(other)

    @rule(who=PEOPLE, which=ANY)
    def deliver(self, who: int, which: int) -> None:
        """Deliver any message: the first time it opens, later times it is refused."""
        mail = self.mail[who]
        if not mail:
            return
        number = which % len(mail)
        message, plaintext = mail[number]
        device, other = self.pair(who)
        if number in self.opened[who]:
            with pytest.raises(Undecryptable):
                self.open_at(who, message)
            return
        before = device.book(other)
        try:
            assert self.open_at(who, message).plaintext == plaintext
        except Undecryptable:
            assert device.book(other) == before
            assert self._is_over_a_limit(device.book(other))
            return
        self.opened[who].add(number)

    @rule(who=PEOPLE)
    def deliver_the_newest(self, who: int) -> None:
        """Deliver what was sent last, so that conversations get far."""
        if self.mail[who]:
            self.deliver(who, len(self.mail[who]) - 1)

    def _is_over_a_limit(self, book: SessionBook) -> bool:
        """Tell whether old header keys are at their limit: the only way a message may be lost."""
        return any(len(s.ratchet.old) == limits.OLD_HEADER_KEYS_MAX for s in book.sessions)


class Wild(_Machine):
    """Devices are set back, messages altered, sessions begun at will."""

    def __init__(self) -> None:
        super().__init__()
        self.backups: tuple[list[SessionBook], ...] = ([SessionBook()], [SessionBook()])

    def begin(self) -> None:
        """Nobody has begun."""

    @rule(who=PEOPLE)
    def send(self, who: int) -> None:
        """Send a message, beginning a session where there is none."""
        device, other = self.pair(who)
        if not device.book(other).sessions:
            device.start(other)
        self.send_from(who)

    @rule(who=PEOPLE, one_time=st.booleans())
    def start(self, who: int, one_time: bool) -> None:
        """Begin a session for no reason."""
        device, other = self.pair(who)
        device.start(other, one_time=one_time)

    @rule(who=PEOPLE)
    def back_up(self, who: int) -> None:
        """Copy the disk."""
        device, other = self.pair(who)
        self.backups[who].append(device.book(other))

    @rule(who=PEOPLE, which=ANY)
    def set_back(self, who: int, which: int) -> None:
        """Put an old copy of the disk in place."""
        device, other = self.pair(who)
        backups = self.backups[who]
        device.keep(other, backups[which % len(backups)])

    @rule(who=PEOPLE, which=ANY, place=ANY)
    def deliver(self, who: int, which: int, place: int) -> None:
        """Deliver any message, every third one altered: it opens rightly or not at all."""
        mail = self.mail[who]
        if not mail:
            return
        message, plaintext = mail[which % len(mail)]
        altered = place % 3 == 0
        if altered:
            changed = bytearray(message)
            changed[place % len(message)] ^= 1 + place % 255
            message = bytes(changed)
        device, other = self.pair(who)
        before = device.book(other)
        try:
            assert self.open_at(who, message).plaintext == plaintext
        except Undecryptable:
            assert device.book(other) == before
        else:
            assert not altered

    @rule(who=PEOPLE)
    def deliver_the_newest(self, who: int) -> None:
        """Deliver what was sent last, unaltered."""
        if self.mail[who]:
            self.deliver(who, len(self.mail[who]) - 1, 1)

    def teardown(self) -> None:
        """Whatever happened, the two find together again within a few days."""
        try:
            assert any(self._talk() for _ in range(6)), "they never talk again"
        finally:
            super().teardown()

    def _talk(self) -> bool:
        """Try a message each way; if it fails, a day passes and Alice begins anew."""
        alice, bob = self.devices
        try:
            for _ in range(2):
                for who in (0, 1):
                    device, other = self.pair(who)
                    message = device.send(other, b"hello") if device.book(other).sessions else b""
                    assert self.open_at(1 - who, message).plaintext == b"hello"
        except Undecryptable:
            for device in self.devices:
                device.now += 86_400
            alice.start(bob)
            return False
        return True


@pytest.mark.parametrize("machine", [Honest, Wild])
def test_any_history(machine: type[RuleBasedStateMachine]) -> None:
    """Any history of the machine above keeps its promises."""
    run_state_machine_as_test(
        machine, settings=settings(max_examples=60, stateful_step_count=60, deadline=None)
    )


def test_the_spy_sees_a_repeat() -> None:
    """A device whose randomness repeats is found by the watch on keys and nonces."""
    spy = _Spy()
    try:
        alice, bob = Device("alice"), Device("bob")
        alice.start(bob)
        book = alice.book(bob)
        alice.random = bytes
        alice.send(bob)
        alice.keep(bob, book)
        with pytest.raises(AssertionError, match="twice"):
            alice.send(bob)
    finally:
        spy.stop()
