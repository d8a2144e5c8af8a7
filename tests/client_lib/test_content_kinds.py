"""The values of inner messages (docs/spec/content.md, 2)."""

from hushpost.content_kinds import Unknown

from tests.client_lib.inner_messages import REQUEST


def test_a_request_does_not_show_its_secret() -> None:
    """The representation of a request holds neither the drop secret nor the words in it."""
    assert "ssss" not in repr(REQUEST)
    assert "hi" not in repr(REQUEST).replace("a.example", "")


def test_only_a_reserved_kind_is_expected() -> None:
    """A kind that the table reserves is told from one that no version knows."""
    assert Unknown(8).is_reserved
    assert not Unknown(200).is_reserved
