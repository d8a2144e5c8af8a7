"""Every field of the hashes that relays keep in Redis; `inventory` says why and until when.

Names of fields are told here by their form: many are ids. A form that is a number of any bytes has
the length that the ids have, so that a word of another length is found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from hushpost_store.redis.inventory import declaration_of

_ID: Final = rb"[\x00-\xff]{16}"
# By the declared key: the forms of its fields.
FIELDS: Final = {
    "{route}:mailbox": (
        rb"owner|life|last|queued|bytes|epoch|node|notices|knock_day|knocks|earliest|latest|drop_end",
        # Count and bytes queued of each drop.
        b"#" + _ID,
        b"%" + _ID,
    ),
    "{route}:drops": (_ID,),
    "{route}:heads": (_ID,),
    "{route}:bodies": (_ID,),
    # What gathers by drop, and notices by number.
    "{route}:expired": (b"g" + _ID, rb"n[0-9]{1,16}"),
    "{account}:account": (
        rb"genesis|created_day|version|head|record|devices|numbers|deleting",
        rb"(device_id|device_key|route):[0-9]",
        b"number:" + _ID,
    ),
    "{account}:lists": (rb"[0-9]{1,10}",),
    # Device and prekey.
    "{account}:records": (_ID + _ID,),
    "{account}:standing": (b"[12]" + _ID,),
    "{hushpost}:store": (
        rb"format|generation|service|sweeps|accounts|envelopes|queued|bytes",
        rb"clean:[0-9a-f]{40}",
    ),
    "{hushpost}:migration": (rb"state|id|cursor|accounts|envelopes|digest",),
}
_FORMS: Final = {
    key: re.compile(b"|".join(b"(?:" + form + b")" for form in forms), re.DOTALL)
    for key, forms in FIELDS.items()
}


def undeclared_fields(key: bytes, fields: Iterable[bytes]) -> tuple[str, ...]:
    """Name the fields of a hash that are not declared; all of them where its key is not."""
    declared = declaration_of(key, "hash")
    form = _FORMS[declared.name] if declared is not None else None
    shown = key.decode("ascii", "backslashreplace")
    return tuple(
        f"{shown} {field.decode('ascii', 'backslashreplace')}"
        for field in fields
        if form is None or not form.fullmatch(field)
    )
