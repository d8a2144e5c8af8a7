"""The values of inner messages (docs/spec/content.md, 2)."""

from tests.client_lib.inner_messages import REQUEST


def test_a_request_does_not_show_its_secret() -> None:
    """The representation of a request holds neither the drop secret nor the words in it."""
    assert "ssss" not in repr(REQUEST)
    assert "hi" not in repr(REQUEST).replace("a.example", "")
