"""Tests of the exit statuses: each kind of error has the one that the page names."""

import re
from pathlib import Path

import pytest
from hushpost import BadInput, KeysRejected, MessageNotDelivered
from hushpost.errors import (
    HostUnconfirmed,
    HushpostError,
    RelayIdentityChanged,
    RelayUnreachable,
    VaultDamaged,
    VaultInUse,
    VaultLocked,
)
from hushpost_demo.errors import ContactUnknown, FactFailed, NotInTime, PassphraseMissing
from hushpost_demo.exit_statuses import ExitStatus, exit_status

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (VaultInUse("x"), 3),
        (VaultDamaged("x"), 3),
        (VaultLocked("x"), 4),
        (PassphraseMissing("x"), 4),
        (RelayUnreachable("x"), 5),
        (RelayIdentityChanged("x"), 5),
        (ContactUnknown("x"), 6),
        (KeysRejected.__new__(KeysRejected), 6),
        (HostUnconfirmed("host"), 6),
        (MessageNotDelivered("x"), 6),
        (NotInTime("x"), 7),
        (TimeoutError(), 7),
        (BadInput("x"), 2),
        (FactFailed("x"), 1),
        (HushpostError("x"), 1),
    ],
)
def test_errors_have_their_status(error: Exception, status: int) -> None:
    """A script can tell the vault from the relay from the other person."""
    assert exit_status(error) == status


def test_the_page_lists_every_status() -> None:
    """docs/cli.md and the code agree."""
    listed = {int(number) for number in re.findall(r"^\| (\d+) \|", PAGE.read_text(), re.M)}
    assert listed == {int(status) for status in ExitStatus}
