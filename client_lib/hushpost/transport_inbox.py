"""The inbox connection: logged in, kept alive, come back to with full jitter (DESIGN, section 8).

One task (`Inbox.run`) connects, logs the device in, hands deliveries to the engine and starts again
when the connection ends, until somebody must decide: a relay with another identity, a login refused
or displaced, an unknown version. Those end the task and are told to the listener.

    connect -> check the relay's key -> login -> check its welcome -> open -> ended -> wait -> ...
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from hushpost_crypto.errors import PeerFault
from hushpost_crypto.keys import DeviceKey
from hushpost_crypto.login import LoginAttempt
from hushpost_wire.client_protocol import Damaged
from hushpost_wire.control import (
    Answer,
    Error,
    ErrorCode,
    Expired,
    Hello,
    Login,
    PrekeysLow,
    Request,
    Role,
    Welcome,
)
from hushpost_wire.frames import Deliver
from hushpost_wire.host import Host
from hushpost_wire.identifiers import AccountId, DeviceId, RelayPublicKey
from hushpost_wire.transcripts import NONCE_BYTES, Challenge

from hushpost.errors import (
    LoginDisplaced,
    LoginRefused,
    MisuseError,
    RelayError,
    RelayIdentityChanged,
    RelayMisbehaved,
    RelayUnreachable,
    RelayVersionUnknown,
)
from hushpost.retry import NO_PAUSE, Backoff
from hushpost.transport_dial import Dial, RelayPins
from hushpost.transport_link import Link, open_link
from hushpost.transport_posting import Posting, Verdict

# A relay that breaks the protocol is asked again this often in a row (docs/spec/wire.md, 9): it may
# have been updated in between; after that a person has to look.
MISBEHAVED_TIMES_MAX: Final = 3
# A relay that lets in and closes at once must not be dialled without end: only a connection that
# lasted this long makes the waits short again.
STEADY_SECONDS_MIN: Final = 10.0
_FOR_A_PERSON: Final = (LoginRefused, LoginDisplaced, RelayIdentityChanged, RelayVersionUnknown)


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who logs in."""

    account_id: AccountId
    device_id: DeviceId
    device_key: DeviceKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class Delivery:
    """An envelope with the connection it came by: its tag means nothing on another."""

    deliver: Deliver
    link: Link = field(repr=False)


class InboxListener(Protocol):
    """The engine's ear, called synchronously and in order from the inbox task."""

    def connected(self, welcome: Welcome, hello: Hello) -> None:
        """Take note of a login; what is queued follows."""
        ...

    def disconnected(self, error: RelayError | None, retry_seconds: float | None) -> None:
        """Not logged in any more, or still not; None for the wait means: not before you ask."""
        ...

    def delivered(self, delivery: Delivery) -> None:
        """Commit the envelope, then call `Inbox.acknowledge`."""
        ...

    def damaged(self, damaged: Damaged) -> None:
        """Report an envelope that is not its id; it is acknowledged already."""
        ...

    def noticed(self, notice: PrekeysLow | Expired) -> None:
        """Take a notice; answer `Expired` with `Inbox.expired_seen` when it is committed."""
        ...


