"""Duties of the caller and of stored secrets, which no published vector can state.

One function, `check`, so that the mutants of `test_identity_mutants` face the same demands as the
library. Each demand is one line of `DUTIES`: what must be raised by what.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from hushpost_crypto import (
    device_list,
    drops,
    envelope,
    errors,
    genesis,
    keys,
    login,
    prekeys,
    recovery_words,
)
from hushpost_crypto.address import Address, Invitation, parse
from hushpost_crypto.recovery_words import read_recovery_words as read_words
from hushpost_wire import encoding, records, transcripts
from hushpost_wire.errors import MalformedRecord
from hushpost_wire.host import Host, is_loopback, parse_host

ACCOUNT = keys.AccountKey(b"\x01" * 32)
GENESIS = genesis.make_genesis(ACCOUNT, keys.RecoveryKey(b"\x02" * 32))
OTHER = keys.AccountKey(b"\x03" * 32)
OTHER_GENESIS = genesis.make_genesis(OTHER, keys.RecoveryKey(b"\x04" * 32))
ENTRIES = tuple(
    keys.device_entry(keys.DeviceKey(bytes([n]) * 32), keys.IdentityKey(bytes([n]) * 32))
    for n in range(16, 26)
)
FIRST = device_list.issue_first(ACCOUNT, GENESIS, ENTRIES[0], today=100)
RELAY = keys.RelayKey(b"\x05" * 32)
OPENING = envelope.Opening(bytes(32), b"body")
ID = GENESIS.account_id()
SEALED = b"\0" * (4096 - 32)
COMMITMENT = envelope.Commitment(bytes(32))
DROP = drops.Drop(records.Route(bytes(16)), records.DropSecret(bytes(32)))
ADDRESS = Address(Host("a.example"), ID)


def _next(account: keys.AccountKey, record: records.Genesis, count: int) -> records.DeviceList:
    return device_list.issue_next(account, record, FIRST, ENTRIES[:count], today=101)


def _challenge(size: int) -> transcripts.Challenge:
    return transcripts.Challenge(bytes(size), Host("a"), RELAY.public_key(), 1, 1)


def _login(size: int) -> bytes:
    device = ENTRIES[0].device_id()
    return transcripts.login(
        _challenge(32), client_nonce=bytes(size), protocol=1, account_id=ID, device_id=device
    )


def _welcome(generation_size: int) -> bytes:
    return transcripts.welcome(
        _challenge(32),
        client_nonce=bytes(32),
        protocol=1,
        account_id=ID,
        device_id=ENTRIES[0].device_id(),
        route=DROP.route,
        prekeys_left=0,
        device_list_version=1,
        generation=records.StoreGeneration(bytes(generation_size)),
    )


def _one_list(entry: records.DeviceEntry) -> records.DeviceList:
    return device_list.issue_next(ACCOUNT, GENESIS, FIRST, [entry, entry], today=101)


DUTIES: tuple[tuple[type[Exception], Callable[[], object]], ...] = (
    (errors.BadLength, lambda: keys.AccountKey(bytes(31))),
    (errors.BadLength, lambda: drops.Drop(records.Route(bytes(15)), DROP.secret)),
    (errors.BadLength, lambda: drops.Drop(DROP.route, records.DropSecret(bytes(31)))),
    (errors.BadLength, lambda: Address(Host("a.example"), records.AccountId(bytes(31)))),
    (errors.BadAddress, lambda: Address.parse(str(Invitation(ADDRESS, DROP)))),
    (errors.BadAddress, lambda: Invitation.parse(str(ADDRESS))),
    (errors.BadLength, lambda: envelope.Opening(bytes(31), b"")),
    (errors.BadLength, lambda: envelope.Opening(bytes(33), b"")),
    (errors.BadLength, lambda: envelope.assemble(COMMITMENT, SEALED + b"\0")),
    (errors.BadLength, lambda: envelope.assemble(envelope.Commitment(bytes(31)), SEALED + b"\0")),
    (errors.BodyTooLong, lambda: envelope.bucket_for(16384 - 68 - 98 + 1, 98)),
    (errors.LimitExceeded, lambda: prekeys.make_one_time(101, today=1)),
    (errors.LimitExceeded, lambda: prekeys.make_one_time(-1, today=1)),
    (errors.LimitExceeded, lambda: _next(ACCOUNT, GENESIS, 9)),
    (errors.LimitExceeded, lambda: _next(ACCOUNT, GENESIS, 0)),
    (errors.Misuse, lambda: _next(OTHER, GENESIS, 1)),
    (errors.Misuse, lambda: _next(OTHER, OTHER_GENESIS, 1)),
    (errors.Misuse, lambda: _one_list(ENTRIES[0])),
    (errors.Misuse, lambda: login.make_handover(RELAY, RELAY.public_key(), today=1)),
    (
        errors.DeviceUnknown,
        lambda: device_list.find_entry(FIRST, ENTRIES[1].device_id()),
    ),
    (errors.RecordMalformed, lambda: prekeys.PrekeySecret.from_bytes(bytes(117))),
    (errors.RecordMalformed, lambda: prekeys.PrekeySecret.from_bytes(b"\x01" + bytes(117))),
    (errors.RecordMalformed, lambda: prekeys.SealSecret.from_bytes(bytes(53))),
    (
        errors.DeviceListDatesWrong,
        lambda: device_list.read_device_list(FIRST.to_bytes(), GENESIS, ID, today=1),
    ),
    (
        errors.RecordMalformed,
        lambda: device_list.verify_device_list(replace(FIRST, version=0), GENESIS, ID, today=100),
    ),
    (
        MalformedRecord,
        lambda: records.DeviceList.from_bytes(replace(FIRST, version=0).to_bytes()),
    ),
    (ValueError, lambda: _challenge(31).parts()),
    (ValueError, lambda: _login(33)),
    (ValueError, lambda: _welcome(15)),
    (ValueError, lambda: encoding.fields(bytes(encoding.FIELD_BYTES_MAX + 1))),
    (MalformedRecord, lambda: encoding.read_fields(encoding.fields(b"a", b"b"), 1)),
    (MalformedRecord, lambda: encoding.read_fields(encoding.fields(b"a"), 2)),
    (MalformedRecord, lambda: encoding.Reader(b"\x01\0\0\x01", "test").field()),
    (MalformedRecord, lambda: encoding.sized(b"a", 2, "test")),
)


IDENT = str(ADDRESS).rpartition("/")[2]
WORDS = recovery_words.recovery_words(keys.RecoveryKey(b"\x02" * 32))

# What a person is told about text that does not read.
MESSAGES: tuple[tuple[str, Callable[[], object]], ...] = (
    ("too long for an address", lambda: parse("x" * 513)),
    ("begins with hushpost://", lambda: parse("x" * 512)),
    ("holds '0', which no address does", lambda: parse(f"hushpost://a/0{IDENT[1:]}")),
    ("has 55 characters, not 56", lambda: parse(f"hushpost://a/{IDENT[1:]}")),
    ("a character is wrong", lambda: parse(f"hushpost://a/{IDENT[::-1]}")),
    ("has 24 words, this one has 23", lambda: read_words(" ".join(WORDS[1:]))),
    ("word 1, 3;", lambda: read_words(" ".join(("x", WORDS[1], "y", *WORDS[3:])))),
    ("two changed places", lambda: read_words(" ".join((*WORDS[1:], WORDS[0])))),
    ("the host is empty", lambda: parse_host("")),
    ("xn-- form", lambda: parse_host("bücher.example")),
    ("not in lower case", lambda: parse_host("A.example")),
    ("after its closing bracket", lambda: parse_host("[::1]x")),
    ("longer than 255", lambda: parse_host("a" * 256)),
    ("names a field of 16777217", lambda: encoding.Reader(b"\x01\0\0\x01", "t").field()),
    ("cut short", lambda: encoding.Reader(b"\x01\0\0\0", "t").field()),
)


def _truths() -> tuple[bool, ...]:
    followed = device_list.KnownList.of(FIRST)
    head = records.ListHead(b"\x07" * 32)
    standing = device_list.standing
    backdated = device_list.issue_next(ACCOUNT, GENESIS, FIRST, ENTRIES[:8], today=50)
    secret = prekeys.make_prekey(records.PrekeyKind.ONE_TIME, today=7)
    return (
        standing(followed, 1, FIRST.head()) is device_list.Standing.SAME,
        standing(followed, 1, head) is device_list.Standing.FORKED,
        standing(followed, 2, head) is device_list.Standing.NEWER,
        standing(followed, 0, head) is device_list.Standing.OLDER,
        (backdated.issue_day, backdated.version, len(backdated.entries)) == (100, 2, 8),
        list(backdated.entries) == sorted(backdated.entries, key=records.DeviceEntry.device_id),
        device_list.find_entry(FIRST, ENTRIES[0].device_id()) == ENTRIES[0],
        len(prekeys.make_one_time(100, today=1)) == 100,
        prekeys.make_one_time(0, today=1) == (),
        secret.erase_day == 44,
        prekeys.make_seal(today=7).erase_day == 44,
        envelope.bucket_for(4096 - 68 - 98, 98) is envelope.Bucket.SMALL,
        envelope.bucket_for(4096 - 68 - 98 + 1, 98) is envelope.Bucket.LARGE,
        envelope.bucket_for(16384 - 68 - 98, 98) is envelope.Bucket.LARGE,
        envelope.take_apart(envelope.assemble(COMMITMENT, SEALED)) == (COMMITMENT, SEALED),
        Address.parse(str(ADDRESS)) == ADDRESS,
        Invitation.parse(str(Invitation(ADDRESS, DROP))) == Invitation(ADDRESS, DROP),
        encoding.read_fields(encoding.fields(b"a", b""), 2) == (b"a", b""),
        len(encoding.fields(bytes(encoding.FIELD_BYTES_MAX))) == encoding.FIELD_BYTES_MAX + 4,
        encoding.sized(b"ab", 2, "test") == b"ab",
        is_loopback(Host("localhost:1")) and is_loopback(Host("127.9.9.9")),
        is_loopback(Host("[::1]:8440")) and not is_loopback(Host("10.0.0.1")),
        not is_loopback(Host("localhost.example")),
    )


def cases() -> Iterator[tuple[str, Callable[[], str | None]]]:
    """Give the demands, each by its name as something that says what is not held."""
    yield "truths", _untrue
    for number, (wanted, act) in enumerate(DUTIES):
        yield f"duty {number}", partial(_not_raised, wanted, act)
    for text, act in MESSAGES:
        yield text, partial(_untold, text, act)


def check() -> list[str]:
    """Every duty that the library does not hold, as a line each."""
    return [f"{name}: {found}" for name, case in cases() if (found := case()) is not None]


def _untrue() -> str | None:
    broken = [n for n, truth in enumerate(_truths()) if not truth]
    return f"truths {broken}" if broken else None


def _not_raised(wanted: type[Exception], act: Callable[[], object]) -> str | None:
    try:
        act()
    except Exception as error:  # noqa: BLE001 - any other error than the one wanted is a finding
        return None if isinstance(error, wanted) else f"{type(error).__name__} came"
    return f"no {wanted.__name__}"


def _untold(text: str, act: Callable[[], object]) -> str | None:
    try:
        act()
    except (errors.BadText, MalformedRecord) as error:
        return None if text in str(error) else f"{text!r} is not in {error}"
    return f"nothing was raised that says {text!r}"
