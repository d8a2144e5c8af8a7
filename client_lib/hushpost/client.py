"""The client: what an app developer sees (docs/embedding.md).

A thin shell. Every method is a step of the pure engine in one transaction of the vault; what the
step left to do at relays happens after its commit, in the tasks of `running`.
"""

import asyncio
import os
import time
from collections.abc import Callable
from ssl import SSLContext
from types import TracebackType
from typing import Final, Self

from hushpost_crypto.address import Address, Invitation
from hushpost_crypto.safety_number import safety_number
from hushpost_wire.host import Host
from hushpost_wire.identifiers import AccountId

from hushpost import keys_of_others
from hushpost.contacts import Contact, Knock
from hushpost.engine import (
    conversation,
    first_contact,
    knocks,
    message_book,
    new_sessions,
    own_drops,
    receipts,
)
from hushpost.engine.account_setup import set_read_receipts
from hushpost.engine.contact_book import (
    ContactRow,
    all_contacts,
    contact_row,
    public_contact,
)
from hushpost.engine.desk import Desk
from hushpost.engine.message_book import MessageRow
from hushpost.engine.own_account import OwnAccount, own_account
from hushpost.errors import MisuseError, RelayUnreachable
from hushpost.event_stream import EventStream
from hushpost.events import Connection, Event, MessageReceived, ResendRequested
from hushpost.inputs import (
    account_of,
    read_message_id,
    read_relay,
    read_target,
    read_token,
    secret_of,
)
from hushpost.lifetime import PUBLISH_SECONDS_MAX, Lifetime, Means, NewAccount
from hushpost.messages import Message
from hushpost.transport_dial import Dial

# Messages sealed in one transaction: a few milliseconds each, and the event loop waits for it.
AGAIN_BATCH: Final = 16


