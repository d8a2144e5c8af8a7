"""Makes the published vectors of pairwise sessions.

    python -m tests.crypto.pairwise_vectors          writes docs/spec/vectors/

ML-KEM encapsulation and HPKE sealing draw their own randomness in the library, so that their
results cannot be made twice. They are recorded in `pairwise_recorded.json`, keyed by a hash of what
went in, and given again when the generator runs anew: the same source makes the same files.
"""

import hashlib
import json
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from hushpost_crypto import double_ratchet, primitives
from hushpost_crypto.first_message import SealAddress
from hushpost_crypto.pqxdh import LinkSecret, Party, initiate, respond
from hushpost_crypto.prekeys import PrekeySecret
from hushpost_crypto.ratchet_state import Ratchet, SharedKeys

from tests.crypto.pairwise_world import COMMITMENT, NOW, Device, stream

VECTORS = Path(__file__).resolve().parents[2] / "docs" / "spec" / "vectors"
RECORDED = Path(__file__).with_name("pairwise_recorded.json")
Case = dict[str, Any]
LOW_ORDER = bytes(32)


@contextmanager
def recorded(store: dict[str, list[str]], used: set[str]) -> Generator[None]:
    """Let encapsulation and sealing give what the store holds, and add what it lacks.

    The keys asked for go into `used`.
    """

    def replay(kind: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: bytes) -> Any:
            key = hashlib.sha256(b"".join((kind.encode(), *given))).hexdigest()
            used.add(key)
            if key not in store:
                made = real(*given)
                store[key] = [part.hex() for part in ([made] if kind == "seal" else made)]
            parts = [bytes.fromhex(part) for part in store[key]]
            return parts[0] if kind == "seal" else tuple(parts)

        return call

    names = {"seal": "hpke_seal", "768": "mlkem768_encapsulate", "1024": "mlkem1024_encapsulate"}
    originals = {name: getattr(primitives, name) for name in names.values()}
    for kind, name in names.items():
        setattr(primitives, name, replay(kind, originals[name]))
    try:
        yield
    finally:
        for name, original in originals.items():
            setattr(primitives, name, original)


def files(
    store: dict[str, list[str]] | None = None, used: set[str] | None = None
) -> dict[str, bytes]:
    """Give every file's content; `store` takes new recordings, by default the kept ones serve.

    What was needed of them goes into `used`.
    """
    kept = json.loads(RECORDED.read_bytes()) if store is None else store
    with recorded(kept, set() if used is None else used):
        made = {
            "pqxdh.json": _pqxdh_cases(),
            "double_ratchet.json": _double_ratchet_cases(),
            "kem_ratchet.json": _kem_cases(),
            "sealed.json": _sealed_cases(),
        }
    return {name: _document(cases) for name, cases in made.items()}


def _document(cases: list[Case]) -> bytes:
    document = {"format": "hushpost vectors 1", "cases": cases}
    return json.dumps(document, indent=1).encode() + b"\n"


def _case(name: str, operation: str, given: Case, expect: str, output: Case | None = None) -> Case:
    case: Case = {"name": name, "operation": operation, "expect": expect, "input": given}
    return case if output is None else {**case, "output": output}


def _changed(given: Mapping[str, Any], path: str, value: Any) -> Case:
    head, _, rest = path.partition(".")
    return {**given, head: _changed(given[head], rest, value) if rest else value}


def _bent(text: str) -> str:
    return ("1" if text[0] == "0" else "0") + text[1:]


# -- pqxdh --------------------------------------------------------------------------------------


def _local(device: Device) -> Case:
    return {
        "genesis": device.local.genesis.to_bytes().hex(),
        "device_list": device.local.device_list.to_bytes().hex(),
        "entry": device.local.entry.to_bytes().hex(),
        "identity_secret": device.local.identity_key.seed.hex(),
    }


