"""Field types of control messages: numbers in range, bytes as unpadded base64url of exact length.

Implements docs/spec/wire.md, section 6.1. A value has one spelling: padding, other alphabets, white
space and stray bits in the last character are refused, so that bytes and text map one to one.
"""

import base64
import binascii
import re
from typing import Annotated, Any, Final

from pydantic import ConfigDict, Field, GetCoreSchemaHandler, StringConstraints
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from hushpost_wire.host import HOST_BYTES_MAX
from hushpost_wire.identifiers import (
    ACCOUNT_ID_BYTES,
    DEVICE_ID_BYTES,
    DROP_HASH_BYTES,
    DROP_REFERENCE_BYTES,
    GENERATION_BYTES,
    KEY_BYTES,
    ROUTE_BYTES,
    SIGNATURE_BYTES,
    AccountId,
    DeviceId,
    DropHash,
    DropReference,
    RelayPublicKey,
    Route,
    Signature,
    StoreGeneration,
)
from hushpost_wire.limits import TOKEN_CHARACTERS_MAX
from hushpost_wire.records import (
    DEVICE_LIST_BYTES_MAX,
    DEVICE_LIST_BYTES_MIN,
    GENESIS_BYTES,
    HANDOVER_BYTES,
    PREKEY_RECORD_BYTES,
    SEAL_RECORD_BYTES_MAX,
    SEAL_RECORD_BYTES_MIN,
)
from hushpost_wire.transcripts import NONCE_BYTES

MESSAGE_CONFIG: Final = ConfigDict(
    extra="forbid", strict=True, frozen=True, hide_input_in_errors=True
)

_ALPHABET: Final = re.compile(r"[A-Za-z0-9_-]*\Z")


class Base64Url:
    """Annotates `bytes` of a length from `minimum` to `maximum`, base64url in JSON."""

    def __init__(self, minimum: int, maximum: int | None = None) -> None:
        self.minimum = minimum
        self.maximum = minimum if maximum is None else maximum

    def __get_pydantic_core_schema__(
        self,
        source: Any,
        handler: GetCoreSchemaHandler,
    ) -> CoreSchema:
        """Give pydantic a validator of text or bytes and a serialiser to text."""
        return core_schema.no_info_plain_validator_function(
            self._validate,
            serialization=core_schema.plain_serializer_function_ser_schema(
                encode_base64url, return_schema=core_schema.str_schema(), when_used="json"
            ),
        )

    def _validate(self, value: object) -> bytes:
        if isinstance(value, str):
            # Checked before decoding, so that a huge text costs nothing.
            if len(value) > -(-self.maximum * 4 // 3):
                raise PydanticCustomError("bytes_length", "wrong number of bytes")
            value = decode_base64url(value)
        if not isinstance(value, bytes):
            raise PydanticCustomError("bytes_type", "not a base64url text")
        if not self.minimum <= len(value) <= self.maximum:
            raise PydanticCustomError("bytes_length", "wrong number of bytes")
        return value


def encode_base64url(value: bytes) -> str:
    """Encode bytes as base64url without padding (RFC 4648, section 5)."""
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode("ascii")


def decode_base64url(text: str) -> bytes:
    """Decode the one canonical spelling; raises `PydanticCustomError` for any other."""
    if not _ALPHABET.match(text):
        raise PydanticCustomError("base64url", "not unpadded base64url")
    try:
        value = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        raise PydanticCustomError("base64url", "not unpadded base64url") from None
    if encode_base64url(value) != text:
        raise PydanticCustomError("base64url", "not the canonical spelling")
    return value


U32 = Annotated[int, Field(ge=0, le=2**32 - 1)]
Version = Annotated[int, Field(ge=1, le=2**16 - 1)]
Count = Annotated[int, Field(ge=0, le=2**32 - 1)]
HostField = Annotated[
    str, StringConstraints(min_length=1, max_length=HOST_BYTES_MAX, pattern=r"^[!-~]+$")
]
TokenField = Annotated[
    str, StringConstraints(min_length=1, max_length=TOKEN_CHARACTERS_MAX, pattern=r"^[!-~]+$")
]

AccountIdField = Annotated[AccountId, Base64Url(ACCOUNT_ID_BYTES)]
DeviceIdField = Annotated[DeviceId, Base64Url(DEVICE_ID_BYTES)]
RouteField = Annotated[Route, Base64Url(ROUTE_BYTES)]
DropHashField = Annotated[DropHash, Base64Url(DROP_HASH_BYTES)]
DropReferenceField = Annotated[DropReference, Base64Url(DROP_REFERENCE_BYTES)]
RelayKeyField = Annotated[RelayPublicKey, Base64Url(KEY_BYTES)]
GenerationField = Annotated[StoreGeneration, Base64Url(GENERATION_BYTES)]
NonceField = Annotated[bytes, Base64Url(NONCE_BYTES)]
SignatureField = Annotated[Signature, Base64Url(SIGNATURE_BYTES)]
GenesisField = Annotated[bytes, Base64Url(GENESIS_BYTES)]
ListField = Annotated[bytes, Base64Url(DEVICE_LIST_BYTES_MIN, DEVICE_LIST_BYTES_MAX)]
PrekeyField = Annotated[bytes, Base64Url(PREKEY_RECORD_BYTES)]
SealField = Annotated[bytes, Base64Url(SEAL_RECORD_BYTES_MIN, SEAL_RECORD_BYTES_MAX)]
HandoverField = Annotated[bytes, Base64Url(HANDOVER_BYTES)]
