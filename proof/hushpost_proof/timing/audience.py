"""Those who are posted to, in a process of their own: who is there, slow, deaf, away or full.

    python -m hushpost_proof.timing.audience RELAY-URL KIND...

makes one account for each kind, prints one line of JSON (kind to route, secret and TTL class) when
all are in place, and goes on as they do until its input ends. Kinds are the members of `Kind`.
"""

import asyncio
import json
import secrets
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from enum import StrEnum
from typing import Final

from hushpost_wire.account_records import NO_PREVIOUS
from hushpost_wire.control import Done, DropKind, RevokeDrop
from hushpost_wire.frames import Accepted, Deliver
from hushpost_wire.identifiers import DropSecret, drop_hash
from hushpost_wire.ttl import TtlClass
from websockets.exceptions import ConnectionClosed

from hushpost_proof.harness.device import TestDevice, Wire, dial, envelope_for

# Longer than a relay waits for an acknowledgement before it commits.
SLOW_SECONDS: Final = 0.6
# Shorter than a tick: who leaves is gone before some acknowledgements, and back before the answer.
_STAY_SECONDS: Final = 0.11
_KNOCKS_MAX: Final = 1000


class Kind(StrEnum):
    """How a mailbox stands to those who post to it."""

    ONLINE = "online"
    SLOW = "slow"
    DEAF = "deaf"
    LEAVING = "leaving"
    OFFLINE = "offline"
    FULL = "full"
    TYPING_ONLINE = "typing-online"
    TYPING_OFFLINE = "typing-offline"
    UNKNOWN_ROUTE = "unknown-route"
    UNKNOWN_SECRET = "unknown-secret"
    REVOKED = "revoked"
    MALFORMED = "malformed"
    USED_UP = "used-up"


_THERE: Final = {Kind.ONLINE, Kind.SLOW, Kind.DEAF, Kind.TYPING_ONLINE}
_TYPING: Final = {Kind.TYPING_ONLINE, Kind.TYPING_OFFLINE}


class Member:
    """One mailbox and its owner."""

    def __init__(self, url: str, kind: Kind) -> None:
        self.kind = kind
        self._url = url
        self._device = TestDevice(url)
        today = int(time.time() // 86_400)
        self._device.lists = [self._device.make_list(1, NO_PREVIOUS, day=today)]
        self._secret = secrets.token_bytes(32)

    async def settle(self, stack: AsyncExitStack) -> asyncio.Task[None] | None:
        """Make the account and its drop; who is there stays logged in."""
        kind, device = self.kind, self._device
        async with device.inbox(create=True) as wire:
            if kind not in {Kind.UNKNOWN_SECRET, Kind.MALFORMED}:
                self._secret = await device.open_drop(wire, _drop_kind(kind))
            if kind is Kind.REVOKED:
                hashed = drop_hash(device.route, DropSecret(self._secret))
                await wire.ask(RevokeDrop(id=wire.id(), drop_hash=hashed), Done)
        if kind in {Kind.FULL, Kind.USED_UP}:
            await self._use_up()
        if kind is Kind.LEAVING:
            return asyncio.create_task(self._come_and_go())
        if kind not in _THERE:
            return None
        wire = await stack.enter_async_context(device.inbox())
        return asyncio.create_task(self._listen(wire))

    @property
    def place(self) -> dict[str, str | int | None]:
        """Where to post to, for `prober.Case`."""
        ttl = TtlClass.EPHEMERAL if self.kind in _TYPING else TtlClass.FORTNIGHT
        if self.kind is Kind.MALFORMED:
            return {"route": bytes(16).hex(), "secret": bytes(32).hex(), "ttl": int(ttl)}
        known = self.kind is not Kind.UNKNOWN_ROUTE
        route = self._device.route.hex() if known else None
        return {"route": route, "secret": self._secret.hex(), "ttl": int(ttl)}

    async def _use_up(self) -> None:
        async with dial(self._url, "/v1/post") as post:
            for _ in range(_KNOCKS_MAX):
                now = time.time()
                verdict = await post.submit(envelope_for(self._device.route, self._secret, now=now))
                if not isinstance(verdict, Accepted):
                    return

    async def _come_and_go(self) -> None:
        while True:
            async with self._device.inbox() as wire:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._listen(wire), _STAY_SECONDS)
            await asyncio.sleep(_STAY_SECONDS)

    async def _listen(self, wire: Wire) -> None:
        try:
            while True:
                message = await wire.receive()
                if isinstance(message, Deliver) and message.tag:
                    await self._answer(wire, message)
        except ConnectionClosed:
            return

    async def _answer(self, wire: Wire, deliver: Deliver) -> None:
        if self.kind in {Kind.ONLINE, Kind.LEAVING}:
            await wire.acknowledge(deliver)
        elif self.kind is Kind.SLOW:
            loop = asyncio.get_running_loop()
            loop.call_later(SLOW_SECONDS, lambda: loop.create_task(wire.acknowledge(deliver)))


def _drop_kind(kind: Kind) -> DropKind:
    if kind is Kind.FULL:
        return DropKind.KNOCK
    return DropKind.ONCE if kind is Kind.USED_UP else DropKind.CONTACT


async def attend(url: str, kinds: Sequence[Kind]) -> None:
    """Be all of them until standard input ends."""
    async with AsyncExitStack() as stack:
        members = [Member(url, kind) for kind in kinds]
        listening = [await member.settle(stack) for member in members]
        print(json.dumps({member.kind: member.place for member in members}), flush=True)
        await asyncio.to_thread(sys.stdin.read)
        for task in listening:
            if task is not None:
                task.cancel()


if __name__ == "__main__":
    asyncio.run(attend(sys.argv[1], [Kind(name) for name in sys.argv[2:]]))