def _prekey(secret: PrekeySecret | None) -> Case | None:
    if secret is None:
        return None
    return {
        "id": secret.prekey_id.hex(),
        "x25519_secret": secret.x25519_secret.hex(),
        "mlkem_seed": secret.mlkem_seed.hex(),
    }


def _agreement(name: str, *, one_time: bool, link: bytes, generation: int) -> tuple[Case, Case]:
    """Give input and output of one good agreement with its first message."""
    alice, bob = Device(f"{name}/a"), Device(f"{name}/b")
    bundle = bob.bundle(one_time=one_time)
    secret = bob.one_time[bundle.one_time.prekey_id] if bundle.one_time else None
    keys, opening = initiate(
        alice.local,
        bundle,
        generation=generation,
        link=LinkSecret(link) if link else None,
        random=alice.random,
    )
    ratchet = double_ratchet.start_initiator(
        keys, bundle.signed.x25519_key, now=NOW, random=alice.random
    )
    _, message = double_ratchet.encrypt(
        ratchet, b"first words", commitment=COMMITMENT, now=NOW, random=alice.random
    )
    given: Case = {
        "initiator": {
            "genesis": alice.local.genesis.to_bytes().hex(),
            "head": alice.local.device_list.head().hex(),
            "entry": alice.local.entry.to_bytes().hex(),
        },
        "responder": _local(bob),
        "responder_head": bob.local.device_list.head().hex(),
        "signed": _prekey(bob.signed),
        "one_time": _prekey(secret),
        "ephemeral_key": opening.ephemeral_key.hex(),
        "kem_ciphertext": opening.kem_ciphertext.hex(),
        "generation": generation,
        "link_id": opening.link_id.hex(),
        "link": link.hex(),
        "now": int(NOW),
        "commitment": COMMITMENT.hex(),
        "message": message.hex(),
    }
    same, reencapsulation = respond(
        bob.local,
        _party(alice),
        opening,
        own_head=bob.local.device_list.head(),
        signed=bob.signed,
        one_time=secret,
        link=LinkSecret(link) if link else None,
    )
    assert same == keys
    output: Case = {
        "associated_data": keys.associated_data.hex(),
        "root_key": keys.root_key.hex(),
        "initiator_header_key": keys.initiator_header_key.hex(),
        "responder_next_header_key": keys.responder_next_header_key.hex(),
        "reencapsulation": reencapsulation.hex(),
        "plaintext": b"first words".hex(),
    }
    return given, output


def _party(device: Device) -> Party:
    return Party(device.local.genesis, device.local.device_list.head(), device.local.entry)


