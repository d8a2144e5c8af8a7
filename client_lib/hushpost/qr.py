"""An address or invitation as a QR code in a terminal (docs/embedding.md)."""

import io

import segno
from hushpost_crypto.address import parse


def terminal_qr(text: str) -> str:
    """Draw an address or invitation with half blocks, two squares a character.

    Raises `BadAddress` for text that is neither: a code that nobody can add is not drawn.
    """
    out = io.StringIO()
    # Upper case falls in QR's alphanumeric mode, which makes the code a third smaller.
    code = segno.make(parse(text).qr_text(), error="m", micro=False)
    code.terminal(out, compact=True, border=2)
    return out.getvalue()
