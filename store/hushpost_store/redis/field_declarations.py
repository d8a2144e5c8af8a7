"""Every field of a hash, and member of a sorted set, that relays keep in Redis, why, until when.

`inventory` declares the keys. `form` matches the field's name: what stands for a drop, an envelope
or a device in it is bytes, and shown as `<...>` in `name`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class RedisField:
    """One kind of field. The first group of `form` is text, the second bytes."""

    key: str
    name: str
    form: bytes
    takes: str
    purpose: str
    retention: str


_DEVICE_LIFE: Final = "until the device leaves the device list, or the account is deleted"
_ACCOUNT_LIFE: Final = "until the account is deleted"
_ENVELOPE_LIFE: Final = "until acknowledged, at the latest until not_after"
_NEXT: Final = "until its next value, at the longest as long as the mailbox"
_DROP_LIFE: Final = "until nothing is queued through the drop"
_PREKEY_LIFE: Final = "until handed out or expired"
_STORE_LIFE: Final = "as long as the store"
_MOVE: Final = "until the first relay starts after the move"
_PREKEY: Final = rb"()(.{17,80})"
_SIXTEEN: Final = rb"()(.{16})"
_MAILBOX: Final = "{route}:mailbox"
_ACCOUNT: Final = "{account}:account"
_STORE: Final = "{hushpost}:store"
_MIGRATION: Final = "{hushpost}:migration"


def _field(
    key: str, name: str, takes: str, purpose: str, retention: str, *, form: bytes | None = None
) -> RedisField:
    return RedisField(key, name, form or b"(%b)()" % name.encode(), takes, purpose, retention)


FIELDS: Final = (
    _field(
        _MAILBOX,
        "owner",
        "account id, device id, 8 random bytes",
        "whose mailbox it is; by the claim's random bytes what one relay lets go of is not what"
        " another one claims meanwhile",
        _DEVICE_LIFE,
    ),
    _field(_MAILBOX, "last", "number", "numbers what is queued here, and here alone", _DEVICE_LIFE),
    _field(
        _MAILBOX,
        "life",
        "8 random bytes",
        "in which life of a server was numbered last: after a failover no number is given twice",
        _NEXT,
    ),
    _field(_MAILBOX, "queued", "number", "bounds the envelopes that wait", _DEVICE_LIFE),
    _field(_MAILBOX, "bytes", "number", "bounds their bytes", _DEVICE_LIFE),
    _field(
        _MAILBOX,
        "#<drop>",
        "number",
        "bounds the envelopes that wait through one drop",
        _DROP_LIFE,
        form=rb"(#)(.{16})",
    ),
    _field(_MAILBOX, "%<drop>", "number", "bounds their bytes", _DROP_LIFE, form=rb"(%)(.{16})"),
    _field(
        _MAILBOX,
        "knock_day",
        "day",
        "the day for which knocks are counted",
        "until the first sweep of a later day",
    ),
    _field(
        _MAILBOX,
        "knocks",
        "number",
        "bounds the knocks of a day",
        "until the first sweep of a later day",
    ),
    _field(
        _MAILBOX,
        "epoch",
        "number with random part",
        "tells the login that stands from those before it",
        _NEXT,
    ),
    _field(
        _MAILBOX,
        "node",
        "random name of a relay",
        "where the device is logged in, for hints and against those who are left",
        "until the login ends, or the next one where the relay died",
    ),
    _field(
        _MAILBOX, "earliest", "hour", "when the first of what waits ends: spares a sweep", _NEXT
    ),
    _field(
        _MAILBOX,
        "latest",
        "hour",
        "when the last of what waits ends: Redis deletes it two hours later by itself",
        _NEXT,
    ),
    _field(
        _MAILBOX, "drop_end", "hour", "when the first drop ends", "until no drop of it has an end"
    ),
    _field(_MAILBOX, "notices", "number", "numbers the notices of expiry", _DEVICE_LIFE),
    _field(
        "{route}:drops",
        "<drop>",
        "rest of a hash, kind, end",
        "who may post, as the hash of a secret that the relay never keeps",
        "until revoked, used up or ended",
        form=_SIXTEEN,
    ),
    _field(
        "{route}:order",
        "<envelope id>",
        "number",
        "order of what is queued",
        _ENVELOPE_LIFE,
        form=_SIXTEEN,
    ),
    _field(
        "{route}:heads",
        "<envelope id>",
        "end, size, CRC-32, drop, last 16 bytes",
        "what is asked of an envelope without reading it, and whether it is damaged",
        _ENVELOPE_LIFE,
        form=_SIXTEEN,
    ),
    _field(
        "{route}:bodies",
        "<envelope id>",
        "bytes",
        "the sealed envelope",
        _ENVELOPE_LIFE,
        form=_SIXTEEN,
    ),
    _field(
        "{route}:expired",
        "n<number>",
        "counts by drop",
        "tells an owner how many envelopes through which drop were never fetched",
        "until the owner has seen it",
        form=rb"(n\d+)()",
    ),
    _field(
        "{route}:expired",
        "g<drop>",
        "number",
        "counts what has expired since the last notice",
        "until the next login, which makes a notice of it",
        form=rb"(g)(.{16})",
    ),
    _field(_ACCOUNT, "genesis", "signed record", "whose account it is", _ACCOUNT_LIFE),
    _field(_ACCOUNT, "created_day", "day", "the day it was made", _ACCOUNT_LIFE),
    _field(
        _ACCOUNT, "version", "number", "of the newest device list", "until the next device list"
    ),
    _field(_ACCOUNT, "head", "hash", "of the newest device list", "until the next device list"),
    _field(_ACCOUNT, "record", "signed record", "the newest device list", "until the next one"),
    _field(_ACCOUNT, "devices", "number", "how many devices follow", _ACCOUNT_LIFE),
    _field(
        _ACCOUNT,
        "device_id:<place>",
        "device id",
        "which devices may log in",
        _DEVICE_LIFE,
        form=rb"(device_id:\d)()",
    ),
    _field(
        _ACCOUNT,
        "device_key:<place>",
        "public key",
        "checks their logins",
        _DEVICE_LIFE,
        form=rb"(device_key:\d)()",
    ),
    _field(
        _ACCOUNT,
        "route:<place>",
        "route",
        "which mailbox is theirs",
        _DEVICE_LIFE,
        form=rb"(route:\d)()",
    ),
    _field(
        _ACCOUNT,
        "numbers",
        "number",
        "the last place that was given in the stock of prekeys",
        _ACCOUNT_LIFE,
    ),
    _field(
        _ACCOUNT,
        "number:<device>",
        "number",
        "a device's place in the stock of prekeys",
        _DEVICE_LIFE,
        form=rb"(number:)(.{16})",
    ),
    _field(
        _ACCOUNT,
        "deleting",
        "8 random bytes",
        "that the account is being deleted, so that whoever comes finishes it",
        "until it is deleted",
    ),
    _field(
        "{account}:lists",
        "<version>",
        "hash and signed record",
        "lets contacts follow the chain of an account's devices",
        "the last 64 are kept",
        form=rb"(\d+)()",
    ),
    _field(
        "{account}:fresh",
        "<prekey>",
        "device's place and day",
        "which one-time prekeys can be handed out, until which day",
        _PREKEY_LIFE,
        form=_PREKEY,
    ),
    _field(
        "{account}:records", "<prekey>", "signed record", "the prekey", _PREKEY_LIFE, form=_PREKEY
    ),
    _field(
        "{account}:taken",
        "<prekey>",
        "device's place and day",
        "keeps a taken prekey from coming back",
        "until its expiry day",
        form=_PREKEY,
    ),
    _field(
        "{account}:standing",
        "1<device>, 2<device>",
        "signed record and day",
        "signed prekey and seal record of a device",
        "until replaced or expired, or the device leaves",
        form=rb"([12])(.{16})",
    ),
    _field(
        _STORE, "format", "number", "keeps older relays from what they cannot read", _STORE_LIFE
    ),
    _field(
        _STORE,
        "generation",
        "16 random bytes",
        "changes when something was forgotten, so that owners settle what is theirs",
        "until something is forgotten",
    ),
    _field(
        _STORE,
        "service",
        "public key, host name",
        "as whom all relays are known: one that differs does not start",
        "until `hushpost-relay identity claim` or a rotation",
    ),
    _field(
        _STORE, "sweeps", "number", "shows that the store was brought back as it was", _STORE_LIFE
    ),
    _field(_STORE, "accounts", "number", "a sum that health and metrics tell", _STORE_LIFE),
    _field(_STORE, "queued", "number", "a sum that health and metrics tell", _STORE_LIFE),
    _field(_STORE, "bytes", "number", "a sum that health and metrics tell", _STORE_LIFE),
    _field(
        _STORE,
        "clean:<server>",
        "moment, counts of commands",
        "when a server's log was last rewritten, and how many deletions it had counted then",
        "until the server, by its random run id, is gone",
        form=rb"(clean:[0-9a-f]+)()",
    ),
    _field(_MIGRATION, "state", "word", "how far a move from SQLite has come", _MOVE),
    _field(_MIGRATION, "id", "random bytes", "which move it is", _MOVE),
    _field(_MIGRATION, "cursor", "account id", "the last account that has arrived", _MOVE),
    _field(_MIGRATION, "accounts", "number", "how many have arrived", _MOVE),
    _field(_MIGRATION, "envelopes", "number", "how many have arrived", _MOVE),
    _field(_MIGRATION, "digest", "hash", "of all that has arrived", _MOVE),
)