def _pqxdh_cases() -> list[Case]:
    cases: list[Case] = []
    link = stream("link")(32)
    for name, one_time, secret, generation in (
        ("one-time prekey", True, b"", 0),
        ("last-resort prekey", False, b"", 0),
        ("linked to the session before", True, link, 7),
        ("linked, last-resort prekey", False, link, 2),
    ):
        given, output = _agreement(name, one_time=one_time, link=secret, generation=generation)
        cases.append(_case(name, "pqxdh", given, "ok", output))
    good: Case = cases[2]["input"]
    eve = Device("eve")
    own, other = _local(eve), stream("other")
    initiator_entry, responder_entry = good["initiator"]["entry"], good["responder"]["entry"]
    device_key, identity_key = own["entry"][:64], own["entry"][64:]
    changes: list[tuple[str, str, Any]] = [
        ("another initiator genesis", "initiator.genesis", own["genesis"]),
        ("another initiator list head", "initiator.head", _bent(good["initiator"]["head"])),
        ("another initiator device key", "initiator.entry", device_key + initiator_entry[64:]),
        ("another initiator identity key", "initiator.entry", initiator_entry[:64] + identity_key),
        ("another responder genesis", "responder.genesis", own["genesis"]),
        ("another responder list head", "responder_head", _bent(good["responder_head"])),
        ("another responder device key", "responder.entry", device_key + responder_entry[64:]),
        ("another responder identity key", "responder.entry", responder_entry[:64] + identity_key),
        ("another responder identity secret", "responder.identity_secret", own["identity_secret"]),
        ("another ephemeral key", "ephemeral_key", eve.local.entry.identity_key.hex()),
        ("another signed prekey id", "signed.id", other(16).hex()),
        ("another signed prekey secret", "signed.x25519_secret", other(32).hex()),
        ("another one-time prekey id", "one_time.id", other(16).hex()),
        ("another one-time X25519 secret", "one_time.x25519_secret", other(32).hex()),
        ("another one-time ML-KEM seed", "one_time.mlkem_seed", other(64).hex()),
        ("one-time prekey left out", "one_time", None),
        ("KEM ciphertext altered", "kem_ciphertext", _bent(good["kem_ciphertext"])),
        ("another generation", "generation", 8),
        ("another link id", "link_id", other(16).hex()),
        ("link id left out", "link_id", ""),
        ("another link secret", "link", other(32).hex()),
        ("link secret left out", "link", ""),
        ("another commitment", "commitment", bytes(32).hex()),
        ("message altered", "message", _bent(good["message"])),
    ]  # fmt: skip
    cases += [_case(n, "pqxdh", _changed(good, p, v), "Undecryptable") for n, p, v in changes]
    own_party = {
        "genesis": good["responder"]["genesis"],
        "head": good["responder_head"],
        "entry": responder_entry,
    }
    swapped = {**good, "initiator": own_party}
    cases.append(_case("initiator and responder the same", "pqxdh", swapped, "Undecryptable"))
    refused: list[tuple[str, str, Any]] = [
        ("ephemeral key of low order", "ephemeral_key", LOW_ORDER.hex()),
        ("identity key of low order", "initiator.entry", initiator_entry[:64] + LOW_ORDER.hex()),
        ("ephemeral key cut", "ephemeral_key", good["ephemeral_key"][:-2]),
        ("KEM ciphertext cut", "kem_ciphertext", good["kem_ciphertext"][:-2]),
    ]
    cases += [_case(n, "pqxdh", _changed(good, p, v), "BadKey") for n, p, v in refused]
    return cases


# -- ratchet ------------------------------------------------------------------------------------


class _Peer:
    """The initiator's side, and the responder's steps as they are written down."""

    def __init__(self, name: str) -> None:
        self.random = stream(name)
        draw = stream(f"{name}/keys")
        self.keys = SharedKeys(draw(32), draw(32), draw(32), draw(32))
        self.signed_secret = draw(32)
        self.ratchet = double_ratchet.start_initiator(
            self.keys,
            primitives.x25519_public_key(self.signed_secret),
            now=NOW,
            random=self.random,
        )
        self.responder = double_ratchet.start_responder(self.keys, self.signed_secret, now=NOW)
        self.steps: list[Case] = []
        self.results: list[str] = []

    def message(self, plaintext: bytes, now: float = NOW) -> bytes:
        """Let the initiator send."""
        self.ratchet, message = double_ratchet.encrypt(
            self.ratchet, plaintext, commitment=COMMITMENT, now=now, random=self.random
        )
        return message

    def receive(self, message: bytes, plaintext: bytes | None, now: float = NOW) -> None:
        """Write down that the responder receives; None is a message that does not open."""
        step = {"receive": message.hex(), "commitment": COMMITMENT.hex(), "now": int(now)}
        self.steps.append(step)
        if plaintext is None:
            self.results.append("Undecryptable")
            return
        self.results.append(plaintext.hex())
        self.responder, opened = double_ratchet.decrypt(
            self.responder, message, commitment=COMMITMENT, now=now
        )
        assert opened == plaintext

    def reply(self, plaintext: bytes, now: float = NOW, *, lost: bool = False) -> None:
        """Write down that the responder sends, with what it drew."""
        draws: list[str] = []

        def draw(size: int) -> bytes:
            drawn = self.random(size)
            draws.append(drawn.hex())
            return drawn

        self.responder, message = double_ratchet.encrypt(
            self.responder, plaintext, commitment=COMMITMENT, now=now, random=draw
        )
        self.steps.append(
            {
                "send": plaintext.hex(),
                "commitment": COMMITMENT.hex(),
                "now": int(now),
                "random": draws,
            }
        )
        self.results.append(message.hex())
        if not lost:
            self.ratchet, _ = double_ratchet.decrypt(
                self.ratchet, message, commitment=COMMITMENT, now=now
            )

    def case(self, name: str) -> Case:
        """Give the case; it ends with the responder's confirmed link secret."""
        keys = {field: getattr(self.keys, field).hex() for field in SharedKeys.__dataclass_fields__}
        given = {"keys": keys, "signed_secret": self.signed_secret.hex(), "steps": self.steps}
        link = (self.responder.confirmed_link() or b"").hex()
        return _case(name, "ratchet", given, "ok", {"steps": self.results, "link": link})