class Inbox:
    """The connection of one device to its own relay. Start `run` as a task; end with `close`."""

    def __init__(
        self,
        host: Host,
        credentials: Credentials,
        listener: InboxListener,
        *,
        pins: RelayPins,
        dial: Dial,
        random: Callable[[int], bytes],
        backoff: Backoff | None = None,
    ) -> None:
        self._host = host
        self._credentials = credentials
        self._listener = listener
        self._pins = pins
        self._dial = dial
        self._random = random
        self._backoff = backoff or Backoff()
        self._link: Link | None = None
        self._closed = False
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Stay connected until `close`, or until a person must decide: then raises why."""
        failures = misbehaved = 0
        now = asyncio.get_running_loop().time
        while not self._closed:
            began = now()
            error, was_open = await self._connect_once()
            was_steady = was_open and now() - began >= STEADY_SECONDS_MIN
            failures = 1 if was_steady else failures + 1
            misbehaved = misbehaved + 1 if isinstance(error, RelayMisbehaved) else 0
            if self._closed:
                break
            if isinstance(error, _FOR_A_PERSON) or misbehaved >= MISBEHAVED_TIMES_MAX:
                self._listener.disconnected(error, None)
                raise error if error is not None else RelayUnreachable("the inbox ended")
            pause = error.pause if isinstance(error, RelayUnreachable) else NO_PAUSE
            wait = self._backoff.delay(failures, self._random, pause)
            self._listener.disconnected(error, wait)
            await self._sleep(wait)
        self._listener.disconnected(None, None)

    def retry_now(self) -> None:
        """Cut the wait short: the network changed, or the person asks."""
        self._wake.set()

    async def request(self, message: Callable[[int], Request]) -> Answer:
        """Ask on the open connection; raises `RelayUnreachable` while there is none."""
        return await self._open_link().request(message)

    async def submit(self, posting: Posting) -> "asyncio.Future[Verdict]":
        """Post to one's own devices. For others use `PostOffice`: this names the sender."""
        return await self._open_link().submit(posting)

    def acknowledge(self, delivery: Delivery) -> None:
        """Say that a delivery is committed; nothing if its connection ended meanwhile."""
        delivery.link.acknowledge(delivery.deliver.tag)

    def expired_seen(self, notice: Expired) -> None:
        """Say that an expired notice is committed; else the relay repeats it at the next login."""
        if self._link is not None:
            self._link.expired_seen(notice.notice)

    async def close(self) -> None:
        """End the connection and the task."""
        self._closed = True
        self._wake.set()
        if self._link is not None:
            await self._link.close()

    # -- one connection ----------------------------------------------------------------------------

    async def _connect_once(self) -> tuple[RelayError | None, bool]:
        """Connect, log in, stay to the end; gives why it ended and whether it was ever open."""
        forward = _Forward(self._listener)
        try:
            link = await open_link(
                self._host,
                Role.INBOX,
                dial=self._dial,
                pins=self._pins,
                random=self._random,
                listener=forward,
            )
        except RelayError as error:
            return error, False
        try:
            welcome = await log_in(link, self._credentials, random=self._random)
            self._link = link
            self._listener.connected(welcome, await link.hello())
            forward.open()
            return await asyncio.shield(link.ended), True
        except RelayError as error:
            return error, False
        finally:
            self._link = None
            await link.close()

    def _open_link(self) -> Link:
        if self._closed:
            raise MisuseError("this client is closed: open it again")
        if self._link is None:
            raise RelayUnreachable(f"not connected to {self._host} at this moment: try again later")
        return self._link

    async def _sleep(self, seconds: float) -> None:
        self._wake.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            pass


class _Forward:
    """Hands what the link hears to the engine, but nothing before the relay's welcome is checked.

    Welcome and backlog may come in one piece. Until `open` all is held back, at most a window full;
    after a welcome that does not hold, it is dropped with the link (docs/spec/wire.md, 8).
    """

    def __init__(self, listener: InboxListener) -> None:
        self._listener = listener
        self._held: list[Callable[[], None]] | None = []

    def open(self) -> None:
        """Hand over what was held back, in order, and from now on at once."""
        held, self._held = self._held or [], None
        for hand_over in held:
            hand_over()

    def delivered(self, link: Link, deliver: Deliver) -> None:
        self._pass(lambda: self._listener.delivered(Delivery(deliver, link)))

    def damaged(self, link: Link, damaged: Damaged) -> None:
        def report() -> None:
            if damaged.tag:
                link.acknowledge(damaged.tag)
            self._listener.damaged(damaged)

        self._pass(report)

    def noticed(self, link: Link, notice: PrekeysLow | Expired) -> None:
        self._pass(lambda: self._listener.noticed(notice))

    def _pass(self, hand_over: Callable[[], None]) -> None:
        if self._held is None:
            hand_over()
        else:
            self._held.append(hand_over)


def challenge(link: Link, hello: Hello) -> Challenge:
    """Give what every signature on this connection binds, with the host that was dialled."""
    return Challenge(
        hello.nonce,
        link.host,
        RelayPublicKey(hello.relay_key),
        hello.protocol.min,
        hello.protocol.max,
    )


async def log_in(
    link: Link, credentials: Credentials, *, random: Callable[[int], bytes]
) -> Welcome:
    """Log a device in on an inbox link; raises `LoginRefused` or `RelayMisbehaved`."""
    attempt = LoginAttempt(
        challenge(link, await link.hello()),
        random(NONCE_BYTES),
        link.protocol,
        credentials.account_id,
        credentials.device_id,
    )
    answer = await link.request(
        lambda number: Login(
            id=number,
            account=attempt.account_id,
            device=attempt.device_id,
            protocol=attempt.protocol,
            client_nonce=attempt.client_nonce,
            signature=attempt.sign(credentials.device_key),
        )
    )
    if not isinstance(answer, Welcome):
        raise _login_error(link.host, answer)
    try:
        attempt.verify_welcome(
            answer.signature,
            route=answer.route,
            prekeys_left=answer.prekeys_left,
            device_list_version=answer.device_list_version,
            generation=answer.generation,
        )
    except PeerFault:
        raise RelayMisbehaved(
            f"the relay at {link.host} did not prove that it holds its key; the connection was "
            "closed"
        ) from None
    return answer


def _login_error(host: Host, answer: Answer) -> RelayError:
    code = answer.code if isinstance(answer, Error) else None
    if code in (ErrorCode.RETRY, ErrorCode.SLOW_DOWN):
        return RelayUnreachable(f"the relay at {host} asks to log in later")
    return LoginRefused(
        f"the relay at {host} does not know this account and device: was the account deleted, or "
        "the relay restored from an old backup? Create the account again or ask its operator"
    )
