"""What every flood needs: addresses, attempts at connections, and a number of them at once."""

import asyncio
import itertools
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import perf_counter

from hushpost_wire.control import Hello

from benchmarks.errors import LoadFailure
from benchmarks.link import Link
from benchmarks.overload.outcomes import Outcomes
from benchmarks.people import greet

# A relay that is asked for more than it can do may take its time; longer is no answer.
ANSWER_SECONDS_MAX = 20.0
# Networks of /24, each with its own allowance at the relay: 127.16.0.0 to 127.254.255.0.
_FIRST, _LAST, _THIRD = 16, 255, 256


def addresses() -> "itertools.cycle[str]":
    """Give addresses of this machine, one of every /24 in turn, for ever."""
    return itertools.cycle(
        f"127.{second}.{third}.7" for third in range(_THIRD) for second in range(_FIRST, _LAST)
    )


def told(closed: str) -> str:
    """Give the words in which a connection was refused; empty where it was cut in silence."""
    if closed.startswith("closed with"):
        return f"close code {closed.split()[2]}"
    if "HTTP/1.1 503" in closed and "Retry-After" in closed:
        return "503, Retry-After"
    return ""


def note_end(outcomes: Outcomes, closed: str, times: int = 1) -> None:
    """Count a connection that the relay ended, or the requests that ended with it."""
    way = told(closed)
    if way:
        outcomes.told(way, times)
    else:
        outcomes.untold(closed[:60], times)


@asynccontextmanager
async def connection(
    outcomes: Outcomes, url: str, path: str, source: str
) -> AsyncGenerator[tuple[Link, Hello] | None]:
    """Try to connect from an address; None when refused, which is counted here."""
    outcomes.sent += 1
    try:
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            link, hello = await greet(url, path, source=source)
    except TimeoutError:
        outcomes.untold("no answer in time")
        yield None
        return
    except (LoadFailure, OSError) as failure:
        note_end(outcomes, str(failure).removeprefix("the server ended the connection: "))
        yield None
        return
    try:
        yield link, hello
    finally:
        link.abort()


async def keep_at_it(at_once: int, seconds: float, attempt: Callable[[], Awaitable[None]]) -> None:
    """Have so many attempts under way all the time; what is under way at the end is cut."""
    end = perf_counter() + seconds

    async def one() -> None:
        while perf_counter() < end:
            await attempt()

    tasks = [asyncio.ensure_future(one()) for _ in range(at_once)]
    _, late = await asyncio.wait(tasks, timeout=seconds + 0.5)
    for task in late:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, Exception):
            raise result