def _flip(message: bytes, place: int) -> bytes:
    changed = bytearray(message)
    changed[place] ^= 1
    return bytes(changed)


def _forged(ratchet: Ratchet, header: bytes) -> Ratchet:
    """Let a peer depart from the protocol in its sending chain."""
    assert ratchet.sending is not None
    return replace(ratchet, sending=replace(ratchet.sending, header=header))


def _in_order() -> Case:
    peer = _Peer("in order")
    for number in range(3):
        peer.receive(peer.message(b"message %d" % number), b"message %d" % number)
    peer.reply(b"an answer")
    peer.reply(b"another")
    return peer.case("in order, then an answer")


def _out_of_order() -> Case:
    peer = _Peer("out of order")
    messages = [peer.message(bytes([number])) for number in range(5)]
    for number in (3, 0, 4, 2, 1):
        peer.receive(messages[number], bytes([number]))
    return peer.case("out of order")


def _repeated() -> Case:
    peer = _Peer("repeated")
    messages = [peer.message(bytes([number])) for number in range(3)]
    peer.receive(messages[2], b"\2")
    peer.receive(messages[2], None)
    peer.receive(messages[0], b"\0")
    peer.receive(messages[0], None)
    peer.receive(messages[1], b"\1")
    return peer.case("repeated messages are refused, the others open")


def _altered(name: str, place: int) -> Case:
    peer = _Peer(name)
    peer.receive(peer.message(b"first"), b"first")
    message = peer.message(b"second")
    peer.receive(_flip(message, place), None)
    peer.receive(message, b"second")
    return peer.case(name)


def _jump(name: str, skipped: int) -> Case:
    peer = _Peer(name)
    for _ in range(skipped):
        message = peer.message(b"lost")
    message = peer.message(b"after the gap")
    peer.receive(message, b"after the gap" if skipped <= 1000 else None)
    return peer.case(name)


def _late() -> Case:
    peer = _Peer("late")
    lost = [peer.message(b"late %d" % number) for number in range(2)]
    peer.receive(peer.message(b"there"), b"there")
    peer.reply(b"answer")
    peer.receive(peer.message(b"new chain"), b"new chain")
    peer.receive(lost[1], b"late 1")
    peer.receive(lost[1], None)
    peer.receive(lost[0], b"late 0")
    return peer.case("late messages of an earlier chain")


def _ended() -> Case:
    peer = _Peer("ended")
    peer.receive(peer.message(b"there"), b"there")
    tail = [peer.message(b"tail %d" % number) for number in range(2)]
    peer.reply(b"answer")
    peer.receive(peer.message(b"new chain"), b"new chain")
    peer.receive(tail[1], b"tail 1")
    peer.receive(tail[0], b"tail 0")
    return peer.case("the end of a chain arrives after the next has begun")


def _expired() -> Case:
    peer = _Peer("expired")
    early = [peer.message(b"early %d" % number) for number in range(2)]
    peer.receive(peer.message(b"there"), b"there")
    peer.receive(early[0], b"early 0", NOW + 30 * 86_400)
    return peer.case("a skipped key opens its message on its 30th day")


