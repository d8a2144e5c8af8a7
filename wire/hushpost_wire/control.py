"""Control messages: JSON text, one closed union a direction (docs/spec/wire.md, section 6).

Shapes alone are judged here: lengths, ranges, names, nothing unknown. Whether a signature holds or
a record parses is for those who own the keys; records travel as opaque bytes. Errors never repeat
what was received.
"""

from enum import StrEnum
from typing import Annotated, Final, Literal, TypeVar

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from hushpost_wire.control_types import (
    MESSAGE_CONFIG,
    U32,
    AccountIdField,
    Count,
    DeviceIdField,
    DropHashField,
    DropReferenceField,
    GenerationField,
    GenesisField,
    HandoverField,
    HostField,
    ListField,
    NonceField,
    PrekeyField,
    RelayKeyField,
    RouteField,
    SealField,
    SignatureField,
    TokenField,
    Version,
)
from hushpost_wire.errors import ControlMalformed, FrameOversized
from hushpost_wire.limits import (
    CONTROL_BYTES_MAX,
    DEVICE_LISTS_PER_ANSWER_MAX,
    EXPIRED_DROPS_PER_NOTICE_MAX,
    HANDOVERS_MAX,
    ONE_TIME_PREKEYS_BATCH_MAX,
    Limits,
)
from hushpost_wire.records import DEVICES_MAX


class Role(StrEnum):
    """Which endpoint a connection came to."""

    INBOX = "inbox"
    POST = "post"


class Registration(StrEnum):
    """Who may create an account at this relay."""

    OPEN = "open"
    TOKEN = "token"  # noqa: S105  a word of the protocol, no secret
    CLOSED = "closed"


class DropKind(StrEnum):
    """What a drop is for; a `once` drop takes one envelope and is gone."""

    CONTACT = "contact"
    ONCE = "once"
    KNOCK = "knock"


class ErrorCode(StrEnum):
    """Why a request failed; docs/spec/wire.md, section 7, has a sentence each."""

    MALFORMED = "malformed"
    UNEXPECTED = "unexpected"
    UNKNOWN_VERSION = "unknown_version"
    LOGIN_FAILED = "login_failed"
    REGISTRATION_CLOSED = "registration_closed"
    TOKEN_REFUSED = "token_refused"  # noqa: S105  a word of the protocol, no secret
    ACCOUNT_EXISTS = "account_exists"
    BAD_RECORD = "bad_record"
    BAD_SIGNATURE = "bad_signature"
    LIST_CONFLICT = "list_conflict"
    NO_ACCOUNT = "no_account"
    DROP_CONFLICT = "drop_conflict"
    TOO_MANY_DROPS = "too_many_drops"
    TOO_MANY_PREKEYS = "too_many_prekeys"
    SLOW_DOWN = "slow_down"
    RETRY = "retry"


class _Message(BaseModel):
    model_config = MESSAGE_CONFIG


class ProtocolRange(_Message):
    """The protocol versions a relay speaks, both ends included."""

    min: Version
    max: Version


# ---- relay to client


class Hello(_Message):
    """The relay's first message on every connection."""

    type: Literal["hello"] = "hello"
    protocol: ProtocolRange
    role: Role
    host: HostField
    relay_key: RelayKeyField
    handovers: Annotated[tuple[HandoverField, ...], Field(max_length=HANDOVERS_MAX)]
    nonce: NonceField
    hour: U32
    limits: Limits
    registration: Registration


class AccountCreated(_Message):
    """The account stands, durably; log in next."""

    type: Literal["account_created"] = "account_created"
    id: U32


class Welcome(_Message):
    """The login is good. The client MUST check the relay's signature before it trusts anything.

    `generation` changes when the relay comes back from a backup (section 6.3).
    """

    type: Literal["welcome"] = "welcome"
    id: U32
    protocol: Version
    route: RouteField
    prekeys_left: Count
    device_list_version: U32
    generation: GenerationField
    signature: SignatureField


class Done(_Message):
    """The request was carried out, durably."""

    type: Literal["done"] = "done"
    id: U32


class PrekeyCount(_Message):
    """How many one-time prekeys of this device the relay holds."""

    type: Literal["prekey_count"] = "prekey_count"
    id: U32
    left: Count


class PrekeyBundle(_Message):
    """What a stranger needs for one device; `one_time` is absent when the stock is empty."""

    device: DeviceIdField
    signed: PrekeyField
    seal: SealField
    one_time: PrekeyField | None = None


class Prekeys(_Message):
    """The bundles of an account's devices, those of its current list that published any."""

    type: Literal["prekeys"] = "prekeys"
    id: U32
    genesis: GenesisField
    device_list: ListField
    bundles: Annotated[tuple[PrekeyBundle, ...], Field(max_length=DEVICES_MAX)]


class DeviceLists(_Message):
    """Device lists in order of version; ask again after the last one until `latest` is here."""

    type: Literal["device_lists"] = "device_lists"
    id: U32
    genesis: GenesisField
    latest: U32
    lists: Annotated[tuple[ListField, ...], Field(max_length=DEVICE_LISTS_PER_ANSWER_MAX)]


class PrekeysLow(_Message):
    """A notice: fewer one-time prekeys than the limit are left."""

    type: Literal["prekeys_low"] = "prekeys_low"
    left: Count


class ExpiredDrop(_Message):
    """How many envelopes through one drop expired unfetched."""

    drop_ref: DropReferenceField
    count: Annotated[Count, Field(ge=1)]


class Expired(_Message):
    """A notice of expired envelopes, kept by the relay until `expired_seen` names it."""

    type: Literal["expired"] = "expired"
    notice: U32
    drops: Annotated[
        tuple[ExpiredDrop, ...], Field(min_length=1, max_length=EXPIRED_DROPS_PER_NOTICE_MAX)
    ]


