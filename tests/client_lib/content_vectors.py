"""Makes the vectors of the inner message (docs/spec/vectors).

    python -m tests.client_lib.content_vectors

Each case is one inner message with one defect, or a good one with what it says.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from hushpost.content import (
    HEADER_BYTES,
    STREAM_MAX,
    ContentMalformed,
    Inner,
    Resend,
    Typing,
    Unknown,
    decode,
    encode,
)
from hushpost_wire.encoding import u8, u64

from tests.client_lib.inner_messages import BODIES, inner

PATH: Final = Path(__file__).parents[2] / "docs" / "spec" / "vectors" / "content.json"
_RESEND: Final = 8

Case = dict[str, Any]


def run(data: bytes) -> tuple[str, Case | None]:
    """Read an inner message; gives the failure class or `ok`, and what it says."""
    try:
        return "ok", _says(decode(data))
    except ContentMalformed:
        return "ContentMalformed", None


def vectors() -> str:
    """Make the whole file."""
    cases = [_case(name, data) for name, data in (*_good(), *_bad())]
    return json.dumps({"format": "hushpost vectors 1", "cases": cases}, indent=1) + "\n"


def _case(name: str, data: bytes) -> Case:
    expect, output = run(data)
    case: Case = {
        "name": name,
        "operation": "inner_message",
        "expect": expect,
        "input": {"bytes": data.hex()},
    }
    return case if output is None else case | {"output": output}


def _good() -> Iterator[tuple[str, bytes]]:
    for number, body in enumerate([*BODIES, Typing(began=True), Typing(began=False)]):
        yield f"{type(body).__name__} {number}", encode(inner(body))
    yield "an unknown kind in the stream", _with_body(b"anything", kind=200)
    yield "a request to send again all there is", _resend(1)
    yield "a request to send again all behind the last place", _resend(STREAM_MAX + 1)
    yield "one value missing", _resend(9, (8, 8))
    yield "two gaps with one place between them", _resend(9, (2, 3), (5, 8))
    most = [(n, n) for n in range(1, 64, 2)]
    yield "as many gaps as there may be", _resend(64, *most)


def _bad() -> Iterator[tuple[str, bytes]]:
    yield "a request to send again from place 0", _resend(0)
    yield "a request to send again from beyond any stream", _resend(STREAM_MAX + 2)
    yield "a gap that begins at 0", _resend(9, (0, 1))
    yield "a gap that ends before it begins", _resend(9, (3, 2))
    yield "a gap that reaches what is expected", _resend(9, (8, 9))
    yield "two gaps that touch", _resend(9, (2, 3), (4, 8))
    yield "two gaps that overlap", _resend(9, (2, 4), (4, 8))
    yield "gaps that do not ascend", _resend(9, (5, 8), (2, 3))
    yield "one gap more than there may be", _resend(99, *[(n, n) for n in range(1, 66, 2)])
    yield "fewer gaps than are counted", _with_body(u64(9) + u8(2) + u64(2) + u64(3))
    yield "a byte behind the last gap", _resend(9, (2, 3)) + b"\0"
    yield "a request to send again cut short", _resend(9)[:-1]
    out_of_stream = bytearray(_resend(9))
    out_of_stream[20:28] = bytes(8)
    yield "a request to send again without a place in the stream", bytes(out_of_stream)
    yield "kind 0", _with_body(b"", kind=0)


def _resend(following: int, *gaps: tuple[int, int]) -> bytes:
    body = b"".join(u64(first) + u64(last) for first, last in gaps)
    return _with_body(u64(following) + u8(len(gaps)) + body)


def _with_body(body: bytes, *, kind: int = _RESEND) -> bytes:
    head = bytearray(encode(inner(Resend(1)))[:HEADER_BYTES])
    head[1] = kind
    return bytes(head) + body


def _says(message: Inner) -> Case:
    content = message.body
    body = {"kind": content.kind} if isinstance(content, Unknown) else asdict(content)
    said: Case = {"header": asdict(message.header), type(message.body).__name__: body}
    plain: Case = json.loads(json.dumps(said, default=_hexadecimal))
    return plain


def _hexadecimal(value: object) -> str:
    if isinstance(value, bytes):
        return value.hex()
    raise TypeError(type(value))


if __name__ == "__main__":
    PATH.write_text(vectors())