def _header(name: str, change: Callable[[bytes], bytes]) -> Case:
    peer = _Peer(name)
    peer.receive(peer.message(b"first"), b"first")
    assert peer.ratchet.sending is not None
    honest = peer.ratchet
    peer.ratchet = _forged(peer.ratchet, change(peer.ratchet.sending.header))
    peer.receive(peer.message(b"second"), None)
    peer.ratchet = honest
    peer.receive(peer.message(b"honest"), b"honest")
    return peer.case(name)


def _first_header(name: str, change: Callable[[bytes], bytes]) -> Case:
    """As `_header`, in the first message of a chain."""
    peer = _Peer(name)
    assert peer.ratchet.sending is not None
    honest = peer.ratchet
    peer.ratchet = _forged(peer.ratchet, change(peer.ratchet.sending.header))
    peer.receive(peer.message(b"second"), None)
    peer.ratchet = honest
    peer.receive(peer.message(b"honest"), b"honest")
    return peer.case(name)


def _commitment() -> Case:
    peer = _Peer("commitment")
    message = peer.message(b"text")
    case = peer.case("commitment of another envelope")
    step = {"receive": message.hex(), "commitment": bytes(32).hex(), "now": int(NOW)}
    case["input"]["steps"] = [step]
    case["output"]["steps"] = ["Undecryptable"]
    return case


def _double_ratchet_cases() -> list[Case]:
    cut = _Peer("cut")
    message = cut.message(b"text")
    cut.receive(message[:97], None)
    cut.receive(message[:40], None)
    cut.receive(b"", None)
    cut.receive(message, b"text")
    return [
        _in_order(),
        _out_of_order(),
        _repeated(),
        _altered("header nonce altered", 0),
        _altered("encrypted header altered", 30),
        _altered("header tag altered", 81),
        _altered("body altered", 82),
        _altered("body tag altered", -1),
        cut.case("messages cut short"),
        _commitment(),
        _jump("a jump by 1000", 1000),
        _jump("a jump by 1001", 1001),
        _late(),
        _ended(),
        _expired(),
        _first_header("header of another version", lambda h: b"\2" + h[1:]),
        _first_header("header that claims a KEM key and has none", lambda h: h[:1] + b"\2" + h[2:]),
        _first_header("ratchet key of low order", lambda h: h[:2] + LOW_ORDER + h[34:]),
        _header("another ratchet key within a chain", lambda h: h[:2] + b"\11" + h[3:]),
        _header("another previous length within a chain", lambda h: h[:37] + b"\7"),
    ]


# -- KEM ratchet --------------------------------------------------------------------------------


def _answered(name: str) -> _Peer:
    """Give a session after the responder offered its first key, before the answer."""
    peer = _Peer(name)
    peer.receive(peer.message(b"one"), b"one")
    peer.reply(b"two")
    return peer


def _kem_bent(name: str, change: Callable[[Ratchet], Ratchet]) -> Case:
    """Let the answer depart from the protocol; an honest one opens after it."""
    peer = _answered(name)
    honest = peer.ratchet
    peer.ratchet = change(honest)
    peer.receive(peer.message(b"bent"), None)
    peer.ratchet = honest
    peer.receive(peer.message(b"honest"), b"honest")
    return peer.case(name)


def _with_kem(ratchet: Ratchet, **changes: Any) -> Ratchet:
    return replace(ratchet, root=replace(ratchet.root, kem=replace(ratchet.root.kem, **changes)))


def _without_answer(ratchet: Ratchet) -> Ratchet:
    return _with_kem(ratchet, peer_key=b"", offers_first=False)


def _to_other_key(ratchet: Ratchet) -> Ratchet:
    other = primitives.MlKem768Secret(stream("other kem")(64)).public_key()
    return _with_kem(ratchet, peer_key=other)


