"""Tests of hushpost_crypto.errors: what an attacker learns from a failure, and who is at fault."""

import pytest
from hushpost_crypto import errors


def test_a_bad_ciphertext_says_one_thing_whatever_was_wrong() -> None:
    """The error takes no detail, so that no cause can be told from another."""
    assert str(errors.Undecryptable()) == str(errors.Undecryptable())
    assert "does not open" in str(errors.Undecryptable())
    with pytest.raises(TypeError):
        errors.Undecryptable("the tag is wrong")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]  # what must not be possible


def test_misuse_and_a_peers_fault_are_different_branches() -> None:
    """An app can tell its own mistake from what its peer sent; both are ours."""
    assert issubclass(errors.Misuse, errors.HushpostCryptoError)
    assert issubclass(errors.Undecryptable, errors.PeerFault)
    assert not issubclass(errors.PeerFault, errors.Misuse)
    assert not issubclass(errors.Misuse, errors.PeerFault)
