"""Anonymous post connections: one short-lived connection a contact (DESIGN, sections 1 and 2).

What is sent on one connection is linked for whoever watches the relay, so each contact has its own,
it never logs in, and it is replaced at a random moment within ten minutes. Prekeys and device lists
are fetched on connections of their own, closed after the answer. With a SOCKS proxy each connection
has another user name, which keeps them on separate ways.

No retry here: the outbox knows what is due, and asks again after `retry.Backoff`.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from hushpost_wire.control import (
    Answer,
    DeviceLists,
    Error,
    FetchDeviceList,
    PostRequest,
    Prekeys,
    Role,
    TakePrekeys,
)
from hushpost_wire.host import Host
from hushpost_wire.identifiers import AccountId

from hushpost.errors import MisuseError, RelayError, RelayMisbehaved
from hushpost.retry import fraction
from hushpost.transport_dial import Dial, RelayPins
from hushpost.transport_link import Link, open_link
from hushpost.transport_posting import Posting, Verdict

# Drawn evenly between these. Under a minute, and reconnecting would itself mark who writes much;
# over ten, and a connection would tell the length of a conversation.
POST_LIFE_SECONDS_MIN: Final = 60.0
POST_LIFE_SECONDS_MAX: Final = 600.0


@dataclass(slots=True)
class _Post:
    """A contact's connection: who waits for it being opened waits on the lock."""

    opening: asyncio.Lock
    link: Link | None = None
    timer: asyncio.TimerHandle | None = None


class PostOffice:
    """All post connections of a client. End it with `close`."""

    def __init__(self, *, pins: RelayPins, dial: Dial, random: Callable[[int], bytes]) -> None:
        self._pins = pins
        self._dial = dial
        self._random = random
        self._posts: dict[tuple[bytes, Host], _Post] = {}
        self._retiring: set[asyncio.Task[None]] = set()
        self._closed = False

    async def submit(
        self, contact: bytes, host: Host, posting: Posting
    ) -> "asyncio.Future[Verdict]":
        """Post on this contact's connection, opening one if needed.

        ``contact`` is any name for the contact that stays the same; it is told to nobody. Raises a
        `RelayError` if there is no connection; the verdict raises one if it ends before the answer.
        """
        return (await self.submit_all(contact, host, (posting,)))[0]

    async def submit_all(
        self, contact: bytes, host: Host, postings: Sequence[Posting]
    ) -> "list[asyncio.Future[Verdict]]":
        """Post in order, all on one connection; gives the coming verdicts, the first ones first.

        They are fewer than the postings if the connection ends in between: by another one the rest
        could arrive before what is still to be posted again (docs/spec/delivery.md, 9). Post the
        rest when these verdicts are in. Raises as `submit`, if not even the first was posted.
        """
        self._need_open()
        post = self._posts.setdefault((contact, host), _Post(asyncio.Lock()))
        async with post.opening:
            if post.link is None or post.link.ended.done():
                await self._open(post, host)
            link = post.link
            if link is None:
                raise MisuseError("this client is closed: open it again")
            pending = [await link.submit(postings[0])]
            for posting in postings[1:]:
                if post.link is not link:
                    break
                try:
                    pending.append(await link.submit(posting))
                except RelayError:
                    break
            return pending

    async def take_prekeys(self, host: Host, account: AccountId) -> Prekeys | Error:
        """Take a bundle for each device of an account, on a connection of its own."""
        answer = await self._ask(host, lambda number: TakePrekeys(id=number, account=account))
        if isinstance(answer, Prekeys | Error):
            return answer
        raise RelayMisbehaved(f"the relay at {host} answered another question")

    async def fetch_device_list(
        self, host: Host, account: AccountId, after_version: int
    ) -> DeviceLists | Error:
        """Fetch device lists after a version, on a connection of its own. Ask on until `latest`."""
        answer = await self._ask(
            host,
            lambda number: FetchDeviceList(id=number, account=account, after_version=after_version),
        )
        if isinstance(answer, DeviceLists | Error):
            return answer
        raise RelayMisbehaved(f"the relay at {host} answered another question")

    async def close(self) -> None:
        """Close every connection; postings without verdict fail and stay in the outbox."""
        self._closed = True
        posts, self._posts = self._posts, {}
        for post in posts.values():
            self._retire(post)
        await asyncio.gather(*self._retiring, return_exceptions=True)

    async def _ask(self, host: Host, message: Callable[[int], PostRequest]) -> Answer:
        self._need_open()
        link = await self._connect(host)
        try:
            return await link.request(message)
        finally:
            await link.close()

    async def _open(self, post: _Post, host: Host) -> None:
        if post.timer is not None:
            post.timer.cancel()
        post.link = await self._connect(host)
        if self._closed:
            self._retire(post)
            return
        life = POST_LIFE_SECONDS_MIN + fraction(self._random) * (
            POST_LIFE_SECONDS_MAX - POST_LIFE_SECONDS_MIN
        )
        loop = asyncio.get_running_loop()
        post.timer = loop.call_later(life, self._retire, post)

    async def _connect(self, host: Host) -> Link:
        return await open_link(
            host, Role.POST, dial=self._dial, pins=self._pins, random=self._random
        )

    def _retire(self, post: _Post) -> None:
        """Let the next posting open a new connection, and this one end when it is answered."""
        link, post.link = post.link, None
        if post.timer is not None:
            post.timer.cancel()
            post.timer = None
        if link is not None:
            task = asyncio.get_running_loop().create_task(_finish(link, at_once=self._closed))
            self._retiring.add(task)
            task.add_done_callback(self._retiring.discard)

    def _need_open(self) -> None:
        if self._closed:
            raise MisuseError("this client is closed: open it again")


async def _finish(link: Link, *, at_once: bool) -> None:
    if not at_once:
        await link.drain()
    await link.close()
