"""A contact as the app sees it (docs/spec/content.md, 3 and 8)."""

from dataclasses import dataclass, field
from enum import StrEnum


class ContactStage(StrEnum):
    """How far first contact came.

    ::

        new -> requested -> open           we wrote first
        knocking -> accepted -> open       they wrote first
        any -> blocked; open -> stopped (a safety alarm)
    """

    NEW = "new"
    REQUESTED = "requested"
    ACCEPTED = "accepted"
    OPEN = "open"
    BLOCKED = "blocked"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Contact:
    """A person this account writes with. A snapshot: ask `Client.contact` for the present one.

    ``name`` is what the person calls itself, unproven. ``verified`` says that you compared the
    safety number and told so with `Client.mark_verified`.
    """

    address: str
    account_id: bytes
    name: str
    stage: ContactStage
    verified: bool

    def __str__(self) -> str:
        return self.name or self.address


@dataclass(frozen=True, slots=True)
class Knock:
    """A stranger asks to become a contact. Nothing goes back before `Client.accept`.

    ``invited`` says that it came through an invitation you made. Name and text are the stranger's
    own words; only the address is proven.
    """

    address: str
    account_id: bytes
    name: str
    text: str = field(repr=False)
    invited: bool
