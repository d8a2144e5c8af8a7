"""Making an account known to its relay, and unmaking it (docs/spec/identity.md, 7; wire.md, 6).

Both happen on an inbox connection of their own, signed by the account key over that connection.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from hushpost_crypto.login import sign_account_creation, sign_account_deletion
from hushpost_wire.control import (
    AccountCreated,
    Answer,
    CreateAccount,
    DeleteAccount,
    Done,
    Error,
    ErrorCode,
    Role,
)
from hushpost_wire.host import Host

from hushpost.engine.own_account import OwnAccount
from hushpost.errors import RegistrationRefused, RelayMisbehaved, RelayRefused, RelayUnreachable
from hushpost.transport_dial import Dial, RelayPins
from hushpost.transport_inbox import Credentials, challenge, log_in
from hushpost.transport_link import Link, open_link

# Waits after answers that were lost; a relay that was restarted is back by then.
_ASK_AGAIN_SECONDS: Final = (0.5, 1.0, 2.0, 4.0)


@dataclass(frozen=True, slots=True)
class Way:
    """How to reach a relay and recognise it."""

    host: Host
    dial: Dial
    pins: RelayPins
    random: Callable[[int], bytes]

    async def open(self) -> Link:
        """Open an inbox connection that is not logged in; raises `RelayError`."""
        return await open_link(
            self.host, Role.INBOX, dial=self.dial, pins=self.pins, random=self.random
        )


async def create_at_relay(way: Way, own: OwnAccount, *, token: str | None) -> None:
    """Register the account; it may be there already, from a try that was cut off.

    Where the answer is lost it asks again: to give up now would leave an account that nobody can
    delete. Raises `RegistrationRefused` or another `RelayError`.
    """
    answer = await _ask(await way.open(), own, token)
    for pause in _ASK_AGAIN_SECONDS:
        if answer is not None:
            break
        await asyncio.sleep(pause)
        with suppress(RelayUnreachable):
            answer = await _ask(await way.open(), own, token)
    if answer is None:
        raise RelayUnreachable(
            f"the relay at {way.host} ends every connection before it answers: try again later"
        )
    if isinstance(answer, AccountCreated):
        return
    raise_creation_error(way.host, answer)


def raise_creation_error(host: Host, answer: Answer) -> None:
    """Say why a relay did not create an account; an account that is there already is well."""
    code = answer.code if isinstance(answer, Error) else None
    if code is ErrorCode.ACCOUNT_EXISTS:
        return
    if code is ErrorCode.REGISTRATION_CLOSED:
        raise RegistrationRefused(
            f"the relay at {host} takes no new accounts: choose another relay or ask its operator"
        )
    if code is ErrorCode.TOKEN_REFUSED:
        raise RegistrationRefused(
            f"the relay at {host} wants a registration token, or does not know this one: ask its"
            " operator and pass registration_token=..."
        )
    if code is ErrorCode.BAD_SIGNATURE:
        # A registration signs the name that was dialled.
        raise RegistrationRefused(
            f"the relay at {host} does not go by that name: use the one with which its people's"
            " addresses begin, or ask its operator"
        )
    if code in (ErrorCode.RETRY, ErrorCode.SLOW_DOWN):
        raise RelayUnreachable(f"the relay at {host} is busy: try again in a minute")
    raise RelayMisbehaved(f"the relay at {host} answered the registration with {code}")


async def delete_at_relay(way: Way, own: OwnAccount) -> None:
    """Delete the account and all that waits for it, for good; raises `RelayError`."""
    link = await way.open()
    try:
        credentials = Credentials(own.account_id, own.device_id, own.device_key)
        await log_in(link, credentials, random=way.random)
        bound = challenge(link, await link.hello())
        signature = sign_account_deletion(own.account_key, bound, own.account_id)
        answer = await link.request(lambda n: DeleteAccount(id=n, signature=signature))
    finally:
        await link.close()
    if not isinstance(answer, Done):
        raise RelayRefused(
            f"the relay at {way.host} did not delete the account; try again, or ask its operator"
        )


async def _ask(link: Link, own: OwnAccount, token: str | None) -> Answer | None:
    """Ask once; None if the connection ended before the answer came."""
    try:
        return await _create(link, own, token)
    except RelayUnreachable:
        return None
    finally:
        await link.close()


async def _create(link: Link, own: OwnAccount, token: str | None) -> Answer:
    signature = sign_account_creation(
        own.account_key,
        challenge(link, await link.hello()),
        genesis=own.genesis,
        device_list=own.device_list,
        device_id=own.device_id,
        route=own.route,
        token=token,
    )
    return await link.request(
        lambda n: CreateAccount(
            id=n,
            genesis=own.genesis_bytes,
            device_list=own.list_bytes,
            device=own.device_id,
            route=own.route,
            token=token,
            signature=signature,
        )
    )
