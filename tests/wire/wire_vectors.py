"""The vectors of frames and control messages, and how a case is run.

`python -m tests.wire.wire_vectors` writes docs/spec/vectors/frames.json and control.json. Every
case is made from literal parts, one defect a case; nothing is random.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from hushpost_wire.control import Role, decode_control_to_client, decode_control_to_relay
from hushpost_wire.errors import (
    ControlMalformed,
    FrameMalformed,
    FrameOversized,
    FrameTruncated,
    FrameUnknown,
    WireError,
)
from hushpost_wire.frames import decode_to_client, decode_to_relay

from tests.wire.control_examples import TO_CLIENT, TO_RELAY, Example, filled

FOLDER = Path(__file__).parents[2] / "docs" / "spec" / "vectors"

FAILURES: dict[type[WireError], str] = {
    FrameTruncated: "truncated",
    FrameMalformed: "malformed",
    FrameUnknown: "unknown",
    FrameOversized: "oversized",
    ControlMalformed: "malformed",
}

FORMAT = "hushpost vectors 1"

Case = dict[str, Any]

SUBMIT = b"\x01\x04\0\0\0\0\0\x07" + b"r" * 16 + b"s" * 32 + b"e" * 16 + b"\0\x07\x53\x18body"
DELIVER = b"\x83\x01\0\0\0\0\0\x09\0\x07\x53\x18" + b"d" * 16 + b"e" * 16 + b"body"
EPHEMERAL = b"\x83\x02\0\0\0\0\0\0" + DELIVER[8:]
REFUSED = b"\x82\x02\0\0\0\0\0\x05\0\0\0\x3c"
ACKNOWLEDGE = b"\x02\0\0\0\0\0\0\x01\xff\xff\xff\xff"
ACCEPTED = b"\x81\0\0\0\0\0\0\x03"

FRAMES: tuple[tuple[str, str, bytes, str], ...] = (
    ("submit", "relay", SUBMIT, "ok"),
    ("submit with an empty envelope, refused later", "relay", SUBMIT[:76], "ok"),
    (
        "submit of an unknown class, refused later",
        "relay",
        b"\x01\xff" + SUBMIT[2:],
        "ok",
    ),
    ("submit one byte short of its header", "relay", SUBMIT[:75], "truncated"),
    ("submit of its type alone", "relay", SUBMIT[:1], "truncated"),
    (
        "submit with first reserved byte set",
        "relay",
        b"\x01\x04\x01\0" + SUBMIT[4:],
        "malformed",
    ),
    ("submit with last reserved bit set", "relay", b"\x01\x04\0\x01" + SUBMIT[4:], "malformed"),
    ("acknowledge of two tags", "relay", ACKNOWLEDGE, "ok"),
    ("acknowledge of 256 tags", "relay", b"\x02\0\0\0" + bytes(1024), "ok"),
    ("acknowledge of 257 tags", "relay", b"\x02\0\0\0" + bytes(1028), "malformed"),
    ("acknowledge of no tag", "relay", ACKNOWLEDGE[:4], "truncated"),
    ("acknowledge of a tag and a half", "relay", ACKNOWLEDGE[:10], "malformed"),
    (
        "acknowledge with reserved bit set",
        "relay",
        b"\x02\0\0\x80" + ACKNOWLEDGE[4:],
        "malformed",
    ),
    ("empty message to the relay", "relay", b"", "truncated"),
    ("type zero", "relay", bytes(100), "unknown"),
    ("a relay's frame sent to a relay", "relay", DELIVER, "unknown"),
    ("accepted of one request", "client", ACCEPTED, "ok"),
    ("accepted of no request", "client", ACCEPTED[:4], "truncated"),
    ("accepted with a reserved bit set", "client", b"\x81\x01\0\0" + ACCEPTED[4:], "malformed"),
    ("refused because full, try again in a minute", "client", REFUSED, "ok"),
    ("refused one byte short", "client", REFUSED[:11], "truncated"),
    ("refused one byte long", "client", REFUSED + b"\0", "malformed"),
    ("refused for reason zero", "client", b"\x82\0" + REFUSED[2:], "malformed"),
    ("refused for reason seven", "client", b"\x82\x07" + REFUSED[2:], "malformed"),
    ("refused with a reserved bit set", "client", b"\x82\x02\x80\0" + REFUSED[4:], "malformed"),
    ("deliver from the backlog", "client", DELIVER, "ok"),
    ("deliver of an ephemeral envelope", "client", EPHEMERAL, "ok"),
    ("deliver one byte short of its header", "client", DELIVER[:43], "truncated"),
    ("deliver with an unknown flag", "client", b"\x83\x04" + DELIVER[2:], "malformed"),
    ("deliver with a reserved bit set", "client", b"\x83\x01\0\x01" + DELIVER[4:], "malformed"),
    (
        "lasting deliver with tag zero",
        "client",
        b"\x83\0" + EPHEMERAL[2:],
        "malformed",
    ),
    ("ephemeral deliver with a tag", "client", b"\x83\x02" + DELIVER[2:], "malformed"),
    ("empty message to the client", "client", b"", "truncated"),
    ("a client's frame sent to a client", "client", SUBMIT, "unknown"),
)


def frame_cases() -> list[Case]:
    """Give the cases of frames.json; what is decoded is read off the code under literal tests."""
    cases: list[Case] = []
    for name, receiver, data, expect in FRAMES:
        case: Case = {"name": name, "receiver": receiver, "hex": data.hex(), "expect": expect}
        if expect == "ok":
            case["fields"] = run_frame(case)[1]
        cases.append(case)
    return cases


# One of each span, by its first value outside, and fields of which version 1 has one value.
BAD_LIMITS: tuple[tuple[str, object], ...] = (
    ("envelope_buckets", [4096]),
    ("envelope_buckets", [16384, 4096]),
    ("bucket_enforcement", 1),
    ("control_bytes_max", 65537),
    ("frame_numbers_max", 255),
    ("submits_in_flight_max", 0),
    ("submits_in_flight_max", 2**16 + 1),
    ("mailbox_bytes_max", 2**53 + 1),
    ("mailbox_bytes_max", 1.5),
    ("one_time_prekeys_max", 99),
    ("one_time_prekeys_low", 101),
    ("one_time_prekeys_batch_max", 2**31),
    ("post_seconds_max", 86401),
)


def control_cases() -> list[Case]:
    """Give the cases of control.json: each message whole, then one defect a case."""
    cases = [_control(f"{e['type']}", "relay", filled(e), "ok") for e in TO_RELAY]
    cases += [_control(f"{e['type']}", "client", filled(e), "ok") for e in TO_CLIENT]
    nothing: Example = {**filled(TO_CLIENT[9]), "drops": []}
    login, hello = filled(TO_RELAY[1]), filled(TO_CLIENT[0])
    without_id = {key: part for key, part in login.items() if key != "id"}
    defects: tuple[tuple[str, Any], ...] = (
        ("an unknown field", {**login, "also": 1}),
        ("a missing field", without_id),
        ("a number for a text", {**filled(TO_RELAY[0]), "token": 7}),
        ("an id as text", {**login, "id": "2"}),
        ("an id as a fraction", {**login, "id": 2.5}),
        ("an id beyond u32", {**login, "id": 2**32}),
        ("a negative id", {**login, "id": -1}),
        ("a boolean for a number", {**login, "id": True}),
        ("protocol version zero", {**login, "protocol": 0}),
        ("padded base64url", {**login, "account": login["account"] + "="}),
        ("plain base64", {**login, "account": "+" + login["account"][1:]}),
        ("stray bits in the last character", {**login, "account": "A" * 42 + "B"}),
        ("an account one byte short", {**login, "account": "A" * 42}),
        ("an account one byte long", {**login, "account": "A" * 44}),
        ("an unknown drop kind", {**filled(TO_RELAY[2]), "kind": "any"}),
        ("an unknown type", {**login, "type": "logout"}),
        ("no type", {key: part for key, part in login.items() if key != "type"}),
        ("an array for an object", [login]),
        ("a relay's message sent to a relay", hello),
        ("a message of the other endpoint", filled(TO_RELAY[9])),
    )
    cases += [_control(name, "relay", message, "malformed") for name, message in defects]
    cases += [
        _control("hello without limits", "client", {**hello, "limits": {}}, "malformed"),
        _control("hello of an unknown limit", "client", {**hello, "limits": {"x": 1}}, "malformed"),
        *(
            _control(
                f"hello with {name} of {value}",
                "client",
                {**hello, "limits": {**cast(Example, hello["limits"]), name: value}},
                "malformed",
            )
            for name, value in BAD_LIMITS
        ),
        _control("an unknown error code", "client", {"type": "error", "code": "x"}, "malformed"),
        _control("expired with no drop", "client", nothing, "malformed"),
    ]
    cases.append({**cases[1], "name": "cut short", "text": "{", "expect": "malformed"})
    cases.append({**cases[1], "name": "65537 spaces", "text": " " * 65537, "expect": "oversized"})
    return cases


def _control(name: str, receiver: str, message: Any, expect: str) -> Case:
    kind = cast(Example, message).get("type") if isinstance(message, dict) else None
    # A defect case goes to the inbox; a whole message to the endpoint it belongs to.
    post = expect == "ok" and kind in {"take_prekeys", "fetch_device_list"}
    role = {"role": "post" if post else "inbox"} if receiver == "relay" else {}
    text = json.dumps(message, separators=(",", ":"))
    return {"name": name, "receiver": receiver, **role, "text": text, "expect": expect}


def run_frame(case: Case) -> tuple[str, Example | None]:
    """Decode a frame case: its outcome, and its fields if it decoded."""
    decode: Callable[[bytes], Any] = (
        decode_to_relay if case["receiver"] == "relay" else decode_to_client
    )
    return _outcome(lambda: _fields(decode(bytes.fromhex(case["hex"]))))


def run_control(case: Case) -> tuple[str, Example | None]:
    """Decode a control case: its outcome, and its JSON if it decoded."""
    if case["receiver"] == "client":
        return _outcome(
            lambda: json.loads(decode_control_to_client(case["text"]).model_dump_json())
        )
    role = Role(case["role"])
    return _outcome(
        lambda: json.loads(decode_control_to_relay(case["text"], role).model_dump_json())
    )


def _outcome(run: Callable[[], Example]) -> tuple[str, Example | None]:
    try:
        return "ok", run()
    except WireError as error:
        return FAILURES[type(error)], None


def _fields(frame: Any) -> Example:
    named: Example = {"frame": type(frame).__name__.upper()}
    for name, value in frame._asdict().items():
        if isinstance(value, bytes):
            named[name] = value.hex()
        elif isinstance(value, tuple):
            named[name] = list(cast(tuple[int, ...], value))
        else:
            named[name] = int(value)
    return named


def files() -> dict[Path, str]:
    """Give the whole text of each vector file."""
    pages = {"frames.json": frame_cases(), "control.json": control_cases()}
    return {
        FOLDER / name: json.dumps({"format": FORMAT, "cases": cases}, indent=1) + "\n"
        for name, cases in pages.items()
    }


def main() -> None:
    """Write the vector files."""
    for path, text in files().items():
        path.write_text(text)


if __name__ == "__main__":
    main()
