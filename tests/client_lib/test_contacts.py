"""A contact shows as its name, or as its address when it has none."""

from hushpost.contacts import Contact, ContactStage


def test_a_contact_is_called_by_its_name() -> None:
    """The name is the person's own word; without one the address stands there."""
    contact = Contact("hushpost://x/y", bytes(32), "Ann", ContactStage.OPEN, verified=False)
    assert str(contact) == "Ann"
    nameless = Contact("hushpost://x/y", bytes(32), "", ContactStage.OPEN, verified=False)
    assert str(nameless) == "hushpost://x/y"