def _ciphertext_altered(ratchet: Ratchet) -> Ratchet:
    begun, _ = double_ratchet.encrypt(
        ratchet, b"", commitment=COMMITMENT, now=NOW, random=stream("begun")
    )
    assert begun.sending is not None
    return _forged(begun, _flip(begun.sending.header, 100))


def _bad_key(ratchet: Ratchet) -> Ratchet:
    begun, _ = double_ratchet.encrypt(
        ratchet, b"", commitment=COMMITMENT, now=NOW, random=stream("begun")
    )
    assert begun.sending is not None
    header = begun.sending.header
    return _forged(begun, header[: 38 + 1088] + b"\xff" * 1184)


def _lost_step() -> Case:
    peer = _answered("lost step")
    peer.message(b"lost, with ciphertext and key")
    peer.message(b"lost, too")
    peer.receive(peer.message(b"the third carries both again"), b"the third carries both again")
    return peer.case("the message that began a KEM step is lost")


def _repeating() -> Case:
    """End before the responder's next send, which would draw its own randomness."""
    peer = _answered("repeating")
    for number in range(4):
        peer.receive(peer.message(b"%d" % number), b"%d" % number)
    return peer.case("every header of the chain carries both")


def _kem_cases() -> list[Case]:
    four = _answered("four")
    four.receive(four.message(b"three"), b"three")
    return [
        four.case("key, then ciphertext and key"),
        _lost_step(),
        _repeating(),
        _kem_bent("answer left out", _without_answer),
        _kem_bent("answer to another key", _to_other_key),
        _kem_bent("ciphertext altered", _ciphertext_altered),
        _kem_bent("key that is not canonical", _bad_key),
        _unexpected_ciphertext(),
        _offer_in_first_chain(),
    ]


def _unexpected_ciphertext() -> Case:
    peer = _Peer("unexpected")
    assert peer.ratchet.sending is not None
    header = peer.ratchet.sending.header
    honest = peer.ratchet
    peer.ratchet = _forged(peer.ratchet, header[:1] + b"\1" + header[2:] + bytes(1088))
    peer.receive(peer.message(b"bent"), None)
    peer.ratchet = honest
    peer.receive(peer.message(b"honest"), b"honest")
    return peer.case("ciphertext without an outstanding key")


def _offer_in_first_chain() -> Case:
    peer = _Peer("early offer")
    assert peer.ratchet.sending is not None
    header = peer.ratchet.sending.header
    key = primitives.MlKem768Secret(stream("early kem")(64)).public_key()
    peer.ratchet = _forged(peer.ratchet, header[:1] + b"\2" + header[2:] + key)
    peer.receive(peer.message(b"one"), b"one")
    peer.receive(peer.message(b"two"), b"two")
    return peer.case("key in the first chain already")


# -- sealed first messages ----------------------------------------------------------------------


def _sealed_input(bob: Device, messages: list[bytes], used: PrekeySecret | None) -> Case:
    return {
        "messages": [message.hex() for message in messages],
        "commitment": COMMITMENT.hex(),
        "seal_secrets": [{"key_id": bob.seal.key_id.hex(), "seed": bob.seal.seed.hex()}],
        "address": {
            "host": bob.address.host,
            "account_id": bob.address.account_id.hex(),
            "device_id": bob.address.device_id.hex(),
            "route": bob.address.route.hex(),
        },
        "responder": _local(bob),
        "signed": _prekey(bob.signed),
        "one_time": _prekey(used),
        "own_heads": {"1": bob.local.device_list.head().hex()},
        "remembered": [],
        "now": int(NOW),
    }


