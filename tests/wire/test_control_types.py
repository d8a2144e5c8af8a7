"""Bytes in control messages have exactly one spelling."""

from typing import Annotated

import pytest
from hushpost_wire import control_types
from hushpost_wire.control import CountPrekeys
from hushpost_wire.control_types import (
    U32,
    Base64Url,
    Count,
    HostField,
    TokenField,
    Version,
    decode_base64url,
    encode_base64url,
)
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


@pytest.mark.parametrize(
    ("kind", "least", "most"), [(U32, 0, 2**32 - 1), (Version, 1, 65_535), (Count, 0, 2**32 - 1)]
)
def test_numbers_have_the_range_of_their_bytes(kind: type[int], least: int, most: int) -> None:
    """The first and the last number are read, and those beside them are not."""
    adapter: TypeAdapter[int] = TypeAdapter(kind)
    for number in (least, most):
        assert adapter.validate_json(str(number)) == number
    for number in (least - 1, most + 1):
        with pytest.raises(ValidationError):
            adapter.validate_json(str(number))


@pytest.mark.parametrize(("field", "characters"), [(HostField, 255), (TokenField, 128)])
def test_texts_are_neither_empty_nor_longer_than_their_limit(
    field: type[str], characters: int
) -> None:
    """One character is read, and as many as the limit says, and no more."""
    adapter: TypeAdapter[str] = TypeAdapter(field)
    for size in (1, characters):
        assert adapter.validate_python("a" * size) == "a" * size
    for size in (0, characters + 1):
        with pytest.raises(ValidationError):
            adapter.validate_python("a" * size)


def test_a_text_that_is_too_long_is_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be so few bytes costs nothing but a look at its length."""
    decoded: list[str] = []

    def noted(text: str) -> bytes:
        decoded.append(text)
        return decode_base64url(text)

    monkeypatch.setattr(control_types, "decode_base64url", noted)
    for bytes_max in (1, 2, 3, 16, 64):
        adapter: TypeAdapter[bytes] = TypeAdapter(Annotated[bytes, Base64Url(bytes_max)])
        longest = encode_base64url(bytes(bytes_max))
        assert adapter.validate_python(longest) == bytes(bytes_max)
        assert decoded == [longest]
        with pytest.raises(ValidationError):
            adapter.validate_python("A" * (len(longest) + 1))
        assert decoded == [longest]
        decoded.clear()


def test_messages_are_fixed_and_their_errors_repeat_nothing() -> None:
    """A message that was read cannot be changed, and what was refused is not quoted."""
    message = CountPrekeys(id=1)
    with pytest.raises(ValidationError, match="frozen"):
        message.id = 2  # pyright: ignore[reportAttributeAccessIssue]  # what must not be possible
    with pytest.raises(ValidationError) as refused:
        CountPrekeys.model_validate_json('{"type":"count_prekeys","id":"a secret"}')
    assert "a secret" not in str(refused.value)
