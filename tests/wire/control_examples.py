"""One example of every control message, as the spec shows it and as the vectors carry it.

A text `<N bytes>` stands for the base64url of N bytes; `filled` puts them in.
"""

import json
import re
from collections.abc import Sequence
from hashlib import shake_128
from typing import Any, cast

from hushpost_wire.control_types import encode_base64url
from hushpost_wire.limits import Limits

Example = dict[str, Any]

_PLACEHOLDER = re.compile(r"<(\d+) bytes>\Z")

LIMITS: Example = json.loads(Limits().model_dump_json())

TO_RELAY: tuple[Example, ...] = (
    {
        "type": "create_account",
        "id": 1,
        "genesis": "<66 bytes>",
        "device_list": "<204 bytes>",
        "device": "<16 bytes>",
        "route": "<16 bytes>",
        "token": "a-token-from-the-operator",
        "signature": "<64 bytes>",
    },
    {
        "type": "login",
        "id": 2,
        "account": "<32 bytes>",
        "device": "<16 bytes>",
        "protocol": 1,
        "client_nonce": "<32 bytes>",
        "signature": "<64 bytes>",
    },
    {"type": "register_drop", "id": 3, "drop_hash": "<32 bytes>", "kind": "contact"},
    {"type": "revoke_drop", "id": 4, "drop_hash": "<32 bytes>"},
    {
        "type": "publish_prekeys",
        "id": 5,
        "one_time": ["<1708 bytes>"],
        "signed": "<1708 bytes>",
        "seal": "<1410 bytes>",
    },
    {"type": "count_prekeys", "id": 6},
    {"type": "publish_device_list", "id": 7, "device_list": "<204 bytes>"},
    {"type": "delete_account", "id": 8, "signature": "<64 bytes>"},
    {"type": "expired_seen", "notice": 1},
    {"type": "take_prekeys", "id": 9, "account": "<32 bytes>"},
    {"type": "fetch_device_list", "id": 10, "account": "<32 bytes>", "after_version": 3},
)

TO_CLIENT: tuple[Example, ...] = (
    {
        "type": "hello",
        "protocol": {"min": 1, "max": 1},
        "role": "inbox",
        "host": "relay.example",
        "relay_key": "<32 bytes>",
        "handovers": ["<136 bytes>"],
        "nonce": "<32 bytes>",
        "hour": 490000,
        "limits": LIMITS,
        "registration": "open",
    },
    {"type": "account_created", "id": 1},
    {
        "type": "welcome",
        "id": 2,
        "protocol": 1,
        "route": "<16 bytes>",
        "prekeys_left": 88,
        "device_list_version": 1,
        "generation": "<16 bytes>",
        "signature": "<64 bytes>",
    },
    {"type": "done", "id": 3},
    {"type": "prekey_count", "id": 5, "left": 100},
    {
        "type": "prekeys",
        "id": 9,
        "genesis": "<66 bytes>",
        "device_list": "<204 bytes>",
        "bundles": [
            {
                "device": "<16 bytes>",
                "signed": "<1708 bytes>",
                "seal": "<1410 bytes>",
                "one_time": "<1708 bytes>",
            }
        ],
    },
    {
        "type": "device_lists",
        "id": 10,
        "genesis": "<66 bytes>",
        "latest": 4,
        "lists": ["<204 bytes>"],
    },
    {"type": "error", "id": 7, "code": "list_conflict"},
    {"type": "prekeys_low", "left": 29},
    {"type": "expired", "notice": 1, "drops": [{"drop_ref": "<16 bytes>", "count": 3}]},
)


def filled(value: Any) -> Any:
    """Put deterministic bytes in place of every `<N bytes>`."""
    if isinstance(value, dict):
        return {key: filled(part) for key, part in cast(Example, value).items()}
    if isinstance(value, list):
        parts = cast("Sequence[Any]", value)
        return [filled(part) for part in parts]
    match = _PLACEHOLDER.match(value) if isinstance(value, str) else None
    if match is None:
        return value
    return encode_base64url(shake_128(match[1].encode()).digest(int(match[1])))