def _accepted(
    name: str, *, one_time: bool, count: int, minutes_ahead: int = 0
) -> tuple[Case, Case]:
    alice, bob = Device(f"{name}/a"), Device(f"{name}/b")
    alice.now += minutes_ahead * 60
    alice.start(bob, one_time=one_time)
    used = next(iter(bob.one_time.values()), None)
    messages = [alice.send(bob, b"sealed %d" % number) for number in range(count)]
    given = _sealed_input(bob, messages, used)
    decrypted = [bob.accept(alice, message) for message in messages]
    last = decrypted[-1]
    output: Case = {
        "plaintext": last.plaintext.hex(),
        "session_id": last.session_id.hex(),
        "sender": alice.address.account_id.hex(),
        "start": last.start.name if last.start else "",
        "one_time_used": (last.one_time_used or b"").hex(),
        "remembered": sorted(value.hex() for value in bob.remembered),
    }
    return given, output


def _resealed(given: Case, change: Callable[[bytes], bytes]) -> Case:
    """Seal changed content to the same place: what a sender could do, or anyone who knows B."""
    address = given["address"]
    place = SealAddress(
        address["host"],
        bytes.fromhex(address["account_id"]),  # type: ignore[arg-type]  # roles are bytes at run time
        bytes.fromhex(address["device_id"]),  # type: ignore[arg-type]  # roles are bytes at run time
        bytes.fromhex(address["route"]),  # type: ignore[arg-type]  # roles are bytes at run time
    )
    secret = given["seal_secrets"][0]
    info = place.info(bytes.fromhex(secret["key_id"]))  # type: ignore[arg-type]  # roles are bytes at run time
    seed = bytes.fromhex(secret["seed"])
    sealed = bytes.fromhex(given["messages"][0])
    content = change(primitives.hpke_open(seed, info, sealed))
    again = primitives.hpke_seal(primitives.xwing_public_key(seed), info, content)
    return {**given, "messages": [again.hex()]}


def _sealed_cases() -> list[Case]:
    cases: list[Case] = []
    for name, one_time, count in (
        ("accepted with a one-time prekey", True, 1),
        ("accepted with the last resort", False, 1),
        ("a second sealed message belongs to the session", True, 2),
        ("generation a day ahead of the clock", True, 1),
    ):
        ahead = 1440 if "ahead" in name else 0
        given, output = _accepted(name, one_time=one_time, count=count, minutes_ahead=ahead)
        cases.append(_case(name, "accept", given, "ok", output))
    good: Case = cases[0]["input"]
    remembered = cases[0]["output"]["remembered"]
    cases += [
        _case(name, "accept", given, "Undecryptable") for name, given in _refused(good, remembered)
    ]
    given = {**cases[3]["input"], "now": int(NOW) - 1}
    name = "generation more than a day ahead of the clock"
    cases.append(_case(name, "accept", given, "Undecryptable"))
    return cases + _unseal_cases(good)


def _refused(good: Case, remembered: list[str]) -> list[tuple[str, Case]]:
    eve, other = Device("eve"), stream("sealed")
    # Places in the first header: flags 1, generation 2, list version 6, signed id 10,
    # one-time id 26, ephemeral key 42, KEM ciphertext 74, index 1642, genesis 1643, length 1709,
    # list 1711 (its issue day at 8, its account at 12, its entry at 76), message 1915.
    places = (
        ("another generation than the transcript's", 5),
        ("another list version than the transcript's", 9),
        ("another signed prekey named", 10),
        ("another one-time prekey named", 26),
        ("ephemeral key altered", 42),
        ("KEM ciphertext altered", 74),
        ("sender's account key altered", 1645),
        ("sender's recovery hash altered", 1677),
        ("sender's list of another account", 1711 + 12),
        ("sender's list with another day, not signed", 1711 + 11),
        ("sender's identity key altered in the list", 1711 + 76 + 32),
        ("signature of the list altered", 1711 + 140),
        ("header nonce of the message altered", 1915),
        ("last byte of the message altered", -1),
    )
    bent = [(name, _resealed(good, lambda c, p=place: _flip(c, p))) for name, place in places]  # type: ignore[misc]  # mypy cannot infer a lambda's default
    return [
        ("signed prekey erased", {**good, "signed": None}),
        ("one-time prekey used", {**good, "one_time": None}),
        ("remembered from an earlier message", {**good, "remembered": remembered}),
        ("list version that never was", {**good, "own_heads": {"2": good["own_heads"]["1"]}}),
        ("another own head", {**good, "own_heads": {"1": other(32).hex()}}),
        ("a device that is this one", {**good, "responder": _same(good)}),
        ("for another identity", {**good, "responder": _local(eve)}),
        ("commitment of another envelope", {**good, "commitment": bytes(32).hex()}),
        ("index beyond the list", _resealed(good, lambda c: c[:1642] + b"\1" + c[1643:])),
        ("unknown version", _resealed(good, lambda c: b"\2" + c[1:])),
        ("unknown flags", _resealed(good, lambda c: c[:1] + b"\5" + c[2:])),
        ("list dated in the future", {**good, "now": int(NOW) - 2 * 86_400}),
        ("header cut", _resealed(good, lambda c: c[:1900])),
        ("nothing behind the header", _resealed(good, lambda c: c[:1915])),
        *bent,
    ]


