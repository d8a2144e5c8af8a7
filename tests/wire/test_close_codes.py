"""Every close code has a meaning and advice, and stands in its range."""

from hushpost_wire.close_codes import ADVICE, CLOSE_REASON_BYTES_MAX, MEANING, Close, CloseCode


def test_every_code_says_what_and_what_next() -> None:
    """A client can act on each without reading more."""
    assert set(MEANING) == set(ADVICE) == set(CloseCode)
    assert all(MEANING.values())
    assert all(ADVICE.values())


def test_codes_are_the_standards_or_private() -> None:
    """Ours are in the private range of RFC 6455; no code that must not be sent is used."""
    ours = [code for code in CloseCode if code >= 4000]
    assert [code.value for code in ours] == list(range(4000, 4009))
    assert {code.value for code in CloseCode if code < 4000} == {1000, 1001, 1009, 1012}


def test_a_close_is_a_value() -> None:
    """Two closes with the same code and reason are equal."""
    assert Close(CloseCode.DRAIN) == Close(CloseCode.DRAIN, "")


def test_a_reason_fits_a_close_frame() -> None:
    """A control frame carries 125 bytes, two of which are the code (RFC 6455, section 5.5)."""
    assert CLOSE_REASON_BYTES_MAX == 125 - 2
