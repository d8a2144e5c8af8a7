"""Tests of the command's own errors."""

from hushpost.errors import HushpostError
from hushpost_demo import errors


def test_all_are_of_the_library_s_tree() -> None:
    """Whoever catches the library's root catches these."""
    own = [value for value in vars(errors).values() if isinstance(value, type)]
    assert len(own) > 8
    assert all(issubclass(kind, HushpostError) for kind in own)