def _same(good: Case) -> Case:
    """Give the responder the sender's own entry, as if it wrote to itself."""
    alice = Device("accepted with a one-time prekey/a")
    return {**good["responder"], "entry": alice.local.entry.to_bytes().hex()}


def _unseal_cases(good: Case) -> list[Case]:
    given = {key: good[key] for key in ("commitment", "seal_secrets", "address")}
    given["sealed"] = good["messages"][0]
    bob = Device("accepted with a one-time prekey/b")
    first = bob.unseal(bytes.fromhex(given["sealed"]))
    header = first.header
    output: Case = {
        "claimed_account": first.claimed_account.hex(),
        "claimed_device": first.claimed_device.hex(),
        "device_list": header.sender.device_list.to_bytes().hex(),
        "responder_list_version": header.responder_list_version,
        "signed_id": header.signed_id.hex(),
        "one_time_id": (header.one_time_id or b"").hex(),
        "ephemeral_key": header.opening.ephemeral_key.hex(),
        "kem_ciphertext": header.opening.kem_ciphertext.hex(),
        "generation": int(NOW) // 60,
        "link_id": "",
        "message": first.message.hex(),
    }
    other = stream("unseal")
    wrong = {"key_id": other(16).hex(), "seed": other(32).hex()}
    right = given["seal_secrets"][0]
    address = given["address"]
    bad: list[tuple[str, str, Any]] = [
        ("another host", "address.host", "localhost:8441"),
        ("another account", "address.account_id", _bent(address["account_id"])),
        ("another device", "address.device_id", _bent(address["device_id"])),
        ("another route", "address.route", _bent(address["route"])),
        ("another key id", "seal_secrets", [{**right, "key_id": wrong["key_id"]}]),
        ("another seal key", "seal_secrets", [{**right, "seed": wrong["seed"]}]),
        ("no seal key", "seal_secrets", []),
        ("the ninth seal key", "seal_secrets", [wrong] * 8 + [right]),
        ("encapsulated key altered", "sealed", _bent(given["sealed"])),
        ("sealed content altered", "sealed", given["sealed"][:-2] + _bent(given["sealed"][-2:])),
        ("cut", "sealed", given["sealed"][:2000]),
        ("empty", "sealed", ""),
    ]
    last = {**given, "seal_secrets": [wrong] * 7 + [right]}
    return [
        _case("opened", "unseal", given, "ok", output),
        _case("opened by the eighth seal key", "unseal", last, "ok", output),
        *(_case(name, "unseal", _changed(given, p, v), "Undecryptable") for name, p, v in bad),
    ]


def main() -> None:
    """Write the files, and the recordings that they rest on."""
    store: dict[str, list[str]] = {}
    if RECORDED.exists():
        store = json.loads(RECORDED.read_bytes())
    used: set[str] = set()
    for name, content in files(store, used).items():
        (VECTORS / name).write_bytes(content)
    kept = {key: made for key, made in store.items() if key in used}
    RECORDED.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