class Client:
    """One person's account on this device. Make it with `create` or `open`, end it with `close`.

    Methods raise `MisuseError` for what cannot be, and other `HushpostError`s that say what to do
    next; what was accepted from you is durable when a method returns, whether or not there is a
    connection.
    """

    def __init__(self, life: Lifetime) -> None:
        self._life = life
        self._vault = life.vault
        self._steps = life.steps
        self._running = life.running
        own = self._own()
        self._address = Address(own.host, own.account_id)
        # The 24 words that alone can replace the account key. Only `create` gives them: show them
        # once, on paper; they are stored nowhere.
        self.recovery_words = life.recovery_words

    # -- making, opening, closing ----------------------------------------------------------------

    @classmethod
    async def create(
        cls,
        path: str | os.PathLike[str],
        *,
        relay: str,
        passphrase: str | None = None,
        key: bytes | None = None,
        name: str = "",
        registration_token: str | None = None,
        knocks: bool = True,
        socks_proxy: str | None = None,
        tls: SSLContext | None = None,
        clock: Callable[[], float] = time.time,
    ) -> Self:
        """Make an account at a relay and a vault for it, and connect.

        Show `recovery_words` once. If the relay cannot be reached or refuses, nothing is left on
        the disk; what a crash left of a creation is replaced. Raises `VaultExists`,
        `RelayUnreachable`, `RegistrationRefused`, `MisuseError`.
        """
        host, dial = read_relay(relay, tls=tls is not None), Dial(socks_proxy, tls)
        account = NewAccount(host, name, knocks, read_token(registration_token))
        secret = secret_of(passphrase, key)
        return cls(await Lifetime.begin(path, secret, account, Means(dial, clock)))

    @classmethod
    async def open(
        cls,
        path: str | os.PathLike[str],
        *,
        passphrase: str | None = None,
        key: bytes | None = None,
        socks_proxy: str | None = None,
        tls: SSLContext | None = None,
        clock: Callable[[], float] = time.time,
    ) -> Self:
        """Open a vault and connect in the background; works without a network.

        Raises `VaultMissing`, `VaultLocked`, `VaultInUse`, `VaultDamaged`, `VaultNewer`, and
        `VaultUnfinished` if making the account was cut off: then call `create` again.
        """
        means = Means(Dial(socks_proxy, tls), clock)
        return cls(await Lifetime.resume(path, secret_of(passphrase, key), means))

    async def close(self) -> None:
        """End all connections and close the vault. What is not sent goes on at the next `open`.

        Begun, it is finished: a caller that is cancelled leaves no vault open. Twice is no error.
        """
        await self._life.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    # -- oneself ---------------------------------------------------------------------------------

    @property
    def address(self) -> Address:
        """What to hand to other people; `str` gives the link."""
        return self._address

    @property
    def connection(self) -> Connection:
        """Whether mail arrives at this moment."""
        return self._running.connection

    @property
    def connection_explanation(self) -> str:
        """Why the connection is as it is, in a sentence for a person."""
        return self._running.connection_explanation

    async def settled(self, *, timeout: float) -> bool:  # noqa: ASYNC109  says it in the result
        """Wait until nothing is left to do at relays: mail, receipts, registrations.

        False if something is left after ``timeout`` seconds; it is durable and goes on.
        """
        return await self._running.settled(timeout)

    async def online(self) -> None:
        """Wait until the inbox is connected."""
        await self._running.online()

    async def create_invitation(self) -> str:
        """Make a link for one person: through it they reach you even if knocks are off.

        Returns when the relay knows it; it serves one first message. Hand it over secretly.
        """
        invitation, errand = await self._steps.run(own_drops.create_invitation)
        try:
            async with asyncio.timeout(PUBLISH_SECONDS_MAX):
                await self._running.errands.done(errand)
        except (TimeoutError, asyncio.CancelledError) as error:
            # Nobody will hold it: it takes up no place at the relay.
            await self._steps.run(own_drops.take_back, invitation.drop.hash())
            if isinstance(error, asyncio.CancelledError):
                raise
            raise RelayUnreachable(
                f"the relay did not register the invitation ({self.connection_explanation}); it"
                " would lead nowhere: make another when you are connected"
            ) from None
        return str(invitation)

    async def change_passphrase(self, old: str, new: str) -> None:
        """Wrap the vault's key anew; copies of the file made before still open with the old one."""
        await self._vault.change_secret(secret_of(old, None), secret_of(new, None))

    async def set_read_receipts(self, *, allowed: bool) -> None:
        """Choose whether contacts learn that you read their messages."""
        await self._steps.run(set_read_receipts, allowed=allowed)

    async def delete_account(self) -> None:
        """Delete the account at the relay with all that waits there, and the vault. No way back.

        The client is closed whatever comes of it. If it raises, the vault is kept: open it and try
        again. An account that the relay does not know any more counts as deleted.
        """
        await self._life.delete()

    # -- contacts --------------------------------------------------------------------------------

    async def add_contact(
        self, target: Address | Invitation | str, *, trust_host: bool = False
    ) -> Contact:
        """Make a contact of an address or invitation; nothing is sent before the first message.

        The relay's answer is verified against the address. Somebody who knocked is accepted by
        this. Raises `BadInput`, `HostUnconfirmed` (another relay than yours: ask the person, pass
        ``trust_host=True``), `KeysRejected` (the relay served forged keys), `PeerUnreachable`,
        `RelayUnreachable`.
        """
        wanted = read_target(target)
        address = first_contact.address_of(wanted)
        trusted = self._trusted(address.host, trust_host=trust_host)
        known = await self._steps.run(conversation.prepare_contact, wanted, trusted=trusted)
        if known is not None:
            return public_contact(known)
        keys_of_others.check_host(address.host, trusted)
        answer = await keys_of_others.fetch_keys(self._running.office, address)
        row = await self._steps.run(first_contact.add, wanted, answer, trusted=trusted)
        return public_contact(row)

    def contacts(self) -> list[Contact]:
        """Give all contacts, oldest first."""
        return self._steps.look(_contacts)

    def contact(self, address: Address | str) -> Contact:
        """Give a contact by address, as it is now; raises `MisuseError`."""
        account_id = first_contact.address_of(read_target(address)).account_id
        return public_contact(self._steps.look(contact_row, account_id))

    def knocks(self) -> list[Knock]:
        """Give the strangers who wait for a decision."""
        return self._steps.look(knocks.waiting_knocks)

    async def accept(self, knock: Knock, *, trust_host: bool = False) -> Contact:
        """Make a contact of a stranger and answer; their text comes as a `MessageReceived`.

        Raises `HostUnconfirmed` if they are at another relay than yours (see `add_contact`).
        """
        row = self._steps.look(knocks.find_knock, account_of(knock))
        keys_of_others.check_host(row.host, self._trusted(row.host, trust_host=trust_host))
        return public_contact(await self._steps.run(knocks.accept, account_of(knock)))

    async def decline(self, knock: Knock) -> None:
        """Drop a stranger's request, and later ones, without a word to them."""
        await self._steps.run(knocks.decline, account_of(knock))

    async def block(self, contact: Contact) -> None:
        """Revoke the contact's way to you and drop what is on its way to them."""
        await self._steps.run(conversation.block, account_of(contact))

    async def remove_contact(self, contact: Contact) -> None:
        """Forget a contact. They may knock again."""
        await self._steps.run(conversation.remove, account_of(contact))

    def safety_number(self, contact: Contact) -> str:
        """Give the 60 digits that both people see alike if nobody stands between them."""
        own = self._own().account_id
        return str(safety_number(own, AccountId(account_of(contact))))

    async def mark_verified(self, contact: Contact, *, verified: bool = True) -> None:
        """Remember that you compared the safety number by another way."""
        await self._steps.run(conversation.mark_verified, account_of(contact), verified=verified)

    async def allow_read_receipts(self, contact: Contact, *, allowed: bool | None) -> None:
        """Choose read receipts for one contact; None: as `set_read_receipts` says."""
        await self._steps.run(
            conversation.allow_read_receipts, account_of(contact), allowed=allowed
        )

    async def restart_session(self, contact: Contact) -> None:
        """Begin a new session, at most once a day: when mail of this contact cannot be opened."""
        await self._steps.run(new_sessions.restart_session, AccountId(account_of(contact)))

    # -- messages --------------------------------------------------------------------------------

    async def send(self, contact: Contact, text: str) -> Message:
        """Send a text of at most 64 KiB; on return it is durable here and on its way.

        The first text to a new contact goes with the request; what follows waits until the person
        accepted. Watch ``message.state``, or await ``message.reached("delivered")``.
        """
        row = await self._steps.run(first_contact.send, account_of(contact), text)
        return self._message(row)

    async def send_again(self, message: Message | str) -> Message:
        """Send a refused or unconfirmed message once more; the reader never sees it twice."""
        message_id = message if isinstance(message, str) else message.message_id
        row = await self._steps.run(first_contact.send_again, read_message_id(message_id))
        return self._message(row)

    async def send_all_again(self, what: ResendRequested | Contact) -> list[Message]:
        """Send again what a contact asked for, or all that is unconfirmed; oldest first.

        What was delivered, sent again or forgotten meanwhile is left out. Nobody sees one twice.
        """
        named = frozenset(what.message_ids) if isinstance(what, ResendRequested) else None
        account_id = account_of(what.contact if isinstance(what, ResendRequested) else what)
        rows = [
            row.inner_id
            for row in self._steps.look(message_book.unconfirmed_to, account_id)
            if named is None or row.inner_id.hex() in named
        ]
        sent: list[MessageRow] = []
        for start in range(0, len(rows), AGAIN_BATCH):
            batch = rows[start : start + AGAIN_BATCH]
            sent += await self._steps.run(first_contact.send_all_again, batch)
        return [self._message(row) for row in sent]

    def unconfirmed(self, contact: Contact) -> list[Message]:
        """Give the messages that have no receipt in time and can be sent again, oldest first."""
        rows = self._steps.look(message_book.unconfirmed_to, account_of(contact))
        return [self._message(row) for row in rows]

    def message(self, message_id: str) -> Message:
        """Give a message sent before, by its id; raises `MisuseError` once it is forgotten."""
        row = self._steps.look(message_book.find_message, read_message_id(message_id))
        if row is None:
            raise MisuseError("no message of that id is remembered; states are kept for 30 days")
        return self._message(row)

    async def mark_read(self, received: MessageReceived) -> None:
        """Tell the sender that the person read it, if read receipts are allowed."""
        inner_id = read_message_id(received.message_id)
        await self._steps.run(receipts.note_read, account_of(received.contact), inner_id)

    async def send_typing(self, contact: Contact, *, began: bool = True) -> None:
        """Tell that the person writes, or stopped; lost without a word if they are not online."""
        sealed = await self._steps.run(conversation.seal_typing, account_of(contact), began=began)
        self._running.post_once(sealed)

    def events(self) -> EventStream:
        """Give the events: ``async for event in client.events()``.

        An event is consumed when the loop asks for the next one; see `hushpost.events`.
        """
        return self._running.events

    async def consume(self, event: Event) -> None:
        """Consume the event shown last without asking for the next, before leaving the loop."""
        await self._running.events.consume(event)

    # -- within ----------------------------------------------------------------------------------

    def _own(self) -> OwnAccount:
        return self._steps.look(own_account)

    def _trusted(self, host: Host, *, trust_host: bool) -> frozenset[Host]:
        hosts = {self._own().host} | {row.host for row in self._steps.look(_rows)}
        return frozenset(hosts | {host} if trust_host else hosts)

    def _message(self, given: MessageRow) -> Message:
        # As it is now: what a step gave may be older than what a relay or receipt said since.
        row = self._steps.look(message_book.find_message, given.inner_id) or given
        message_id = row.inner_id.hex()
        message = self._running.messages.get(message_id)
        if message is None:
            address = self._steps.look(contact_row, row.account_id).address
            message = Message(message_id, address, row.state)
            self._running.messages[message_id] = message
        if message.state is not row.state:
            message.move(row.state)
        return message


def _rows(desk: Desk) -> list[ContactRow]:
    return list(all_contacts(desk))


def _contacts(desk: Desk) -> list[Contact]:
    return [public_contact(row) for row in all_contacts(desk)]
