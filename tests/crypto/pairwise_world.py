"""Two people's devices for the pairwise tests, grown from a seed so that every run is the same.

`Device` plays the part of the engine: it publishes, keeps prekey secrets until they are used, and
remembers what `Decrypted` tells it to. Only ML-KEM encapsulation and HPKE sealing draw their own
randomness.
"""

import hashlib
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType

from hushpost_crypto.device_list import issue_first
from hushpost_crypto.first_message import FirstMessage, SealAddress, open_first
from hushpost_crypto.genesis import make_genesis
from hushpost_crypto.keys import AccountKey, DeviceKey, IdentityKey, RecoveryKey, device_entry
from hushpost_crypto.pqxdh import Bundle, LocalDevice, RemoteDevice
from hushpost_crypto.prekeys import PrekeySecret, SealSecret, make_prekey, make_seal
from hushpost_crypto.session import Decrypted, Reception, SessionBook
from hushpost_wire.host import parse_host
from hushpost_wire.records import PrekeyId, PrekeyKind, Route

DAY = 20_000
NOW = DAY * 86_400.0
COMMITMENT = bytes(range(32))


@contextmanager
def replaced(owner: ModuleType, name: str, value: object) -> Generator[None]:
    """Put something in the place of a module's name, and put back what was there."""
    real = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, real)


def stream(seed: str) -> Callable[[int], bytes]:
    """Give a `random` that depends on the seed and nothing else."""
    state = {"count": 0}

    def draw(size: int) -> bytes:
        state["count"] += 1
        return hashlib.shake_256(f"{seed}/{state['count']}".encode()).digest(size)

    return draw


@dataclass
class Device:
    """A device of one person, its published records, and the books it keeps of others."""

    name: str
    now: float = NOW
    books: dict[bytes, SessionBook] = field(default_factory=dict[bytes, SessionBook])
    remembered: set[bytes] = field(default_factory=set[bytes])
    one_time: dict[PrekeyId, PrekeySecret] = field(default_factory=dict[PrekeyId, PrekeySecret])

    def __post_init__(self) -> None:
        self.random = stream(self.name)
        self.account_key = AccountKey.generate(self.random)
        self.device_key = DeviceKey.generate(self.random)
        identity_key = IdentityKey.generate(self.random)
        genesis = make_genesis(self.account_key, RecoveryKey.generate(self.random))
        entry = device_entry(self.device_key, identity_key)
        device_list = issue_first(self.account_key, genesis, entry, today=DAY)
        self.local = LocalDevice(genesis, device_list, entry, identity_key)
        self.remote = RemoteDevice(genesis, device_list, entry)
        self.signed: PrekeySecret = make_prekey(PrekeyKind.SIGNED, today=DAY, random=self.random)
        self.seal: SealSecret = make_seal(today=DAY, random=self.random)
        self.address = SealAddress(
            parse_host("localhost:8440"),
            genesis.account_id(),
            entry.device_id(),
            Route(self.random(16)),
        )

    def bundle(self, *, one_time: bool = True) -> Bundle:
        """Publish a bundle, with a fresh one-time prekey or with the last resort only."""
        owner = (self.device_key, self.address.device_id, self.address.account_id)
        record = None
        if one_time:
            secret = make_prekey(PrekeyKind.ONE_TIME, today=DAY, random=self.random)
            self.one_time[secret.prekey_id] = secret
            record = secret.record(*owner)
        return Bundle(
            self.remote,
            self.signed.record(*owner),
            record,
            self.seal.record(
                *owner, host=self.address.host, route=self.address.route, knock_secret=None
            ),
        )

    def book(self, other: "Device") -> SessionBook:
        """Give the book kept of another device."""
        return self.books.get(other.address.device_id, SessionBook())

    def keep(self, other: "Device", book: SessionBook) -> None:
        """Store a book."""
        self.books[other.address.device_id] = book

    def start(self, other: "Device", *, one_time: bool = True, patience: int = 0) -> None:
        """Begin a session with a fresh bundle."""
        bundle = other.bundle(one_time=one_time)
        book = self.book(other).start(
            self.local, bundle, now=self.now, random=self.random, patience_seconds=patience
        )
        self.keep(other, book)

    def send(self, other: "Device", plaintext: bytes = b"text") -> bytes:
        """Seal one message in the active session."""
        book, message = self.book(other).encrypt(
            plaintext, commitment=COMMITMENT, now=self.now, random=self.random
        )
        self.keep(other, book)
        return message

    def receive(self, other: "Device", message: bytes) -> Decrypted:
        """Open a message in a session."""
        book, decrypted = self.book(other).decrypt(message, commitment=COMMITMENT, now=self.now)
        self.keep(other, book)
        return decrypted

    def unseal(self, message: bytes) -> FirstMessage:
        """Open the seal of a first message."""
        return open_first(message, [self.seal], self.address, commitment=COMMITMENT)

    def reception(self, first: FirstMessage) -> Reception:
        """Look up what a first message names."""
        signed = self.signed if first.signed_prekey_id == self.signed.prekey_id else None
        name = first.one_time_prekey_id
        one_time = self.one_time.get(name) if name else None
        heads = {self.local.device_list.version: self.local.device_list.head()}
        return Reception(self.local, signed, one_time, heads, self.remembered.__contains__)

    def accept(self, other: "Device", message: bytes) -> Decrypted:
        """Open a sealed first message and do what it asks for."""
        first = self.unseal(message)
        book, decrypted = self.book(other).accept(first, self.reception(first), now=self.now)
        self.keep(other, book)
        if decrypted.one_time_used is not None:
            del self.one_time[decrypted.one_time_used]
        if decrypted.reencapsulation is not None:
            self.remembered.add(decrypted.reencapsulation)
        return decrypted

    def pass_on(self, other: "Device", plaintext: bytes = b"text") -> Decrypted:
        """Send a message that the other receives, sealed or not."""
        sealed = self.book(other).sessions[0].unanswered is not None
        message = self.send(other, plaintext)
        return other.accept(self, message) if sealed else other.receive(self, message)


def met() -> tuple[Device, Device]:
    """Give two devices with an answered session between them: Alice wrote first, Bob answered."""
    alice, bob = Device("alice"), Device("bob")
    alice.start(bob)
    alice.pass_on(bob)
    bob.pass_on(alice)
    return alice, bob
