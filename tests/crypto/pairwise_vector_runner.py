"""Runs the published vectors of pairwise sessions against the library.

Knows the JSON and the library, and nothing of how the vectors are made. A case fails if the library
gives anything but the class named in `expect` and, for "ok", the whole `output`. An implementation
in another language needs the same four operations.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from hushpost_crypto import double_ratchet
from hushpost_crypto.errors import HushpostCryptoError, Undecryptable
from hushpost_crypto.first_message import FirstMessage, SealAddress, open_first
from hushpost_crypto.keys import IdentityKey
from hushpost_crypto.pqxdh import LinkSecret, LocalDevice, Opening, Party, respond
from hushpost_crypto.prekeys import PrekeySecret, SealSecret
from hushpost_crypto.ratchet_state import Ratchet, SharedKeys
from hushpost_crypto.session import Reception, SessionBook
from hushpost_wire.host import Host
from hushpost_wire.records import (
    DeviceEntry,
    DeviceList,
    Genesis,
    ListHead,
    PrekeyId,
    PrekeyKind,
)

Given = Mapping[str, Any]
Out = dict[str, object]

NAMES = ("pqxdh.json", "double_ratchet.json", "kem_ratchet.json", "sealed.json")


def run_file(content: bytes) -> list[str]:
    """Run every case of one file; gives a line for each that fails."""
    document = json.loads(content)
    if document["format"] != "hushpost vectors 1" or not document["cases"]:
        return ["the file is empty or of another format"]
    failures = (_run_case(case) for case in document["cases"])
    return [failure for failure in failures if failure is not None]


def cases(folder: Path) -> Iterator[tuple[str, Callable[[], str | None]]]:
    """Give every case of every file, by its name as something that says how it failed."""
    for name in NAMES:
        for case in json.loads((folder / name).read_bytes())["cases"]:
            yield f"{name}: {case['name']}", partial(_run_case, case)


def _run_case(case: Given) -> str | None:
    try:
        result: Out | str = OPERATIONS[case["operation"]](case["input"])
    except HushpostCryptoError as error:
        result = type(error).__name__
    except Exception as error:  # noqa: BLE001 - an error nobody documented is a finding, whatever it is
        result = f"undocumented {type(error).__name__}: {error}"
    wanted = case["output"] if case["expect"] == "ok" else case["expect"]
    if result == wanted:
        return None
    return f"{case['operation']}: {case['name']}: expected {case['expect']}, got {result}"


def _b(given: Given, name: str) -> bytes:
    return bytes.fromhex(given[name])


def _entry(raw: bytes) -> DeviceEntry:
    return DeviceEntry(raw[:32], raw[32:])  # type: ignore[arg-type]  # roles are bytes at run time


def _prekey(given: Given | None, kind: PrekeyKind) -> PrekeySecret | None:
    if given is None:
        return None
    prekey_id = PrekeyId(_b(given, "id"))
    return PrekeySecret(kind, prekey_id, _b(given, "x25519_secret"), _b(given, "mlkem_seed"), 0)


def _local(given: Given) -> LocalDevice:
    return LocalDevice(
        Genesis.from_bytes(_b(given, "genesis")),
        DeviceList.from_bytes(_b(given, "device_list")),
        _entry(_b(given, "entry")),
        IdentityKey(_b(given, "identity_secret")),
    )


def _agree(given: Given) -> tuple[SharedKeys, bytes, PrekeySecret]:
    initiator = given["initiator"]
    signed = _prekey(given["signed"], PrekeyKind.SIGNED)
    assert signed is not None
    link = _b(given, "link")
    keys, reencapsulation = respond(
        _local(given["responder"]),
        Party(
            Genesis.from_bytes(_b(initiator, "genesis")),
            ListHead(_b(initiator, "head")),
            _entry(_b(initiator, "entry")),
        ),
        Opening(
            _b(given, "ephemeral_key"),
            _b(given, "kem_ciphertext"),
            given["generation"],
            _b(given, "link_id"),
        ),
        own_head=ListHead(_b(given, "responder_head")),
        signed=signed,
        one_time=_prekey(given["one_time"], PrekeyKind.ONE_TIME),
        link=LinkSecret(link) if link else None,
    )
    return keys, reencapsulation, signed


def _pqxdh(given: Given) -> Out:
    """As the responder: agree on keys, then open the message under them."""
    keys, reencapsulation, signed = _agree(given)
    _, plaintext = double_ratchet.decrypt(
        double_ratchet.start_responder(keys, signed.x25519_secret, now=given["now"]),
        _b(given, "message"),
        commitment=_b(given, "commitment"),
        now=given["now"],
    )
    return {
        "associated_data": keys.associated_data.hex(),
        "root_key": keys.root_key.hex(),
        "initiator_header_key": keys.initiator_header_key.hex(),
        "responder_next_header_key": keys.responder_next_header_key.hex(),
        "reencapsulation": reencapsulation.hex(),
        "plaintext": plaintext.hex(),
    }


def _ratchet(given: Given) -> Out:
    """As the responder: take the steps one after the other."""
    keys = SharedKeys(*(_b(given["keys"], name) for name in SharedKeys.__dataclass_fields__))
    ratchet = double_ratchet.start_responder(
        keys, _b(given, "signed_secret"), now=given["steps"][0]["now"]
    )
    results: list[str] = []
    for step in given["steps"]:
        ratchet, result = _step(ratchet, step)
        results.append(result)
    return {"steps": results, "link": (ratchet.confirmed_link() or b"").hex()}


def _step(ratchet: Ratchet, step: Given) -> tuple[Ratchet, str]:
    commitment, now = _b(step, "commitment"), step["now"]
    if "send" in step:
        draws = [bytes.fromhex(draw) for draw in step["random"]]
        ratchet, message = double_ratchet.encrypt(
            ratchet,
            _b(step, "send"),
            commitment=commitment,
            now=now,
            random=lambda size: _drawn(draws, size),
        )
        return ratchet, message.hex()
    try:
        ratchet, plaintext = double_ratchet.decrypt(
            ratchet, _b(step, "receive"), commitment=commitment, now=now
        )
    except Undecryptable:
        return ratchet, "Undecryptable"
    return ratchet, plaintext.hex()


def _drawn(draws: list[bytes], size: int) -> bytes:
    drawn = draws.pop(0)
    assert len(drawn) == size, f"{size} random bytes wanted, {len(drawn)} given"
    return drawn


def _unseal(given: Given) -> FirstMessage:
    address = given["address"]
    return open_first(
        _b(given, "sealed"),
        [SealSecret(PrekeyId(_b(s, "key_id")), _b(s, "seed"), 0) for s in given["seal_secrets"]],
        SealAddress(
            Host(address["host"]),
            _b(address, "account_id"),  # type: ignore[arg-type]  # roles are bytes at run time
            _b(address, "device_id"),  # type: ignore[arg-type]  # roles are bytes at run time
            _b(address, "route"),  # type: ignore[arg-type]  # roles are bytes at run time
        ),
        commitment=_b(given, "commitment"),
    )


def _open(given: Given) -> Out:
    """Open a seal and read the first header; nothing in it is proven."""
    first = _unseal(given)
    header = first.header
    return {
        "claimed_account": first.claimed_account.hex(),
        "claimed_device": first.claimed_device.hex(),
        "device_list": header.sender.device_list.to_bytes().hex(),
        "responder_list_version": header.responder_list_version,
        "signed_id": header.signed_id.hex(),
        "one_time_id": (header.one_time_id or b"").hex(),
        "ephemeral_key": header.opening.ephemeral_key.hex(),
        "kem_ciphertext": header.opening.kem_ciphertext.hex(),
        "generation": header.opening.generation,
        "link_id": header.opening.link_id.hex(),
        "message": first.message.hex(),
    }


def _accept(given: Given) -> Out:
    """Accept sealed first messages one after the other into one book; gives the last one's."""
    book = SessionBook()
    remembered = {bytes.fromhex(value) for value in given["remembered"]}
    result: Out = {}
    for number, sealed in enumerate(given["messages"]):
        reception = Reception(
            _local(given["responder"]),
            _prekey(given["signed"], PrekeyKind.SIGNED),
            _prekey(given["one_time"], PrekeyKind.ONE_TIME) if number == 0 else None,
            {int(v): ListHead(bytes.fromhex(h)) for v, h in given["own_heads"].items()},
            remembered.__contains__,
        )
        first = _unseal({**given, "sealed": sealed})
        book, decrypted = book.accept(first, reception, now=given["now"])
        if decrypted.reencapsulation is not None:
            remembered.add(decrypted.reencapsulation)
        result = {
            "plaintext": decrypted.plaintext.hex(),
            "session_id": decrypted.session_id.hex(),
            "sender": decrypted.sender.account_id().hex() if decrypted.sender else "",
            "start": decrypted.start.name if decrypted.start else "",
            "one_time_used": (decrypted.one_time_used or b"").hex(),
            "remembered": sorted(value.hex() for value in remembered),
        }
    return result


OPERATIONS: dict[str, Callable[[Given], Out]] = {
    "pqxdh": _pqxdh,
    "ratchet": _ratchet,
    "unseal": _open,
    "accept": _accept,
}
