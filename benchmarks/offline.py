"""Store and forward: messages in while nobody is there, and out to recipients who come back.

In: from the first SUBMIT to the last ACCEPTED, each of which follows a synced commit. Out: from the
recipients' logins, all at once, until the deletion of the last message that they acknowledged is
committed as well.
"""

import asyncio
from collections.abc import Sequence
from time import perf_counter

from hushpost_wire.limits import INBOX_PATH

from benchmarks.closed_loop import QUIET_SECONDS_MAX, quiet
from benchmarks.pair import Pair
from benchmarks.people import Person, commit_barrier, greet
from benchmarks.recording import Figures, Recording


async def offline(
    pairs: Sequence[Pair], people: Sequence[Person], url: str, *, messages: int, window: int
) -> Figures:
    """Run intake and drain; the inboxes are closed before and open after."""
    each = messages // len(pairs)
    for pair in pairs:
        if pair.receiver is not None:
            await pair.receiver.close()
    intake = await _take_in(pairs, each, window)
    drain = await _drain(pairs, people, url)
    await quiet(pairs)
    return {
        "intake_per_second": each * len(pairs) / intake,
        "drain_per_second": each * len(pairs) / drain,
    }


async def _take_in(pairs: Sequence[Pair], each: int, window: int) -> float:
    recording = Recording()
    last = {id(pair): pair.sent + each for pair in pairs}
    done = asyncio.get_running_loop().create_future()

    def refill(pair: Pair) -> None:
        room = min(window - pair.unanswered, last[id(pair)] - pair.sent)
        if room > 0:
            pair.send(room, perf_counter())
        elif len(recording.accepted) == each * len(pairs) and not done.done():
            done.set_result(perf_counter())

    for pair in pairs:
        pair.begin(recording, refill)
    start = perf_counter()
    for pair in pairs:
        refill(pair)
    end: float = await asyncio.wait_for(done, QUIET_SECONDS_MAX)
    for pair in pairs:
        pair.refill = _nothing
    return end - start


async def _drain(pairs: Sequence[Pair], people: Sequence[Person], url: str) -> float:
    greeted = [await greet(url, INBOX_PATH) for _ in pairs]
    for pair, (link, _) in zip(pairs, greeted, strict=True):
        pair.attach(link)

    async def empty(number: int) -> None:
        link, hello = greeted[number]
        pair = pairs[number]
        await people[number].log_in(link, hello)
        done = asyncio.get_running_loop().create_future()

        def check(checked: Pair) -> None:
            if not checked.outstanding and not done.done():
                done.set_result(None)

        pair.refill = check
        check(pair)
        await asyncio.wait_for(done, QUIET_SECONDS_MAX)
        await commit_barrier(link)

    start = perf_counter()
    await asyncio.gather(*(empty(number) for number in range(len(pairs))))
    return perf_counter() - start


def _nothing(_pair: Pair) -> None:
    pass
