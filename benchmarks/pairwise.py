"""What pairwise cryptography costs, as multiples of one X25519 operation in the same run.

    python -m benchmarks.pairwise

Each round times every case, and X25519 right before and after each; a case's figure is the median
over the rounds of its time divided by the mean of the two. Times are those of the thread, so that
what else the machine does counts little. Everything is in memory, with 1 KB bodies. `ping_pong` is
one message with both halves of the ratchet turned: encrypted by one side with a sending step,
decrypted by the other with a receiving step, KEM steps included as they fall due.
"""

import gc
import statistics
import time
from collections.abc import Callable

from hushpost_crypto.device_list import issue_first
from hushpost_crypto.first_message import SealAddress, open_first
from hushpost_crypto.genesis import make_genesis
from hushpost_crypto.keys import AccountKey, DeviceKey, IdentityKey, RecoveryKey, device_entry
from hushpost_crypto.pqxdh import Bundle, LocalDevice, RemoteDevice
from hushpost_crypto.prekeys import make_prekey, make_seal
from hushpost_crypto.primitives import random_bytes, x25519, x25519_public_key
from hushpost_crypto.session import Reception, SessionBook
from hushpost_wire.host import parse_host
from hushpost_wire.records import PrekeyKind, Route

# Long enough that a round sees many KEM steps, short enough for a minute in all.
ROUNDS = 25
MESSAGES = 200
HANDSHAKES = 15
UNITS = 100
DAY = 20_000
NOW = DAY * 86_400.0
COMMITMENT = bytes(32)
BODY = bytes(1024)
TARGETS = {"encrypt": 0.8, "decrypt": 0.8, "ping_pong": 4.5}


class Device:
    """A device with everything published that a stranger needs."""

    def __init__(self) -> None:
        account_key, self.device_key = AccountKey.generate(), DeviceKey.generate()
        identity_key = IdentityKey.generate()
        genesis = make_genesis(account_key, RecoveryKey.generate())
        entry = device_entry(self.device_key, identity_key)
        device_list = issue_first(account_key, genesis, entry, today=DAY)
        self.local = LocalDevice(genesis, device_list, entry, identity_key)
        self.signed = make_prekey(PrekeyKind.SIGNED, today=DAY)
        self.one_time = make_prekey(PrekeyKind.ONE_TIME, today=DAY)
        self.seal = make_seal(today=DAY)
        self.address = SealAddress(
            parse_host("localhost:8440"),
            genesis.account_id(),
            entry.device_id(),
            Route(random_bytes(16)),
        )

    def bundle(self) -> Bundle:
        """Give a signed bundle."""
        local, address = self.local, self.address
        owner = (self.device_key, address.device_id, address.account_id)
        return Bundle(
            RemoteDevice(local.genesis, local.device_list, local.entry),
            self.signed.record(*owner),
            self.one_time.record(*owner),
            self.seal.record(*owner, host=address.host, route=address.route, knock_secret=None),
        )

    def answer(self, sealed: bytes) -> SessionBook:
        """Open a sealed first message and accept it."""
        first = open_first(sealed, [self.seal], self.address, commitment=COMMITMENT)
        heads = {1: self.local.device_list.head()}
        reception = Reception(self.local, self.signed, self.one_time, heads, _never_seen)
        return SessionBook().accept(first, reception, now=NOW)[0]


def run() -> dict[str, float]:
    """Give each case as a multiple of one X25519, and `x25519_us` itself in microseconds."""
    alice, bob = Device(), Device()
    samples: dict[str, list[float]] = {}
    gc.disable()
    try:
        for _ in range(ROUNDS):
            for name, value in _round(alice, bob).items():
                samples.setdefault(name, []).append(value)
            gc.collect()
    finally:
        gc.enable()
    return {name: statistics.median(values) for name, values in samples.items()}


def _round(alice: Device, bob: Device) -> dict[str, float]:
    bundle = bob.bundle()
    book, sealed = _first(alice, bundle)
    left, right = _settled(book, bob.answer(sealed))
    messages: list[bytes] = []
    cases: dict[str, Callable[[], float]] = {
        "session_start": lambda: _each(lambda: _first(alice, bundle), HANDSHAKES),
        "session_answer": lambda: _each(lambda: bob.answer(sealed), HANDSHAKES),
        "encrypt": lambda: _time_encrypt(left, messages),
        "decrypt": lambda: _time_decrypt(right, messages),
        "ping_pong": lambda: _time_ping_pong(left, right),
    }
    figures: dict[str, float] = {}
    before = _unit()
    for name, case in cases.items():
        seconds = case()
        after = _unit()
        figures[name] = 2 * seconds / (before + after)
        before = after
    return {"x25519_us": before * 1e6} | figures


def _unit() -> float:
    secret_key, public_key = random_bytes(32), x25519_public_key(random_bytes(32))
    return _each(lambda: x25519(secret_key, public_key), UNITS)


def _first(alice: Device, bundle: Bundle) -> tuple[SessionBook, bytes]:
    book = SessionBook().start(alice.local, bundle, now=NOW, random=random_bytes)
    return _send(book)


def _settled(left: SessionBook, right: SessionBook) -> tuple[SessionBook, SessionBook]:
    """Let the session's first KEM steps pass."""
    for _ in range(4):
        right, message = _send(right)
        left = _receive(left, message)
        left, message = _send(left)
        right = _receive(right, message)
    return left, right


def _time_encrypt(book: SessionBook, messages: list[bytes]) -> float:
    began = time.thread_time()
    for _ in range(MESSAGES):
        book, message = _send(book)
        messages.append(message)
    return (time.thread_time() - began) / MESSAGES


def _time_decrypt(book: SessionBook, messages: list[bytes]) -> float:
    # The first message turns the ratchet; it belongs to ping_pong.
    book = _receive(book, messages[0])
    began = time.thread_time()
    for message in messages[1:]:
        book = _receive(book, message)
    return (time.thread_time() - began) / (len(messages) - 1)


def _time_ping_pong(left: SessionBook, right: SessionBook) -> float:
    began = time.thread_time()
    for _ in range(MESSAGES):
        left, message = _send(left)
        right = _receive(right, message)
        left, right = right, left
    return (time.thread_time() - began) / MESSAGES


def _send(book: SessionBook) -> tuple[SessionBook, bytes]:
    return book.encrypt(BODY, commitment=COMMITMENT, now=NOW, random=random_bytes)


def _receive(book: SessionBook, message: bytes) -> SessionBook:
    return book.decrypt(message, commitment=COMMITMENT, now=NOW)[0]


def _each(action: Callable[[], object], times: int) -> float:
    began = time.thread_time()
    for _ in range(times):
        action()
    return (time.thread_time() - began) / times


def _never_seen(_: bytes) -> bool:
    return False


def main() -> None:
    """Print the figures beside their targets."""
    figures = run()
    print(f"one X25519: {figures.pop('x25519_us'):.1f} us")
    for name, value in figures.items():
        target = f"   target {TARGETS[name]}" if name in TARGETS else ""
        print(f"{name:15} {value:6.2f} x{target}")


if __name__ == "__main__":
    main()
