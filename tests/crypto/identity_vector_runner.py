"""Runs the published vectors of identity, addresses and envelopes against the library.

Knows the JSON and the library, and nothing of how the vectors are made. A case fails if the library
gives anything but the class named in `expect` and, for "ok", the whole `output`.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from hushpost_crypto import (
    address,
    device_list,
    envelope,
    genesis,
    keys,
    login,
    prekeys,
    recovery_words,
    safety_number,
)
from hushpost_crypto.errors import HushpostCryptoError, RecordMalformed
from hushpost_wire import records, transcripts
from hushpost_wire.host import parse_host

Given = Mapping[str, Any]
Out = dict[str, object]

NAMES = (
    "identity.json",
    "device_list.json",
    "prekeys.json",
    "address.json",
    "envelope.json",
    "safety_number.json",
)


def run_file(content: bytes) -> list[str]:
    """Run every case of one file; gives a line for each that fails."""
    document = json.loads(content)
    if document["format"] != "hushpost vectors 1" or not document["cases"]:
        return ["the file is empty or of another format"]
    failures = (_run_case(case) for case in document["cases"])
    return [failure for failure in failures if failure is not None]


def run_folder(folder: Path) -> list[str]:
    """Run every file; gives a line for each case that fails."""
    return [line for name in NAMES for line in run_file((folder / name).read_bytes())]


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


def _entry(given: Given) -> records.DeviceEntry:
    raw = _b(given, "entry")
    return records.DeviceEntry(
        records.DevicePublicKey(raw[:32]), records.IdentityPublicKey(raw[32:])
    )


def _account_id(given: Given) -> records.AccountId:
    return records.AccountId(_b(given, "account_id"))


def _device_id(given: Given) -> records.DeviceId:
    return records.DeviceId(_b(given, "device_id"))


def _genesis(given: Given) -> Out:
    record = genesis.read_genesis(_b(given, "record"), _account_id(given))
    return {"account_key": record.account_key.hex(), "recovery_hash": record.recovery_hash.hex()}


def _device_of_entry(given: Given) -> Out:
    return {"device_id": _entry(given).device_id().hex()}


def _recovery_words(given: Given) -> Out:
    key = recovery_words.read_recovery_words(given["words"])
    assert list(recovery_words.recovery_words(key)) == given["words"].lower().split()
    return {
        "entropy": key.seed.hex(),
        "public_key": key.public_key().hex(),
        "recovery_hash": key.commitment().hex(),
    }


def _handover(given: Given) -> Out:
    known = None if given["known"] is None else records.RelayPublicKey(_b(given, "known"))
    chain = [login.read_handover(bytes.fromhex(text)) for text in given["handovers"]]
    reached = login.reach_relay_key(known, records.RelayPublicKey(_b(given, "shown")), chain)
    return {"reached": reached.hex()}


def _challenge(given: Given) -> transcripts.Challenge:
    return transcripts.Challenge(
        nonce=_b(given, "nonce"),
        host=parse_host(given["host"]),
        relay_key=records.RelayPublicKey(_b(given, "relay_key")),
        protocol_min=given["protocol_min"],
        protocol_max=given["protocol_max"],
    )


def _attempt(given: Given) -> login.LoginAttempt:
    return login.LoginAttempt(
        _challenge(given),
        _b(given, "client_nonce"),
        given["protocol"],
        _account_id(given),
        _device_id(given),
    )


def _login(given: Given) -> Out:
    signature = _attempt(given).sign(keys.DeviceKey(_b(given, "device_seed")))
    return {"signature": signature.hex()}


def _welcome(given: Given) -> Out:
    _attempt(given).verify_welcome(
        _b(given, "signature"),
        route=records.Route(_b(given, "route")),
        prekeys_left=given["prekeys_left"],
        device_list_version=given["device_list_version"],
        generation=records.StoreGeneration(_b(given, "generation")),
    )
    return {}


def _account_creation(given: Given) -> Out:
    signature = login.sign_account_creation(
        keys.AccountKey(_b(given, "account_seed")),
        _challenge(given),
        genesis=records.Genesis.from_bytes(_b(given, "genesis")),
        device_list=records.DeviceList.from_bytes(_b(given, "device_list")),
        device_id=_device_id(given),
        route=records.Route(_b(given, "route")),
        token=given["token"],
    )
    return {"signature": signature.hex()}


def _account_deletion(given: Given) -> Out:
    key = keys.AccountKey(_b(given, "account_seed"))
    signature = login.sign_account_deletion(key, _challenge(given), _account_id(given))
    return {"signature": signature.hex()}


def _follow(given: Given) -> Out:
    known, account = given["known"], _account_id(given)
    record = records.Genesis.from_bytes(_b(given, "genesis"))
    data = [bytes.fromhex(text) for text in given["lists"]]
    try:
        for one in data:
            read = device_list.read_device_list(one, record, account, today=given["today"])
            assert read.to_bytes() == one
    except RecordMalformed:
        raise
    except HushpostCryptoError as error:
        refused: HushpostCryptoError | None = error
    else:
        refused = None
    followed = _followed(known, [records.DeviceList.from_bytes(one) for one in data], given)
    # Reading alone judged each list before; following judges each again and may not be milder.
    assert refused is None
    return {
        "version": followed.known.version,
        "head": followed.known.head.hex(),
        "devices": [entry.device_id().hex() for entry in followed.device_list.entries],
        "stale": followed.stale,
        "advanced": followed.advanced,
    }


def _followed(
    known: Given | None, lists: list[records.DeviceList], given: Given
) -> device_list.Followed:
    remembered = None
    if known is not None:
        head = records.ListHead(_b(known, "head"))
        remembered = device_list.KnownList(known["version"], head, known["issue_day"])
    return device_list.follow(
        remembered,
        lists,
        records.Genesis.from_bytes(_b(given, "genesis")),
        _account_id(given),
        today=given["today"],
    )


def _prekey(given: Given) -> Out:
    kind = records.PrekeyKind(given["kind"])
    record = prekeys.read_prekey(
        _b(given, "record"), kind, _account_id(given), _entry(given), today=given["today"]
    )
    assert record.to_bytes() == _b(given, "record")
    return {"prekey_id": record.prekey_id.hex()}


def _prekey_record(given: Given) -> Out:
    secret = prekeys.PrekeySecret(
        records.PrekeyKind(given["kind"]),
        records.PrekeyId(_b(given, "prekey_id")),
        _b(given, "x25519_secret"),
        _b(given, "mlkem_seed"),
        given["issue_day"],
    )
    stored = prekeys.PrekeySecret.from_bytes(secret.to_bytes())
    key = keys.DeviceKey(_b(given, "device_seed"))
    return {"record": stored.record(key, _device_id(given), _account_id(given)).to_bytes().hex()}


def _seal(given: Given) -> Out:
    record = prekeys.read_seal(
        _b(given, "record"), _account_id(given), _entry(given), today=given["today"]
    )
    assert record.to_bytes() == _b(given, "record")
    return {
        "key_id": record.key_id.hex(),
        "host": record.host,
        "knocks": record.knock_secret is not None,
    }


def _seal_record(given: Given) -> Out:
    secret = prekeys.SealSecret(
        records.PrekeyId(_b(given, "key_id")), _b(given, "seed"), given["issue_day"]
    )
    record = prekeys.SealSecret.from_bytes(secret.to_bytes()).record(
        keys.DeviceKey(_b(given, "device_seed")),
        _device_id(given),
        _account_id(given),
        host=parse_host(given["host"]),
        route=records.Route(_b(given, "route")),
        knock_secret=records.DropSecret(_b(given, "knock_secret")),
    )
    return {"record": record.to_bytes().hex()}


def _address(given: Given) -> Out:
    parsed = address.parse(given["text"])
    written = given["text"].strip().lower()
    assert str(parsed) == written
    assert parsed.qr_text() == written.upper()
    if isinstance(parsed, address.Address):
        return {"host": parsed.host, "account_id": parsed.account_id.hex()}
    return {
        "host": parsed.address.host,
        "account_id": parsed.address.account_id.hex(),
        "route": parsed.drop.route.hex(),
        "secret": parsed.drop.secret.hex(),
        "drop_hash": parsed.drop.hash().hex(),
        "drop_ref": parsed.drop.reference().hex(),
    }


def _pad(given: Given) -> Out:
    opening = envelope.Opening(_b(given, "opening_key"), _b(given, "body"))
    bucket = envelope.Bucket(given["bucket"])
    return {
        "plaintext": envelope.pad(opening, bucket, given["overhead"]).hex(),
        "commitment": opening.commitment().hex(),
    }


def _unpad(given: Given) -> Out:
    commitment = envelope.Commitment(_b(given, "commitment"))
    opening = envelope.unpad(_b(given, "plaintext"), commitment)
    return {"opening_key": opening.key.hex(), "body": opening.body.hex()}


def _filled(given: Given) -> bytes:
    size: int = given["bytes"]
    return (_b(given, "commitment") + _b(given, "filler") * size)[:size]


def _envelope(given: Given) -> Out:
    envelope.check_envelope(_filled(given), records.EnvelopeId(_b(given, "id")))
    return {}


def _report(given: Given) -> Out:
    opening = envelope.Opening(_b(given, "opening_key"), _b(given, "body"))
    envelope.verify_opening(opening, _filled(given))
    return {}


def _safety_number(given: Given) -> Out:
    one, other = (records.AccountId(_b(given, name)) for name in ("one", "other"))
    return {"number": str(safety_number.safety_number(one, other))}


OPERATIONS: dict[str, Callable[[Given], Out]] = {
    "genesis": _genesis,
    "device_id": _device_of_entry,
    "recovery_words": _recovery_words,
    "handover": _handover,
    "login": _login,
    "welcome": _welcome,
    "account_creation": _account_creation,
    "account_deletion": _account_deletion,
    "follow": _follow,
    "prekey": _prekey,
    "prekey_record": _prekey_record,
    "seal": _seal,
    "seal_record": _seal_record,
    "address": _address,
    "pad": _pad,
    "unpad": _unpad,
    "envelope": _envelope,
    "report": _report,
    "safety_number": _safety_number,
}