class Error(_Message):
    """A request failed, or, without `id`, the connection is about to be closed."""

    type: Literal["error"] = "error"
    id: U32 | None = None
    code: ErrorCode
    retry_after: U32 | None = None


# ---- client to relay


class CreateAccount(_Message):
    """Create an account with its first device and that device's mailbox."""

    type: Literal["create_account"] = "create_account"
    id: U32
    genesis: GenesisField
    device_list: ListField
    device: DeviceIdField
    route: RouteField
    token: Annotated[TokenField | None, Field(repr=False)] = None
    signature: SignatureField


class Login(_Message):
    """Open the mailbox of a device."""

    type: Literal["login"] = "login"
    id: U32
    account: AccountIdField
    device: DeviceIdField
    protocol: Version
    client_nonce: NonceField
    signature: SignatureField


class RegisterDrop(_Message):
    """Let the holder of a secret, known here by its hash, post into this mailbox."""

    type: Literal["register_drop"] = "register_drop"
    id: U32
    drop_hash: DropHashField
    kind: DropKind


class RevokeDrop(_Message):
    """Take a drop away; what already came through it stays."""

    type: Literal["revoke_drop"] = "revoke_drop"
    id: U32
    drop_hash: DropHashField


class PublishPrekeys(_Message):
    """Add one-time prekeys; replace the signed prekey and the seal record where given."""

    type: Literal["publish_prekeys"] = "publish_prekeys"
    id: U32
    one_time: Annotated[tuple[PrekeyField, ...], Field(max_length=ONE_TIME_PREKEYS_BATCH_MAX)] = ()
    signed: PrekeyField | None = None
    seal: SealField | None = None


class CountPrekeys(_Message):
    """Ask how many one-time prekeys are left."""

    type: Literal["count_prekeys"] = "count_prekeys"
    id: U32


class PublishDeviceList(_Message):
    """Publish the next device list of this account."""

    type: Literal["publish_device_list"] = "publish_device_list"
    id: U32
    device_list: ListField


class ExpiredSeen(_Message):
    """The notice is committed on this side; the relay may forget it. Has no answer."""

    type: Literal["expired_seen"] = "expired_seen"
    notice: U32


class DeleteAccount(_Message):
    """Delete the account and everything queued for it, signed by the account key."""

    type: Literal["delete_account"] = "delete_account"
    id: U32
    signature: SignatureField


class TakePrekeys(_Message):
    """Take prekeys of every device of an account; each one-time record is given out once."""

    type: Literal["take_prekeys"] = "take_prekeys"
    id: U32
    account: AccountIdField


class FetchDeviceList(_Message):
    """Fetch the device lists after a version; 0 for all that are kept."""

    type: Literal["fetch_device_list"] = "fetch_device_list"
    id: U32
    account: AccountIdField
    after_version: U32


InboxRequest = (
    RegisterDrop | RevokeDrop | PublishPrekeys | CountPrekeys | PublishDeviceList | DeleteAccount
)
PostRequest = TakePrekeys | FetchDeviceList
Request = CreateAccount | Login | InboxRequest | PostRequest
Answer = AccountCreated | Welcome | Done | PrekeyCount | Prekeys | DeviceLists | Error
Notice = PrekeysLow | Expired
ControlToInboxRelay = CreateAccount | Login | InboxRequest | ExpiredSeen
ControlToRelay = ControlToInboxRelay | PostRequest
ControlToClient = Hello | Answer | Notice
Control = ControlToRelay | ControlToClient

_BY_TYPE: Final = Field(discriminator="type")
_TO_RELAY: Final[dict[Role, TypeAdapter[ControlToRelay]]] = {
    Role.INBOX: TypeAdapter(Annotated[ControlToInboxRelay, _BY_TYPE]),
    Role.POST: TypeAdapter(Annotated[PostRequest, _BY_TYPE]),
}
_TO_CLIENT: Final[TypeAdapter[ControlToClient]] = TypeAdapter(Annotated[ControlToClient, _BY_TYPE])
_ALL_LIMITS: Final = set(Limits.model_fields)

Union = TypeVar("Union", ControlToRelay, ControlToClient)


def decode_control_to_relay(data: str | bytes, role: Role) -> ControlToRelay:
    """Decode a text message that a client sent to an endpoint; raises `ControlMalformed`."""
    return _decode(_TO_RELAY[role], data)


def decode_control_to_client(data: str | bytes) -> ControlToClient:
    """Decode a text message that a relay sent; raises `ControlMalformed`."""
    message = _decode(_TO_CLIENT, data)
    # The defaults are ours: a limit that a relay leaves out is not one it announced.
    if isinstance(message, Hello) and message.limits.model_fields_set != _ALL_LIMITS:
        raise ControlMalformed("control message refused: missing at hello.limits")
    return message


def encode_control(message: Control) -> str:
    """Encode a control message as the text to send; absent optional fields are left out."""
    return message.model_dump_json(exclude_none=True)


def _decode(adapter: TypeAdapter[Union], data: str | bytes) -> Union:
    if len(data) > CONTROL_BYTES_MAX:
        raise FrameOversized(f"a control message is larger than {CONTROL_BYTES_MAX} bytes")
    try:
        return adapter.validate_json(data)
    except ValidationError as error:
        raise ControlMalformed(_complaint(error)) from None


def _complaint(error: ValidationError) -> str:
    # The place and kind of the first defect. Field names are ours unless the field is unknown, and
    # then the place is the peer's own text: it is left out.
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    kind = first["type"]
    known = kind not in {"extra_forbidden", "union_tag_invalid", "json_invalid"}
    place = ".".join(str(part) for part in first["loc"]) if known and first["loc"] else "message"
    return f"control message refused: {kind} at {place}"
