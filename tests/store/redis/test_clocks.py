"""The clock of this machine beside those of the servers: who is wrong is refused, and named."""

from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from hushpost_store import errors
from hushpost_store.redis.clocks import ClocksApart, refuse_wrong_clock
from hushpost_store.redis.command import SLOTS
from hushpost_store.redis.options import RedisOptions
from hushpost_store.redis.shards import Shards
from hushpost_store.redis.url import RedisUrl

from tests.store.redis.acting_server import ActingServer, Asked, acting, bulk

NOON = 1_800_000_000
APART_MAX = 60.0
NOT_SO = b"-ERR not now\r\n"


@dataclass(slots=True)
class Hands:
    """What a server answers to TIME: seconds beside noon, or a refusal."""

    beside: int = 0
    refuses: bool = False

    def answer(self, asked: Asked) -> bytes | None:
        """Answer as this clock has it; all else as usual."""
        if asked != [b"TIME"]:
            return None
        if self.refuses:
            return NOT_SO
        return b"*2\r\n" + bulk(b"%d" % (NOON + self.beside)) + bulk(b"999999")


@asynccontextmanager
async def _asked(one: Hands, other: Hands) -> AsyncGenerator[tuple[Shards, int, int]]:
    """Connect to two primaries with these clocks; give both ports too."""
    first, second = ActingServer(one.answer, slots=[]), ActingServer(other.answer, slots=[])
    async with acting(first), acting(second):
        half = SLOTS // 2
        rows = [(0, half - 1, first.port), (half, SLOTS - 1, second.port)]
        first.slots = second.slots = rows
        url = f"redis://127.0.0.1:{first.port},127.0.0.1:{second.port}"
        shards = Shards(RedisUrl.parse(url), RedisOptions(url))
        await shards.open()
        yield shards, first.port, second.port
        await shards.close()


def _at(*seconds: float) -> Callable[[], float]:
    """Read a clock that stands so far beside noon at each reading; the last stays."""
    readings: Iterator[float] = iter(seconds)
    stands = [0.0]

    def read() -> float:
        stands[0] = next(readings, stands[0])
        return NOON + stands[0]

    return read


async def test_both_directions_are_refused_up_to_a_second_beyond_the_bound() -> None:
    """A server tells whole seconds: up to one of them may have passed since."""
    async with _asked(Hands(), Hands()) as (shards, _, _):
        for beside in (-60.0, -59.0, 0.0, 59.0, 61.0):
            await refuse_wrong_clock(shards, _at(beside), APART_MAX)
        for beside in (-3_600.0, -61.0, 62.0, 3_600.0):
            with pytest.raises(ClocksApart, match="NTP"):
                await refuse_wrong_clock(shards, _at(beside), APART_MAX)


async def test_the_server_that_is_apart_is_named(shards: Shards) -> None:
    """By its place, with how far: an operator of twenty must not look for it."""
    async with _asked(Hands(), Hands(beside=90)) as (pair, _, wrong):
        said = f"Redis at 127.0.0.1:{wrong} are 90 seconds apart"
        with pytest.raises(ClocksApart, match=said):
            await refuse_wrong_clock(pair, _at(0.0), APART_MAX)
    with pytest.raises(ClocksApart):  # and a real one is read in the same way
        await refuse_wrong_clock(shards, _at(0.0), APART_MAX)


async def test_a_slow_answer_is_no_wrong_clock() -> None:
    """What was asked before a long wait and answered after it fits both ends of the wait."""
    async with _asked(Hands(beside=100), Hands(beside=100)) as (shards, _, _):
        await refuse_wrong_clock(shards, _at(0.0, 0.0, 200.0), APART_MAX)
        with pytest.raises(ClocksApart):
            await refuse_wrong_clock(shards, _at(0.0, 0.0, 30.0), APART_MAX)


async def test_one_server_that_does_not_answer_hides_no_wrong_clock() -> None:
    """Wrong is said before absent, whichever comes first; absent alone is said as it is."""
    for hands in ((Hands(refuses=True), Hands(-90)), (Hands(-90), Hands(refuses=True))):
        async with _asked(*hands) as (shards, _, _):
            with pytest.raises(ClocksApart):
                await refuse_wrong_clock(shards, _at(0.0), APART_MAX)
    async with _asked(Hands(refuses=True), Hands()) as (shards, _, _):
        with pytest.raises(errors.StoreFault, match="refused a command"):
            await refuse_wrong_clock(shards, _at(0.0), APART_MAX)
