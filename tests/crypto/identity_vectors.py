"""Makes the published vectors of identity, addresses and envelopes, the same bytes every time.

`python -m tests.crypto.identity_vectors` writes them to docs/spec/vectors/. What a case must give
is stated here by hand as the name of a failure class; `identity_vector_runner` knows nothing of
this file and judges by the published JSON alone.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from hushpost_crypto import login
from hushpost_crypto.address import Address, Invitation
from hushpost_crypto.device_list import issue_first, issue_next
from hushpost_crypto.drops import Drop
from hushpost_crypto.envelope import Bucket, Opening, pad
from hushpost_crypto.genesis import make_genesis
from hushpost_crypto.keys import (
    AccountKey,
    DeviceKey,
    IdentityKey,
    RecoveryKey,
    RelayKey,
    device_entry,
)
from hushpost_crypto.prekeys import PrekeySecret, SealSecret
from hushpost_crypto.recovery_words import recovery_words
from hushpost_crypto.safety_number import safety_number
from hushpost_wire import transcripts
from hushpost_wire.host import Host
from hushpost_wire.records import (
    AccountId,
    AccountPublicKey,
    DeviceEntry,
    DeviceList,
    DevicePublicKey,
    DropSecret,
    Genesis,
    Handover,
    IdentityPublicKey,
    ListHead,
    PrekeyId,
    PrekeyKind,
    PrekeyRecord,
    RelayPublicKey,
    Route,
    SealRecord,
    StoreGeneration,
    envelope_id,
)
from hushpost_wire.transcripts import Challenge

VECTORS = Path(__file__).resolve().parents[2] / "docs" / "spec" / "vectors"

Case = dict[str, object]

TODAY = 20_000
# The eight points of low order on Curve25519 that libsodium lists, two here: zero and one.
X25519_ZERO = bytes(32)
X25519_ONE = bytes([1]) + bytes(31)
X25519_ORDER_8 = bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800")
ED25519_IDENTITY = bytes([1]) + bytes(31)
ED25519_ORDER_4 = bytes(32)
# y = 1 written as 2^255 - 18: the identity in an encoding that is not canonical.
ED25519_NOT_CANONICAL = bytes([0xEE]) + bytes([0xFF]) * 30 + bytes([0x7F])


def draw(name: str, size: int = 32) -> bytes:
    """Bytes that look random and are always the same for a name."""
    return hashlib.shake_256(b"hushpost vectors " + name.encode()).digest(size)


ACCOUNT = AccountKey(draw("account"))
RECOVERY = RecoveryKey(draw("recovery"))
GENESIS = make_genesis(ACCOUNT, RECOVERY)
ACCOUNT_ID = GENESIS.account_id()
OTHER_ACCOUNT = AccountKey(draw("other account"))
OTHER_GENESIS = make_genesis(OTHER_ACCOUNT, RecoveryKey(draw("other recovery")))
DEVICE = DeviceKey(draw("device"))
IDENTITY = IdentityKey(draw("identity"))
ENTRY = device_entry(DEVICE, IDENTITY)
OTHER_DEVICE = DeviceKey(draw("other device"))
OTHER_ENTRY = device_entry(OTHER_DEVICE, IdentityKey(draw("other identity")))
ROUTE = Route(draw("route", 16))
SECRET = DropSecret(draw("drop secret"))


def case(name: str, operation: str, expect: str, inputs: Case, outputs: Case | None = None) -> Case:
    """One case: what goes in, and either what comes out or the failure class."""
    made: Case = {"name": name, "operation": operation, "expect": expect, "input": inputs}
    if outputs is not None:
        made["output"] = outputs
    return made


def flip(data: bytes, offset: int) -> bytes:
    """Return the same bytes with one bit changed."""
    return data[:offset] + bytes([data[offset] ^ 1]) + data[offset + 1 :]


# -- identity.json -----------------------------------------------------------------------------


def genesis_cases() -> Iterator[Case]:
    """Yield the cases: genesis records."""
    good = GENESIS.to_bytes()

    def one(name: str, expect: str, record: bytes, account_id: bytes = ACCOUNT_ID) -> Case:
        return case(
            name, "genesis", expect, {"record": record.hex(), "account_id": account_id.hex()}
        )

    yield case(
        "the genesis record of an account",
        "genesis",
        "ok",
        {"record": good.hex(), "account_id": ACCOUNT_ID.hex()},
        {"account_key": GENESIS.account_key.hex(), "recovery_hash": GENESIS.recovery_hash.hex()},
    )
    yield one("account key of another account", "AccountMismatch", OTHER_GENESIS.to_bytes())
    for what, offset in (("account key", 2), ("recovery hash", 34)):
        yield one(f"one bit of the {what} changed", "AccountMismatch", flip(good, offset))
    yield one("cut short by one byte", "RecordMalformed", good[:-1])
    yield one("one byte after its end", "RecordMalformed", good + b"\0")
    yield one("empty", "RecordMalformed", b"")
    yield one("suite 2", "RecordMalformed", b"\0\x02" + good[2:])
    for what, key in (
        ("the identity point", ED25519_IDENTITY),
        ("a point of order 4", ED25519_ORDER_4),
        ("the identity point, not canonical", ED25519_NOT_CANONICAL),
    ):
        bad = Genesis(AccountPublicKey(key), GENESIS.recovery_hash)
        yield one(f"account key is {what}", "BadKey", bad.to_bytes(), bad.account_id())


def device_id_cases() -> Iterator[Case]:
    """Yield the cases: device ids."""
    yield case(
        "device id of two keys",
        "device_id",
        "ok",
        {"entry": ENTRY.to_bytes().hex()},
        {"device_id": ENTRY.device_id().hex()},
    )


def recovery_cases() -> Iterator[Case]:
    """Yield the cases: recovery words."""
    words = recovery_words(RECOVERY)

    def one(name: str, expect: str, text: Sequence[str]) -> Case:
        return case(name, "recovery_words", expect, {"words": " ".join(text)})

    for name, text in (
        ("24 words", " ".join(words)),
        ("24 words in upper case and on lines", "\n".join(words).upper() + "  "),
    ):
        yield case(
            name,
            "recovery_words",
            "ok",
            {"words": text},
            {
                "entropy": RECOVERY.seed.hex(),
                "public_key": RECOVERY.public_key().hex(),
                "recovery_hash": RECOVERY.commitment().hex(),
            },
        )
    yield one("23 words", "BadRecoveryWords", words[:-1])
    yield one("25 words", "BadRecoveryWords", (*words, words[0]))
    yield one("a word that is not in the list", "BadRecoveryWords", ("hushpost", *words[1:]))
    yield one(
        "two words changed places, check fails",
        "BadRecoveryWords",
        (words[1], words[0], *words[2:]),
    )


def handover_cases() -> Iterator[Case]:
    """Yield the cases: relay handovers."""
    keys = [RelayKey(draw(f"relay {number}")) for number in range(4)]
    public = [key.public_key() for key in keys]
    first = login.make_handover(keys[0], public[1], today=TODAY)
    second = login.make_handover(keys[1], public[2], today=TODAY + 7)
    same_day = login.make_handover(keys[1], public[2], today=TODAY)
    early = login.make_handover(keys[1], public[2], today=TODAY - 1)
    elsewhere = login.make_handover(keys[3], public[2], today=TODAY + 7)

    def one(
        name: str,
        expect: str,
        chain: Sequence[bytes],
        known: RelayPublicKey | None = public[0],
        shown: RelayPublicKey = public[2],
    ) -> Case:
        inputs: Case = {
            "known": None if known is None else known.hex(),
            "shown": shown.hex(),
            "handovers": [record.hex() for record in chain],
        }
        outputs: Case | None = {"reached": shown.hex()} if expect == "ok" else None
        return case(name, "handover", expect, inputs, outputs)

    a, b = first.to_bytes(), second.to_bytes()
    yield one("two handovers lead from the known key to the shown one", "ok", [a, b])
    yield one("two handovers of one day", "ok", [a, same_day.to_bytes()])
    yield one("a handover from before the known key is passed over", "ok", [a, b], public[1])
    yield one("first visit", "ok", [], None)
    yield one("the known key is shown", "ok", [], public[2])
    yield one("the known key is shown, after older handovers", "ok", [a, b], public[2])
    yield one("another key and no handover", "RelayUnproven", [])
    yield one("handovers that start at another key", "RelayUnproven", [b])
    yield one("handovers that end at another key", "BadHandover", [a])
    yield one("the second starts from another key", "BadHandover", [a, elsewhere.to_bytes()])
    yield one("the second is dated before the first", "BadHandover", [a, early.to_bytes()])
    forged = Handover(public[0], public[2], TODAY, first.signature)
    yield one("new key replaced under the old signature", "BadHandover", [forged.to_bytes()])
    dated = replace(first, issue_day=TODAY + 1)
    yield one("day changed under the old signature", "BadHandover", [dated.to_bytes(), b])
    stranger = login.make_handover(keys[3], public[2], today=TODAY)
    yield one(
        "signed by a key that is not the old one",
        "BadHandover",
        [replace(forged, signature=stranger.signature).to_bytes()],
    )
    unlabelled = keys[0].sign(replace(forged, signature=first.signature).unsigned_bytes())
    yield one(
        "signed without the label",
        "BadHandover",
        [replace(forged, signature=unlabelled).to_bytes()],
    )
    chain = [RelayKey(draw(f"long relay {number}")) for number in range(18)]
    long = [
        login.make_handover(old, new.public_key(), today=TODAY).to_bytes()
        for old, new in pairwise(chain)
    ]
    yield one("16 handovers", "ok", long[:16], chain[0].public_key(), chain[16].public_key())
    yield one("17 handovers", "BadHandover", long, chain[0].public_key(), chain[17].public_key())
    yield one("a handover cut short", "RecordMalformed", [a[:-1]])
    yield one("a handover with a byte after its end", "RecordMalformed", [a + b"\0"])
    yield one("a handover of suite 2", "RecordMalformed", [b"\0\x02" + a[2:]])
    yield one("a handover with reserved bytes set", "RecordMalformed", [a[:3] + b"\x01" + a[4:]])
    yield one("a handover to the same key", "RecordMalformed", [a[:40] + public[0] + a[72:]])
    yield one("the identity point is shown", "BadKey", [], None, RelayPublicKey(ED25519_IDENTITY))


CHALLENGE = Challenge(
    nonce=draw("relay nonce"),
    host=Host("relay.example"),
    relay_key=RelayKey(draw("relay 0")).public_key(),
    protocol_min=1,
    protocol_max=2,
)
LOGIN = login.LoginAttempt(CHALLENGE, draw("client nonce"), 1, ACCOUNT_ID, ENTRY.device_id())


def _challenge_inputs(challenge: Challenge = CHALLENGE) -> Case:
    return {
        "nonce": challenge.nonce.hex(),
        "host": challenge.host,
        "relay_key": challenge.relay_key.hex(),
        "protocol_min": challenge.protocol_min,
        "protocol_max": challenge.protocol_max,
    }


def transcript_cases() -> Iterator[Case]:
    """Yield the cases: logins, creations, deletions, welcomes."""
    attempt: Case = {
        **_challenge_inputs(),
        "client_nonce": LOGIN.client_nonce.hex(),
        "protocol": 1,
        "account_id": ACCOUNT_ID.hex(),
        "device_id": ENTRY.device_id().hex(),
    }
    yield case(
        "login, signed by the device key",
        "login",
        "ok",
        {**attempt, "device_seed": DEVICE.seed.hex()},
        {"signature": LOGIN.sign(DEVICE).hex()},
    )
    first = issue_first(ACCOUNT, GENESIS, ENTRY, today=TODAY)
    for name, token in (
        ("without a token", None),
        ("with a token", "let me in"),
        ("with an empty token", ""),
    ):
        creation = login.sign_account_creation(
            ACCOUNT,
            CHALLENGE,
            genesis=GENESIS,
            device_list=first,
            device_id=ENTRY.device_id(),
            route=ROUTE,
            token=token,
        )
        yield case(
            f"account creation {name}",
            "account_creation",
            "ok",
            {
                **_challenge_inputs(),
                "account_seed": ACCOUNT.seed.hex(),
                "genesis": GENESIS.to_bytes().hex(),
                "device_list": first.to_bytes().hex(),
                "device_id": ENTRY.device_id().hex(),
                "route": ROUTE.hex(),
                "token": token,
            },
            {"signature": creation.hex()},
        )
    yield case(
        "account deletion",
        "account_deletion",
        "ok",
        {
            **_challenge_inputs(),
            "account_seed": ACCOUNT.seed.hex(),
            "account_id": ACCOUNT_ID.hex(),
        },
        {"signature": login.sign_account_deletion(ACCOUNT, CHALLENGE, ACCOUNT_ID).hex()},
    )
    yield from _welcome_cases(attempt)


def _welcome_cases(attempt: Case) -> Iterator[Case]:
    relay = RelayKey(draw("relay 0"))
    signature = relay.sign(
        transcripts.welcome(
            CHALLENGE,
            client_nonce=LOGIN.client_nonce,
            protocol=1,
            account_id=ACCOUNT_ID,
            device_id=ENTRY.device_id(),
            route=ROUTE,
            prekeys_left=70,
            device_list_version=3,
            generation=StoreGeneration(draw("generation", 16)),
        )
    )
    good: Case = {
        **attempt,
        "route": ROUTE.hex(),
        "prekeys_left": 70,
        "device_list_version": 3,
        "generation": draw("generation", 16).hex(),
        "signature": signature.hex(),
    }
    yield case("welcome, signed by the relay key", "welcome", "ok", good, {})
    changed: dict[str, object] = {
        "nonce": draw("another nonce").hex(),
        "host": "evil.example",
        "relay_key": RelayKey(draw("relay 1")).public_key().hex(),
        "protocol_min": 0,
        "protocol_max": 3,
        "client_nonce": draw("another client nonce").hex(),
        "protocol": 2,
        "account_id": OTHER_GENESIS.account_id().hex(),
        "device_id": OTHER_ENTRY.device_id().hex(),
        "route": draw("another route", 16).hex(),
        "prekeys_left": 71,
        "device_list_version": 2,
        "generation": draw("another generation", 16).hex(),
        "signature": flip(signature, 0).hex(),
    }
    for field, value in changed.items():
        yield case(
            f"welcome with another {field}", "welcome", "RelayUnproven", {**good, field: value}
        )
    echoed = LOGIN.sign(DeviceKey(relay.seed))
    yield case(
        "welcome signed under the label of a login",
        "welcome",
        "RelayUnproven",
        {**good, "signature": echoed.hex()},
    )
    yield case(
        "welcome under the identity point, with the signature anyone can write",
        "welcome",
        "RelayUnproven",
        {
            **good,
            "relay_key": ED25519_IDENTITY.hex(),
            "signature": (ED25519_IDENTITY + bytes(32)).hex(),
        },
    )


# -- device_list.json --------------------------------------------------------------------------


def _signed(draft: DeviceList, key: AccountKey = ACCOUNT) -> DeviceList:
    return replace(draft, signature=key.sign(draft.signed_bytes()))


def device_list_cases() -> Iterator[Case]:
    """Yield the cases: device lists, alone and in chains."""
    first = issue_first(ACCOUNT, GENESIS, ENTRY, today=TODAY)
    second = issue_next(ACCOUNT, GENESIS, first, [ENTRY, OTHER_ENTRY], today=TODAY + 7)
    third = issue_next(ACCOUNT, GENESIS, second, [ENTRY], today=TODAY + 14)
    yield from _single_list_cases(first)
    yield from _chain_cases(first, second, third)


def _list_case(
    name: str,
    expect: str,
    lists: Sequence[bytes],
    *,
    known: DeviceList | None = None,
    today: int = TODAY + 14,
    stale: bool = False,
    account_id: bytes = ACCOUNT_ID,
    genesis: Genesis = GENESIS,
) -> Case:
    inputs: Case = {
        "genesis": genesis.to_bytes().hex(),
        "account_id": account_id.hex(),
        "known": None
        if known is None
        else {"version": known.version, "head": known.head().hex(), "issue_day": known.issue_day},
        "lists": [data.hex() for data in lists],
        "today": today,
    }
    if expect != "ok":
        return case(name, "follow", expect, inputs)
    latest = DeviceList.from_bytes(lists[-1])
    outputs: Case = {
        "version": latest.version,
        "head": latest.head().hex(),
        "devices": [entry.device_id().hex() for entry in latest.entries],
        "stale": stale,
        "advanced": known is None or latest.version > known.version,
    }
    return case(name, "follow", "ok", inputs, outputs)


def _single_list_cases(first: DeviceList) -> Iterator[Case]:
    good = first.to_bytes()
    yield _list_case("the first list of an account", "ok", [good])
    eight = [device_entry(DeviceKey(draw(f"d{n}")), IdentityKey(draw(f"i{n}"))) for n in range(9)]
    ordered = tuple(sorted(eight, key=DeviceEntry.device_id))
    full = _signed(replace(first, entries=ordered[:8]))
    yield _list_case("8 devices", "ok", [full.to_bytes()])
    nine = _signed(replace(first, entries=ordered)).to_bytes()
    yield _list_case("9 devices", "RecordMalformed", [nine])
    none = _signed(replace(first, entries=())).to_bytes()
    yield _list_case("no device", "RecordMalformed", [none])
    turned = _signed(replace(first, entries=ordered[1::-1])).to_bytes()
    yield _list_case("devices not in order", "RecordMalformed", [turned])
    twice = _signed(replace(first, entries=(ENTRY, ENTRY))).to_bytes()
    yield _list_case("a device twice", "RecordMalformed", [twice])
    yield _list_case("cut short by one byte", "RecordMalformed", [good[:-1]])
    yield _list_case("one byte after its end", "RecordMalformed", [good + b"\0"])
    yield _list_case("suite 2", "RecordMalformed", [b"\0\x02" + good[2:]])
    kind = good[:2] + b"\x02" + good[3:-64]
    yield _list_case("kind 2", "RecordMalformed", [kind + good[-64:]])
    zero = _signed(replace(first, version=0, previous_hash=ListHead(draw("p")))).to_bytes()
    yield _list_case("version 0", "RecordMalformed", [zero])
    named = _signed(replace(first, previous_hash=ListHead(draw("p")))).to_bytes()
    yield _list_case("version 1 with a previous hash", "RecordMalformed", [named])
    bare = _signed(replace(first, version=2)).to_bytes()
    yield _list_case("version 2 without a previous hash", "RecordMalformed", [bare])
    yield from _signature_cases(first)
    yield from _date_cases(first)


def _signature_cases(first: DeviceList) -> Iterator[Case]:
    good = first.to_bytes()
    for what, offset in (
        ("issue day", 11),
        ("device key", 76),
        ("identity key", 108),
        ("signature", 140),
    ):
        yield _list_case(f"one bit of the {what} changed", "BadSignature", [flip(good, offset)])
    versioned = replace(first, version=2, previous_hash=ListHead(draw("p"))).to_bytes()
    yield _list_case("version changed after signing", "BadSignature", [versioned])
    later = _signed(replace(first, version=2, previous_hash=ListHead(draw("p")))).to_bytes()
    yield _list_case("one bit of the previous hash changed", "BadSignature", [flip(later, 44)])
    stranger = _signed(first, OTHER_ACCOUNT).to_bytes()
    yield _list_case("signed by another account's key", "BadSignature", [stranger])
    bare = replace(first, signature=ACCOUNT.sign(first.unsigned_bytes())).to_bytes()
    yield _list_case("signed without the label", "BadSignature", [bare])
    moved = _signed(replace(first, account_id=OTHER_GENESIS.account_id()))
    yield _list_case("of another account, signed by ours", "AccountMismatch", [moved.to_bytes()])
    renamed = replace(moved, account_id=ACCOUNT_ID).to_bytes()
    yield _list_case("account id changed after signing", "BadSignature", [renamed])
    yield _list_case(
        "the genesis record is another account's",
        "AccountMismatch",
        [_signed(first, OTHER_ACCOUNT).to_bytes()],
        genesis=OTHER_GENESIS,
    )
    for what, key in (("identity point", ED25519_IDENTITY), ("point of order 4", ED25519_ORDER_4)):
        entry = DeviceEntry(DevicePublicKey(key), ENTRY.identity_key)
        weak = _signed(replace(first, entries=(entry,))).to_bytes()
        yield _list_case(f"a device key that is the {what}", "BadKey", [weak])
    for what, key in (("zero", X25519_ZERO), ("one", X25519_ONE), ("of order 8", X25519_ORDER_8)):
        entry = DeviceEntry(ENTRY.device_key, IdentityPublicKey(key))
        weak = _signed(replace(first, entries=(entry,))).to_bytes()
        yield _list_case(f"an identity key of low order: {what}", "BadKey", [weak])


def _date_cases(first: DeviceList) -> Iterator[Case]:
    good = first.to_bytes()
    yield _list_case("30 days old", "ok", [good], today=TODAY + 30)
    yield _list_case("31 days old: use it and warn", "ok", [good], today=TODAY + 31, stale=True)
    yield _list_case("dated tomorrow", "ok", [good], today=TODAY - 1)
    yield _list_case(
        "dated the day after tomorrow", "DeviceListDatesWrong", [good], today=TODAY - 2
    )


def _chain_cases(first: DeviceList, second: DeviceList, third: DeviceList) -> Iterator[Case]:
    a, b, c = first.to_bytes(), second.to_bytes(), third.to_bytes()
    yield _list_case("an unknown account is first seen at version 2", "ok", [b])
    yield _list_case("the next version", "ok", [b], known=first)
    yield _list_case("the next two versions", "ok", [b, c], known=first)
    yield _list_case("the known list again", "ok", [b], known=second)
    yield _list_case("a lower version", "DeviceListLower", [a], known=second)
    fork = issue_next(ACCOUNT, GENESIS, first, [OTHER_ENTRY], today=TODAY + 7)
    yield _list_case(
        "an equal version with another head: a fork",
        "DeviceListEqual",
        [fork.to_bytes()],
        known=second,
    )
    yield _list_case("a skipped version", "DeviceListSkipped", [c], known=first)
    yield _list_case("a skipped version inside the answer", "DeviceListSkipped", [a, c])
    forked = issue_next(ACCOUNT, GENESIS, fork, [ENTRY], today=TODAY + 14)
    yield _list_case(
        "the next version of another history: a fork",
        "DeviceListForked",
        [forked.to_bytes()],
        known=second,
    )
    yield _list_case("lists in the wrong order", "DeviceListLower", [b, a])
    early = _signed(replace(third, issue_day=TODAY + 6)).to_bytes()
    yield _list_case("dated before the known list", "DeviceListDatesWrong", [early], known=second)
    same_day = _signed(replace(third, issue_day=TODAY + 7)).to_bytes()
    yield _list_case("dated as the known list", "ok", [same_day], known=second)
    yield _list_case("no list", "BadRecord", [], known=first)
    chain = [first]
    while len(chain) < 65:
        chain.append(issue_next(ACCOUNT, GENESIS, chain[-1], [ENTRY], today=TODAY))
    data = [one.to_bytes() for one in chain]
    yield _list_case("64 lists in an answer", "ok", data[:64])
    yield _list_case("65 lists in an answer", "BadRecord", data)


# -- prekeys.json ------------------------------------------------------------------------------

Resign = Callable[[PrekeyRecord], PrekeyRecord]


def prekey_cases() -> Iterator[Case]:
    """Yield the cases: prekey and seal records."""
    secret = PrekeySecret(
        PrekeyKind.SIGNED,
        PrekeyId(draw("prekey id", 16)),
        draw("prekey x"),
        draw("prekey m", 64),
        TODAY,
    )
    record = secret.record(DEVICE, ENTRY.device_id(), ACCOUNT_ID)

    def one(
        name: str,
        expect: str,
        data: bytes,
        *,
        kind: int = 2,
        today: int = TODAY,
        account: bytes = ACCOUNT_ID,
    ) -> Case:
        return case(
            name,
            "prekey",
            expect,
            {
                "record": data.hex(),
                "kind": kind,
                "account_id": account.hex(),
                "entry": ENTRY.to_bytes().hex(),
                "today": today,
            },
            {"prekey_id": record.prekey_id.hex()} if expect == "ok" else None,
        )

    def sign(draft: PrekeyRecord) -> bytes:
        return replace(draft, signature=DEVICE.sign(draft.signed_bytes(ACCOUNT_ID))).to_bytes()

    good = record.to_bytes()
    yield one("a signed record on its first day", "ok", good)
    one_time = sign(replace(record, kind=PrekeyKind.ONE_TIME))
    yield one("a one-time record", "ok", one_time, kind=1)
    yield one("a one-time record where a signed one is due", "PrekeyKindWrong", one_time)
    yield one("a signed record where a one-time one is due", "PrekeyKindWrong", good, kind=1)
    yield one("on its last day", "ok", good, today=TODAY + 21)
    yield one("a day past its last", "PrekeyExpired", good, today=TODAY + 22)
    yield one("dated tomorrow", "ok", good, today=TODAY - 1)
    yield one("dated the day after tomorrow", "PrekeyDatesWrong", good, today=TODAY - 2)
    long = sign(replace(record, expiry_day=TODAY + 22))
    yield one("good for 22 days", "PrekeyDatesWrong", long)
    one_day = sign(replace(record, expiry_day=TODAY))
    yield one("good for its issue day only", "ok", one_day)
    backwards = sign(replace(record, expiry_day=TODAY - 1))
    yield one("expires before it is issued", "PrekeyDatesWrong", backwards, today=TODAY - 1)
    offsets = {
        "issue day": 7, "expiry day": 11, "device id": 12, "prekey id": 28, "X25519 key": 44,
        "ML-KEM key": 76, "signature": 1644,
    }  # fmt: skip
    for what, offset in offsets.items():
        yield one(f"one bit of the {what} changed", "BadSignature", flip(good, offset))
    yield one("kind changed after signing", "BadSignature", good[:2] + b"\x01" + good[3:], kind=1)
    yield one("for another account", "BadSignature", good, account=OTHER_GENESIS.account_id())
    foreign = replace(record, signature=OTHER_DEVICE.sign(record.signed_bytes(ACCOUNT_ID)))
    yield one("signed by another device", "BadSignature", foreign.to_bytes())
    bare = replace(record, signature=DEVICE.sign(record.unsigned_bytes()))
    yield one("signed without label and account", "BadSignature", bare.to_bytes())
    other = sign(replace(record, device_id=OTHER_ENTRY.device_id()))
    yield one("names another device of the account", "AccountMismatch", other)
    for what, key in (("zero", X25519_ZERO), ("one", X25519_ONE), ("of order 8", X25519_ORDER_8)):
        yield one(
            f"X25519 key of low order: {what}", "BadKey", sign(replace(record, x25519_key=key))
        )
    coarse = b"\xff" * 3 + record.mlkem_key[3:]
    yield one("ML-KEM key over the modulus", "BadKey", sign(replace(record, mlkem_key=coarse)))
    yield one("cut short by one byte", "RecordMalformed", good[:-1])
    yield one("one byte after its end", "RecordMalformed", good + b"\0")
    yield one("suite 2", "RecordMalformed", b"\0\x02" + good[2:])
    yield one("kind 3", "RecordMalformed", good[:2] + b"\x03" + good[3:])
    yield one("kind 0", "RecordMalformed", good[:2] + b"\x00" + good[3:])
    yield one("reserved byte set", "RecordMalformed", good[:3] + b"\x01" + good[4:])
    yield case(
        "the record of a secret",
        "prekey_record",
        "ok",
        {
            "kind": 2,
            "prekey_id": secret.prekey_id.hex(),
            "x25519_secret": secret.x25519_secret.hex(),
            "mlkem_seed": secret.mlkem_seed.hex(),
            "issue_day": TODAY,
            "device_seed": DEVICE.seed.hex(),
            "device_id": ENTRY.device_id().hex(),
            "account_id": ACCOUNT_ID.hex(),
        },
        {"record": good.hex()},
    )
    yield from _seal_cases()


def _seal_cases() -> Iterator[Case]:
    secret = SealSecret(PrekeyId(draw("seal id", 16)), draw("seal seed"), TODAY)
    host = Host("relay.example:8440")
    record = secret.record(
        DEVICE, ENTRY.device_id(), ACCOUNT_ID, host=host, route=ROUTE, knock_secret=SECRET
    )

    def one(name: str, expect: str, data: bytes, *, today: int = TODAY) -> Case:
        return case(
            name,
            "seal",
            expect,
            {
                "record": data.hex(),
                "account_id": ACCOUNT_ID.hex(),
                "entry": ENTRY.to_bytes().hex(),
                "today": today,
            },
            {"key_id": record.key_id.hex(), "host": host, "knocks": name != "knocks are off"}
            if expect == "ok"
            else None,
        )

    def sign(draft: SealRecord) -> bytes:
        return replace(draft, signature=DEVICE.sign(draft.signed_bytes())).to_bytes()

    good = record.to_bytes()
    end = len(good) - 64
    yield one("a seal record", "ok", good)
    yield one("knocks are off", "ok", sign(replace(record, knock_secret=None)))
    yield one("a seal record on its last day", "ok", good, today=TODAY + 21)
    yield one("a seal record past its last day", "PrekeyExpired", good, today=TODAY + 22)
    long = sign(replace(record, expiry_day=TODAY + 22))
    yield one("a seal record good for 22 days", "PrekeyDatesWrong", long)
    offsets = {
        "issue day": 7, "expiry day": 11, "account id": 12, "device id": 44, "key id": 60,
        "route": 76, "knock secret": 92, "seal key": 124, "host": 1340, "signature": end,
    }  # fmt: skip
    for what, offset in offsets.items():
        yield one(
            f"seal record with one bit of the {what} changed", "BadSignature", flip(good, offset)
        )
    bare = replace(record, signature=DEVICE.sign(record.unsigned_bytes())).to_bytes()
    yield one("seal record signed without the label", "BadSignature", bare)
    other = sign(replace(record, account_id=OTHER_GENESIS.account_id()))
    yield one("seal record of another account", "AccountMismatch", other)
    device = sign(replace(record, device_id=OTHER_ENTRY.device_id()))
    yield one("seal record of another device", "AccountMismatch", device)
    weak = sign(replace(record, seal_key=record.seal_key[:1184] + X25519_ZERO))
    yield one("seal key with an X25519 part of low order", "BadKey", weak)
    rough = sign(replace(record, seal_key=b"\xff" * 3 + record.seal_key[3:]))
    yield one("seal key with an ML-KEM part over the modulus", "BadKey", rough)
    yield one("seal record cut short", "RecordMalformed", good[:-1])
    yield one("seal record with a byte after its end", "RecordMalformed", good + b"\0")
    yield one("seal record of suite 2", "RecordMalformed", b"\0\x02" + good[2:])
    yield one("seal record with an unknown flag", "RecordMalformed", good[:2] + b"\x03" + good[3:])
    yield one(
        "seal record with a secret, knocks off", "RecordMalformed", good[:2] + b"\0" + good[3:]
    )
    blank = good[:92] + bytes(32) + good[124:]
    yield one("seal record without a secret, knocks on", "RecordMalformed", blank)
    upper = good[:1340] + b"R" + good[1341:]
    yield one("seal record with a host in upper case", "RecordMalformed", upper)
    strange = good[:1340] + b"\xe9" + good[1341:]
    yield one("seal record with a host that is not ASCII", "RecordMalformed", strange)
    hostless = good[:3] + b"\0" + good[4:1340] + good[end:]
    yield one("seal record without a host", "RecordMalformed", hostless)
    yield case(
        "the seal record of a secret",
        "seal_record",
        "ok",
        {
            "key_id": secret.key_id.hex(),
            "seed": secret.seed.hex(),
            "issue_day": TODAY,
            "device_seed": DEVICE.seed.hex(),
            "device_id": ENTRY.device_id().hex(),
            "account_id": ACCOUNT_ID.hex(),
            "host": host,
            "route": ROUTE.hex(),
            "knock_secret": SECRET.hex(),
        },
        {"record": good.hex()},
    )


# -- address.json ------------------------------------------------------------------------------


def address_cases() -> Iterator[Case]:
    """Yield the cases: addresses and invitations."""
    address = Address(Host("relay.example"), ACCOUNT_ID)
    invitation = Invitation(address, Drop(ROUTE, SECRET))
    text, invite = str(address), str(invitation)

    def good(name: str, given: str, host: str = "relay.example", *, invited: bool = False) -> Case:
        outputs: Case = {"host": host, "account_id": ACCOUNT_ID.hex()}
        if invited:
            outputs |= {
                "route": ROUTE.hex(),
                "secret": SECRET.hex(),
                "drop_hash": invitation.drop.hash().hex(),
                "drop_ref": invitation.drop.reference().hex(),
            }
        return case(name, "address", "ok", {"text": given}, outputs)

    def bad(name: str, given: str) -> Case:
        return case(name, "address", "BadAddress", {"text": given})

    yield good("an address", text)
    yield good("an invitation", invite, invited=True)
    yield good("an address in upper case, from a QR code", text.upper())
    yield good("an invitation in upper case", invite.upper(), invited=True)
    yield good("white space around it", f" \n{text}\t ")
    long_host = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 61])
    for host in (
        "localhost",
        "127.0.0.1:8440",
        "[::1]:8440",
        "[64:ff9b::102:304]",
        "[2001:db8::7]",
        "xn--bcher-kva.example",
        "a.b",
        "r.example:1",
        "r.example:65535",
        "1a.2b",
        "3com.example",
        long_host,
        f"{long_host}:1",
    ):
        made = Address(Host(host), ACCOUNT_ID)
        yield good(f"host {host}", str(made), host)
    for host in (
        "",
        "-a.example",
        "a-.example",
        "a..b",
        "a.example.",
        ".a",
        "a_b.example",
        "bücher.example",
        "1.2.3",
        "1.2.3.256",
        "01.2.3.4",
        "a:",
        "a:0",
        "a:065",
        "a:65536",
        "a:8 0",
        "a:x",
        "::1",
        "[::1",
        "[::1]x",
        "[::1]:",
        "[0:0::1]",
        "[fe80::1%eth0]",
        "[::ffff:1.2.3.4]",
        "[::ffff:102:304]",
        "[64:ff9b::1.2.3.4]",
        "user@a.example",
        "a" * 64,
        f"{long_host}a",
        f"{long_host}:12",
    ):
        yield bad(f"host {host!r}", f"hushpost://{host}/{text.rsplit('/', 1)[1]}")
    yield from (bad(name, given) for name, given in _broken_addresses(text, invite))


def _broken_addresses(text: str, invite: str) -> Iterator[tuple[str, str]]:
    start, _, ident = text.rpartition("/")
    secret = invite.rpartition("/")[2]
    yield "empty", ""
    yield "no scheme", text.removeprefix("hushpost://")
    yield "another scheme", text.replace("hushpost", "https")
    yield "one slash after the scheme", text.replace("//", "/", 1)
    yield "no account id", start
    yield "an empty account id", f"{start}/"
    yield "a slash at the end", f"{text}/"
    yield "a part too many", f"{invite}/x"
    yield "a query", f"{text}?x=1"
    yield "a fragment", f"{text}#x"
    yield "white space inside", f"{start}/ {ident}"
    yield "longer than 512 characters", "hushpost://" + "a" * 512
    yield "account id with a character missing", f"{start}/{ident[:-1]}"
    yield "account id with a character too many", f"{start}/{ident}a"
    yield "account id with a zero", f"{start}/0{ident[1:]}"
    yield "account id with padding", f"{start}/{ident[:-1]}="
    for place in (0, 27, 55):
        other = "a" if ident[place] != "a" else "b"
        yield (
            f"account id with character {place} changed",
            f"{start}/{ident[:place]}{other}{ident[place + 1 :]}",
        )
    yield "account id with two characters in each other's place", f"{start}/{_swap(ident)}"
    yield "invitation with a character missing", invite[:-1]
    yield "invitation with a character too many", f"{invite}a"
    for place in (0, 40, 80):
        other = "a" if secret[place] != "a" else "b"
        changed = secret[:place] + other + secret[place + 1 :]
        yield f"invitation with character {place} changed", f"{text}/{changed}"
    last = "abcdefghijklmnopqrstuvwxyz234567"
    loose = last[last.index(secret[-1]) + 1]
    yield "invitation with unused bits set", f"{text}/{secret[:-1]}{loose}"
    yield "invitation moved to another host", invite.replace("relay.example", "other.example")
    stranger = str(Address(Host("relay.example"), OTHER_GENESIS.account_id()))
    yield "invitation moved to another account", f"{stranger}/{secret}"


def _swap(text: str) -> str:
    place = next(n for n in range(len(text) - 1) if text[n] != text[n + 1])
    return text[:place] + text[place + 1] + text[place] + text[place + 2 :]


# -- envelope.json -----------------------------------------------------------------------------


def envelope_cases() -> Iterator[Case]:
    """Yield the cases: padding, commitments, ids and reports."""
    yield from _padding_cases()
    commitment = draw("commitment")
    for size in (4096, 16384):
        whole = commitment + b"\xa5" * (size - 32)
        given: Case = {"commitment": commitment.hex(), "filler": "a5", "bytes": size}
        named: Case = {**given, "id": envelope_id(whole).hex()}
        yield case(f"an envelope of {size} bytes", "envelope", "ok", named, {})
        wrong = {**given, "id": flip(envelope_id(whole), 15).hex()}
        yield case(f"{size} bytes under another id", "envelope", "BadEnvelope", wrong)
    for size in (0, 32, 1024, 4095, 4097, 8192, 16383, 16385):
        whole = (commitment + b"\xa5" * size)[:size]
        sized: Case = {"commitment": commitment.hex(), "filler": "a5", "bytes": size}
        sized["id"] = envelope_id(whole).hex()
        yield case(f"no bucket: {size} bytes", "envelope", "BadEnvelope", sized)
    yield from _report_cases()


def _padding_cases() -> Iterator[Case]:
    # An overhead this large leaves a plaintext short enough to print: 128 bytes.
    overhead = 4096 - 32 - 128
    for name, body in (
        ("a body of 15 bytes", b"a sealed letter"),
        ("an empty body", b""),
        ("a body that fills the room", draw("body", 92)),
        ("a body that ends in zeros", b"zeros\0\0\0"),
    ):
        opening = Opening(draw(f"opening {name}"), body)
        plaintext, commitment = pad(opening, Bucket.SMALL, overhead), opening.commitment()
        sizes: Case = {"bucket": 4096, "overhead": overhead}
        yield case(
            name,
            "pad",
            "ok",
            {"opening_key": opening.key.hex(), "body": body.hex(), **sizes},
            {"plaintext": plaintext.hex(), "commitment": commitment.hex()},
        )
        yield case(
            f"{name}, opened",
            "unpad",
            "ok",
            {"plaintext": plaintext.hex(), "commitment": commitment.hex()},
            {"opening_key": opening.key.hex(), "body": body.hex()},
        )
    over = Opening(draw("over"), bytes(93))
    yield case(
        "a body one byte over the room",
        "pad",
        "BodyTooLong",
        {
            "opening_key": over.key.hex(),
            "body": over.body.hex(),
            "bucket": 4096,
            "overhead": overhead,
        },
    )
    yield from _bad_padding_cases(overhead)


def _bad_padding_cases(overhead: int) -> Iterator[Case]:
    opening = Opening(draw("opening"), b"a sealed letter")
    plaintext = pad(opening, Bucket.SMALL, overhead)
    commitment = opening.commitment()

    def bad(name: str, given: bytes, shown: bytes = commitment) -> Case:
        inputs: Case = {"plaintext": given.hex(), "commitment": shown.hex()}
        return case(name, "unpad", "Undecryptable", inputs)

    yield bad("one bit of the commitment changed", plaintext, flip(commitment, 31))
    yield bad("one bit of the opening key changed", flip(plaintext, 0))
    yield bad("one bit of the body changed", flip(plaintext, 36))
    yield bad("first padding byte not zero", flip(plaintext, 51))
    yield bad("last padding byte not zero", flip(plaintext, 127))
    yield bad(
        "length one too high, within the padding",
        flip(plaintext[:35] + b"\x11" + plaintext[36:], 0),
    )
    longer = plaintext[:32] + (16).to_bytes(4, "big") + plaintext[36:]
    yield bad("length one more than the committed body", longer)
    over = plaintext[:32] + (93).to_bytes(4, "big") + plaintext[36:]
    full = Opening(opening.key, plaintext[36:])
    yield bad("length one over the plaintext", over, full.commitment())
    huge = plaintext[:32] + b"\xff\xff\xff\xff" + plaintext[36:]
    yield bad("length 4294967295", huge, full.commitment())
    empty = Opening(opening.key, b"").commitment()
    yield bad("a plaintext that ends inside its length", opening.key + bytes(3), empty)
    yield bad("an empty plaintext", b"")
    bare = hashlib.sha256(opening.body).digest()
    yield bad("a plain hash of the body for a commitment", plaintext, bare)


def _report_cases() -> Iterator[Case]:
    opening = Opening(draw("report"), b"what was said")
    good: Case = {
        "opening_key": opening.key.hex(),
        "body": opening.body.hex(),
        "commitment": opening.commitment().hex(),
        "filler": "a5",
        "bytes": 4096,
    }
    yield case("a report that holds", "report", "ok", good, {})
    yield case(
        "a report of another body", "report", "BadOpening", {**good, "body": b"what was sa1d".hex()}
    )
    yield case(
        "a report with another key",
        "report",
        "BadOpening",
        {**good, "opening_key": draw("k").hex()},
    )
    yield case("a report on no envelope", "report", "BadEnvelope", {**good, "bytes": 4095})


# -- safety_number.json ------------------------------------------------------------------------


def safety_cases() -> Iterator[Case]:
    """Yield the cases: safety numbers."""
    other = OTHER_GENESIS.account_id()
    number = str(safety_number(ACCOUNT_ID, other))
    for name, one, two in (
        ("two accounts", ACCOUNT_ID, other),
        ("the other way round", other, ACCOUNT_ID),
    ):
        inputs: Case = {"one": one.hex(), "other": two.hex()}
        yield case(name, "safety_number", "ok", inputs, {"number": number})
    low, high = AccountId(bytes(32)), AccountId(b"\xff" * 32)
    yield case(
        "the least and the greatest id",
        "safety_number",
        "ok",
        {"one": low.hex(), "other": high.hex()},
        {"number": str(safety_number(low, high))},
    )
    same: Case = {"one": other.hex(), "other": other.hex()}
    yield case("an account with itself", "safety_number", "Misuse", same)


def files() -> dict[str, bytes]:
    """Every vector file by name, as it must lie in docs/spec/vectors/."""
    cases: dict[str, list[Case]] = {
        "identity.json": [
            *genesis_cases(),
            *device_id_cases(),
            *recovery_cases(),
            *handover_cases(),
            *transcript_cases(),
        ],
        "device_list.json": list(device_list_cases()),
        "prekeys.json": list(prekey_cases()),
        "address.json": list(address_cases()),
        "envelope.json": list(envelope_cases()),
        "safety_number.json": list(safety_cases()),
    }
    return {name: _encode(listed) for name, listed in cases.items()}


def _encode(cases: list[Case]) -> bytes:
    document = {"format": "hushpost vectors 1", "cases": cases}
    return (json.dumps(document, indent=1, ensure_ascii=True) + "\n").encode()


if __name__ == "__main__":
    VECTORS.mkdir(parents=True, exist_ok=True)
    for file_name, content in files().items():
        (VECTORS / file_name).write_bytes(content)
