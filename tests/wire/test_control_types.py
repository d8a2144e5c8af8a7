"""Bytes in control messages have exactly one spelling."""

from typing import Annotated

import pytest
from hushpost_wire.control_types import Base64Url, decode_base64url, encode_base64url
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError


@given(st.binary(max_size=100))
def test_bytes_survive_a_round_trip(value: bytes) -> None:
    """Encoding has no padding, and decoding undoes it."""
    text = encode_base64url(value)
    assert "=" not in text
    assert decode_base64url(text) == value


@pytest.mark.parametrize("text", ["QQ==", "QR", "Q", "+/8", "QUI\n", " QUI", "QÜI", "Q.I"])
def test_any_other_spelling_is_refused(text: str) -> None:
    """Padding, stray bits, a lone character, another alphabet and white space."""
    with pytest.raises(PydanticCustomError):
        decode_base64url(text)


@given(st.text(max_size=12))
def test_a_text_decodes_to_bytes_that_encode_to_it_or_not_at_all(text: str) -> None:
    """No two texts stand for the same bytes."""
    try:
        value = decode_base64url(text)
    except PydanticCustomError:
        return
    assert encode_base64url(value) == text


def test_lengths_are_exact() -> None:
    """One byte less or more than the range is refused, and so is any other type."""
    adapter: TypeAdapter[bytes] = TypeAdapter(Annotated[bytes, Base64Url(2, 3)])
    assert adapter.validate_json('"QUI"') == b"AB"
    assert adapter.validate_python(b"ABC") == b"ABC"
    for bad in ('"QQ"', '"QUJDRA"', '"' + "A" * 10**6 + '"', "1", "null", "[65]"):
        with pytest.raises(ValidationError):
            adapter.validate_json(bad)
