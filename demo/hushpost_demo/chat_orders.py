"""The chat's slash commands (`chat_lines.ORDERS`), each a few lines on the client."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, ClassVar, Final

from hushpost import Contact, Knock
from hushpost.errors import HostUnconfirmed

from hushpost_demo.chat_lines import Order
from hushpost_demo.errors import ContactUnknown, HostNotTrusted
from hushpost_demo.plain_text import printable
from hushpost_demo.telling import contact_json, knock_json
from hushpost_demo.who import find_contact, find_knock, short_id, shown_name

# Typed behind an address whose relay is not one's own.
TRUST: Final = "trust"

if TYPE_CHECKING:
    from hushpost_demo.chat import Chat


class ChatOrders:
    """Obeys orders typed in a chat; errors are the library's and the chat's to show."""

    NAMES: ClassVar[frozenset[str]] = frozenset(
        {
            "to",
            "add",
            "accept",
            "decline",
            "safety",
            "verify",
            "block",
            "again",
            "contacts",
            "address",
        }
    )

    def __init__(self, chat: "Chat") -> None:
        self._chat = chat
        self._client = chat.client

    async def obey(self, order: Order) -> None:
        """Do it; raises `ContactUnknown` where it concerns nobody."""
        if order.name not in self.NAMES:
            name = printable(order.name)
            self._chat.say("unknown", f"-- there is no /{name}: /help lists what there is")
            return
        do: Callable[[str], Awaitable[None]] = getattr(self, f"_{order.name}")
        await do(order.argument)

    async def _to(self, who: str) -> None:
        self._chat.turn_to(find_contact(self._client, who))

    async def _add(self, address: str) -> None:
        target, _, trust = address.partition(" ")
        trusted = trust.strip() == TRUST
        try:
            contact = await self._client.add_contact(target, trust_host=trusted)
        except HostUnconfirmed as error:
            raise HostNotTrusted(
                f"they live at the relay {error.host}, which is not yours and would see your IP"
                f" address: /add ADDRESS {TRUST} if you agree"
            ) from None
        self._chat.turn_to(contact)

    async def _accept(self, who: str) -> None:
        self._chat.turn_to(await self._client.accept(self._knock(who)))

    async def _decline(self, who: str) -> None:
        knock = self._knock(who)
        await self._client.decline(knock)
        line = f"-- {shown_name(knock)} is turned away, and told nothing"
        self._chat.say("declined", line, knock=knock_json(knock))

    async def _safety(self, who: str) -> None:
        contact = self._contact(who)
        number = self._client.safety_number(contact)
        line = f"-- compare by another way with {shown_name(contact)}, then /verify:\n   {number}"
        self._chat.say("safety_number", line, safety_number=number, contact=contact_json(contact))

    async def _verify(self, who: str) -> None:
        contact = self._contact(who)
        await self._client.mark_verified(contact)
        contact = self._client.contact(contact.address)
        line = f"-- {shown_name(contact)} is verified"
        self._chat.say("verified", line, contact=contact_json(contact))

    async def _block(self, who: str) -> None:
        contact = self._contact(who)
        await self._client.block(contact)
        contact = self._client.contact(contact.address)
        line = f"-- {shown_name(contact)} is blocked, and told nothing"
        self._chat.say("blocked", line, contact=contact_json(contact))

    async def _again(self, who: str) -> None:
        contact = self._contact(who)
        messages = await self._client.send_all_again(contact)
        line = f"-- {len(messages)} unconfirmed messages to {shown_name(contact)} go out again"
        self._chat.say("sent_again", line, count=len(messages), contact=contact_json(contact))

    async def _contacts(self, _: str) -> None:
        for contact in self._client.contacts():
            verified = "verified" if contact.verified else "not verified"
            line = f"   {short_id(contact)}  {shown_name(contact)} ({contact.stage}, {verified})"
            self._chat.say("contact", line, contact=contact_json(contact))
        for knock in self._client.knocks():
            line = f"   {short_id(knock)}  {shown_name(knock)} (knocks)"
            self._chat.say("knock", line, knock=knock_json(knock))

    async def _address(self, _: str) -> None:
        address = str(self._client.address)
        self._chat.say("address", f"-- your address: {address}", address=address)

    def _contact(self, who: str) -> Contact:
        if who:
            return find_contact(self._client, who)
        contact = self._chat.contact
        if contact is None:
            raise ContactUnknown("you write to nobody yet: name somebody, or /to WHO first")
        return contact

    def _knock(self, who: str) -> Knock:
        if who:
            return find_knock(self._client, who)
        knocks = self._client.knocks()
        if len(knocks) == 1:
            return knocks[0]
        if not knocks:
            raise ContactUnknown("nobody knocks")
        raise ContactUnknown("more than one knocks: name one, /contacts lists them")
