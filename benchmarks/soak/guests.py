"""People who come and go: accounts made, mail online and offline, left to expire, accounts deleted.

    python -m benchmarks.soak.guests FOLDER RELAY-URL CLOCK

Each life: an account and its login, a drop, envelopes to the open inbox, envelopes while away, some
of them of the hour class so that they expire, a login that reads nothing and is cut, a login that
drains and acknowledges, and the end of the account. Raw frames, so that a small process can churn
through many lives. Ends at the end of its input.
"""

import argparse
import asyncio
import os
import sys
from contextlib import suppress
from pathlib import Path

from hushpost_crypto.drops import Drop
from hushpost_crypto.login import sign_account_deletion
from hushpost_wire.control import (
    DeleteAccount,
    Done,
    Expired,
    PrekeysLow,
    decode_control_to_client,
    encode_control,
)
from hushpost_wire.frames import ACCEPTED, DELIVER
from hushpost_wire.limits import INBOX_PATH
from hushpost_wire.ttl import TtlClass, not_after

from benchmarks.client_frames import SubmitFrames, acknowledge_frame
from benchmarks.errors import LoadFailure
from benchmarks.layout import NUMBER_BYTES, TAG_END, TAG_START
from benchmarks.link import Link
from benchmarks.people import Person, challenge_of, greet, open_post
from benchmarks.soak.counted import Tally
from benchmarks.soak.stepping_clock import SteppingClock

AT_ONCE = 4
# Between two lives: what is left of a processor after the relay's own work belongs to others.
PAUSE_SECONDS = 0.3
ENVELOPES = 3
SAVE_SECONDS = 1.0
_ANSWER_SECONDS_MAX = 30.0
_CLASSES = (TtlClass.HOUR, TtlClass.DAY, TtlClass.FORTNIGHT)


class Life:
    """One account from its making to its end."""

    def __init__(self, url: str, clock: SteppingClock, tally: Tally) -> None:
        self._url = url
        self._clock = clock
        self._tally = tally
        self._person = Person.make()
        self._number = 0

    async def live(self) -> None:
        """Go through everything once; raises `LoadFailure` when the relay cut a connection."""
        inbox = await self._person.open_inbox(self._url, create=True)
        self._tally.add("accounts made")
        drop = await self._person.register(inbox)
        tags: list[bytes] = []
        _collect(inbox, tags)
        await self._post(drop, _CLASSES)
        await self._acknowledge(inbox, tags, len(_CLASSES) * ENVELOPES)
        await inbox.close()
        await self._post(drop, _CLASSES)
        await self._read_nothing()
        # Two steps of the clock: what lives an hour is expired now, and its owner will be told.
        await asyncio.sleep(3 * self._clock.step_seconds)
        await self._drain_and_end()

    async def _post(self, drop: Drop, classes: tuple[TtlClass, ...]) -> None:
        post = await open_post(self._url)
        post.receive_messages()
        for ttl_class in classes:
            frames = SubmitFrames(
                route=drop.route,
                drop_secret=drop.secret,
                ttl_class=ttl_class,
                not_after=not_after(ttl_class, self._clock.now()),
                filler=os.urandom(4096 - NUMBER_BYTES),
            )
            first = self._number
            self._number += ENVELOPES
            post.write(b"".join(frames.build(first + i) for i in range(ENVELOPES)))
        await _accepted(post, ENVELOPES * len(classes))
        self._tally.add("envelopes accepted", ENVELOPES * len(classes))
        await post.close()

    async def _acknowledge(self, inbox: Link, tags: list[bytes], count: int) -> None:
        async with asyncio.timeout(_ANSWER_SECONDS_MAX):
            while len(tags) < count:
                if inbox.closed is not None:
                    raise LoadFailure(inbox.closed)
                await asyncio.sleep(0.01)
        inbox.write(acknowledge_frame(tags))
        self._tally.add("envelopes acknowledged", len(tags))

    async def _read_nothing(self) -> None:
        """Log in, leave what comes unread, and be gone without a word."""
        link, hello = await greet(self._url, INBOX_PATH)
        _collect(link, [])
        await self._person.log_in(link, hello)
        link.abort()
        self._tally.add("logins that read nothing")

    async def _drain_and_end(self) -> None:
        link, hello = await greet(self._url, INBOX_PATH)
        tags: list[bytes] = []
        _collect(link, tags)
        await self._person.log_in(link, hello)
        await self._acknowledge(link, tags, ENVELOPES)  # those of the hour class are gone
        self._tally.add("logins that drained")
        account_id = self._person.genesis.account_id()
        signature = sign_account_deletion(self._person.account_key, challenge_of(hello), account_id)
        link.send_text(encode_control(DeleteAccount(id=9, signature=signature)))
        await self._done(link)
        self._tally.add("accounts deleted")

    async def _done(self, link: Link) -> None:
        while True:
            async with asyncio.timeout(_ANSWER_SECONDS_MAX):
                data = await link.message()
            assert isinstance(data, str), data
            message = decode_control_to_client(data)
            if isinstance(message, Done):
                return
            if not isinstance(message, Expired | PrekeysLow):
                raise LoadFailure(data[:200])
            self._tally.add("notices of expired mail", isinstance(message, Expired))


def _collect(link: Link, tags: list[bytes]) -> None:
    def take(data: bytes, start: int, _stop: int) -> None:
        if data[start] == DELIVER:
            tags.append(data[start + TAG_START : start + TAG_END])

    link.on_binary = take


async def _accepted(post: Link, count: int) -> None:
    while count > 0:
        async with asyncio.timeout(_ANSWER_SECONDS_MAX):
            verdict = await post.message()
        if isinstance(verdict, str) or verdict[0] != ACCEPTED:
            raise LoadFailure(f"an envelope was not accepted: {verdict[:12]!r}")
        count -= (len(verdict) - 4) // 4


async def _live_for_ever(url: str, clock: SteppingClock, tally: Tally) -> None:
    while True:
        try:
            await Life(url, clock, tally).live()
        except (LoadFailure, TimeoutError, OSError) as error:
            # A step of the clock ends connections whose time is over: such a life ends early.
            tally.add(f"lives cut short: {type(error).__name__}")
        await asyncio.sleep(PAUSE_SECONDS)


async def main() -> None:
    """Churn until the input ends."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak.guests")
    parser.add_argument("folder", type=Path)
    parser.add_argument("url")
    parser.add_argument("clock", type=SteppingClock.from_text)
    given = parser.parse_args()
    tally = Tally(given.folder / "guests.json")
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_live_for_ever(given.url, given.clock, tally)) for _ in range(AT_ONCE)
        ]
        tasks.append(group.create_task(_keep_saving(tally)))
        await reader.read()
        for task in tasks:
            task.cancel()
    tally.save()


async def _keep_saving(tally: Tally) -> None:
    while True:
        tally.save()
        await asyncio.sleep(SAVE_SECONDS)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main())
