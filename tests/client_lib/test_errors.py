"""The tree of errors an app developer catches."""

import inspect

import pytest
from hushpost import errors

ALL = [one for _, one in inspect.getmembers(errors, inspect.isclass) if issubclass(one, Exception)]
BRANCHES = (
    errors.MisuseError,
    errors.VaultError,
    errors.RelayError,
    errors.PeerError,
    errors.HostUnconfirmed,
)


@pytest.mark.parametrize("error", [one for one in ALL if one is not errors.HushpostError])
def test_every_error_stands_on_one_branch(error: type[Exception]) -> None:
    """Each error belongs to exactly one branch of the tree."""
    assert sum(issubclass(error, branch) for branch in BRANCHES) == 1


@pytest.mark.parametrize("error", ALL)
def test_every_error_says_what_it_means(error: type[Exception]) -> None:
    """Each error's own docstring tells what happened, and it is caught as a HushpostError."""
    assert error.__doc__ != Exception.__doc__
    assert len(error.__doc__ or "") > 20
    assert issubclass(error, errors.HushpostError)
