"""A QR code in a terminal holds the address it was made of."""

import pytest
import segno
from hushpost.qr import terminal_qr
from hushpost_crypto.address import Address, Invitation, parse
from hushpost_crypto.drops import Drop
from hushpost_crypto.errors import BadAddress
from hushpost_wire.host import Host
from hushpost_wire.identifiers import AccountId, DropSecret, Route

ADDRESS = Address(Host("relay.example"), AccountId(bytes(range(32))))
INVITATION = Invitation(ADDRESS, Drop(Route(bytes(16)), DropSecret(bytes(range(32)))))


def _squares(drawn: str) -> list[list[bool]]:
    """Read half blocks back: two rows of squares a line, light where a block is drawn."""
    top, bottom = {"█", "▀"}, {"█", "▄"}
    rows: list[list[bool]] = []
    for line in (
        drawn.replace("\x1b[7m", "").replace("\x1b[0m", "").replace("\x1b[49m", "").splitlines()
    ):
        rows.append([mark in top for mark in line])
        rows.append([mark in bottom for mark in line])
    return rows


@pytest.mark.parametrize("target", [ADDRESS, INVITATION], ids=["address", "invitation"])
def test_the_drawn_code_is_that_of_the_text(target: Address | Invitation) -> None:
    """The squares in the terminal are those of a code of the upper-case link, which reads back."""
    drawn = terminal_qr(str(target))
    code = segno.make(target.qr_text(), error="m", micro=False)
    assert code.mode == "alphanumeric"
    matrix = [list(row) for row in code.matrix_iter(border=2)]
    squares = _squares(drawn)
    light = [row[: len(matrix[0])] for row in squares[: len(matrix)]]
    assert light == [[not dark for dark in row] for row in matrix]
    assert parse(target.qr_text()) == target


def test_the_code_fits_a_terminal() -> None:
    """An address is at most 80 columns and 40 lines; an invitation likewise."""
    for target in (ADDRESS, INVITATION):
        lines = terminal_qr(str(target)).splitlines()
        assert len(lines) <= 40
        assert len(lines) * 2 - 1 <= 80


def test_what_is_no_address_is_not_drawn() -> None:
    """A code that nobody can add helps nobody."""
    with pytest.raises(BadAddress, match="hushpost://"):
        terminal_qr("hello")
