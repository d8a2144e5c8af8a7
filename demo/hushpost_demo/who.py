"""Which contact or knock a person means by what they typed.

A name is what its owner chose and proves nothing, so a name that two people bear is refused, with
the addresses that tell them apart. The address, or the beginning of its last part, always works.
"""

from collections.abc import Sequence
from typing import Final, TypeVar

from hushpost import Client, Contact, Knock

from hushpost_demo.errors import ContactAmbiguous, ContactUnknown
from hushpost_demo.plain_text import printable

# Fewer characters of an address are a slip of the finger as likely as a choice.
ID_CHARACTERS_MIN: Final = 4
ID_CHARACTERS_SHOWN: Final = 8

Person = TypeVar("Person", Contact, Knock)


def find_contact(client: Client, typed: str) -> Contact:
    """Give the contact; raises `ContactUnknown` or `ContactAmbiguous` with what to type instead."""
    found = find(client.contacts(), typed)
    if found is not None:
        return found
    if find(client.knocks(), typed) is not None:
        raise ContactUnknown(
            f"{printable(typed)} knocked and waits for your answer: hushpost accept first"
        )
    raise ContactUnknown(
        f"no contact answers to {printable(typed)!r}: `hushpost contacts` lists them, `hushpost add"
        " ADDRESS` makes one"
    )


def find_knock(client: Client, typed: str) -> Knock:
    """Give the knock; raises `ContactUnknown` or `ContactAmbiguous`."""
    found = find(client.knocks(), typed)
    if found is None:
        raise ContactUnknown(
            f"no knock of {printable(typed)!r} waits: `hushpost contacts` lists those that do"
        )
    return found


def find(people: Sequence[Person], typed: str) -> Person | None:
    """Give the one who answers to an address, the beginning of an id, or a name."""
    wanted = typed.strip().lower()
    by_address = [person for person in people if person.address.lower() == wanted]
    if by_address:
        return by_address[0]
    found = [person for person in people if _answers(person, wanted)]
    if len(found) > 1:
        listed = ", ".join(f"{short_id(person)} ({shown_name(person)})" for person in found)
        raise ContactAmbiguous(
            f"{printable(typed)!r} fits more than one: type one of these instead: {listed}"
        )
    return found[0] if found else None


def short_id(person: Contact | Knock) -> str:
    """Give the beginning of the address's last part: enough to tell people apart."""
    return person.address.rpartition("/")[2][:ID_CHARACTERS_SHOWN]


def shown_name(person: Contact | Knock) -> str:
    """Give the name made printable, or the short id of somebody without a name."""
    return printable(person.name) or short_id(person)


def _answers(person: Contact | Knock, wanted: str) -> bool:
    if person.name.lower() == wanted:
        return bool(wanted)
    last_part = person.address.rpartition("/")[2]
    return len(wanted) >= ID_CHARACTERS_MIN and last_part.startswith(wanted)
