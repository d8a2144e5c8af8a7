"""A new account made whole, and the choices of its person (docs/spec/content.md, 7 and 10)."""

from dataclasses import replace

from hushpost_wire.host import Host

from hushpost.content import NAME_BYTES_MAX
from hushpost.engine.desk import Desk
from hushpost.engine.own_account import OwnAccount, create_account, own_account, save_own
from hushpost.engine.own_drops import register_knock_drop
from hushpost.engine.prekey_upkeep import refill, upkeep
from hushpost.engine.texts import text_bytes
from hushpost.errors import MisuseError


def make_account(
    desk: Desk, *, host: Host, knocks: bool, name: str
) -> tuple[OwnAccount, tuple[str, ...]]:
    """Make keys, prekeys and the knock drop, to be published; gives the recovery words too."""
    if len(text_bytes(name, "a name")) > NAME_BYTES_MAX:
        raise MisuseError(f"a name has at most {NAME_BYTES_MAX} bytes")
    made = create_account(desk, host=host, knocks=knocks, name=name)
    upkeep(desk)
    refill(desk, 0)
    register_knock_drop(desk)
    return made


def mark_registered(desk: Desk) -> None:
    """Remember that the relay knows the account."""
    save_own(desk, replace(own_account(desk), registered=True))


def set_read_receipts(desk: Desk, *, allowed: bool) -> None:
    """Choose whether contacts learn what was read, unless chosen otherwise for one of them."""
    save_own(desk, replace(own_account(desk), read_receipts=allowed))
