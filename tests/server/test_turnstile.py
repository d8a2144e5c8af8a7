"""Tests of hushpost_server.turnstile, on a clock that stands still until it is moved."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from hushpost_server.rate_limits import Rate
from hushpost_server.turnstile import TURN_SECONDS, Turnstile


@dataclass
class Passer:
    """A connection that counts how often it was stopped and let go."""

    paused: int = 0
    resumed: int = 0

    def pause_reading(self) -> None:
        """Stop."""
        self.paused += 1

    def resume_reading(self) -> None:
        """Go on."""
        self.resumed += 1


@dataclass
class World:
    """A clock with the turns that were asked for."""

    now: float = 100.0
    is_open: bool = True
    turns: list[tuple[float, Callable[[], None]]] = field(
        default_factory=list[tuple[float, Callable[[], None]]]
    )

    def turnstile(self, *, per_second: float = 100.0, burst: float = 2, most: int = 5) -> Turnstile:
        """Make a turnstile on this clock."""
        return Turnstile(
            Rate(per_second, burst),
            waiting_max=most,
            now=lambda: self.now,
            call_later=lambda wait, turn: self.turns.append((self.now + wait, turn)),
            is_open=lambda: self.is_open,
        )

    def advance(self, seconds: float) -> None:
        """Move the clock; what is due by then is done."""
        end = self.now + seconds
        while self.turns and self.turns[0][0] <= end:
            self.now, turn = self.turns.pop(0)
            turn()
        self.now = end


def come(turnstile: Turnstile, count: int) -> list[Passer]:
    """Let so many come."""
    passers = [Passer() for _ in range(count)]
    for passer in passers:
        assert turnstile.pass_or_wait(passer.pause_reading, passer.resume_reading)
    return passers


def test_few_pass_at_once_and_the_others_in_turn() -> None:
    """The burst passes untouched; who comes behind is left unread and read in the order it came."""
    world = World()
    turnstile = world.turnstile()
    passers = come(turnstile, 5)
    assert [one.paused for one in passers] == [0, 0, 1, 1, 1]
    assert len(turnstile) == 3
    world.advance(0.016)
    assert [one.resumed for one in passers] == [0, 0, 1, 0, 0]
    world.advance(0.03)
    assert [one.resumed for one in passers] == [0, 0, 1, 1, 1]
    assert not world.turns, "a turn comes though nobody waits"


def test_who_comes_behind_those_that_wait_does_not_overtake() -> None:
    """While somebody waits, a token that has come goes to the first in the row."""
    world = World()
    turnstile = world.turnstile(burst=1)
    first = come(turnstile, 2)[1]
    world.now += 0.02  # a token is there, and its turn is not yet
    late = come(turnstile, 1)[0]
    assert late.paused == 1
    world.advance(TURN_SECONDS)
    assert (first.resumed, late.resumed) == (1, 0)


def test_the_row_is_bounded() -> None:
    """Who finds it full is neither stopped nor kept: the caller turns it back."""
    world = World()
    turnstile = world.turnstile(burst=1, most=2)
    come(turnstile, 3)
    late = Passer()
    assert not turnstile.pass_or_wait(late.pause_reading, late.resume_reading)
    assert late.paused == 0
    assert len(turnstile) == 2


def test_while_it_is_closed_nobody_passes() -> None:
    """A store that is behind keeps everybody waiting, and lets them go on when it has caught up."""
    world = World(is_open=False)
    turnstile = world.turnstile()
    passers = come(turnstile, 3)
    world.advance(1.0)
    assert [one.resumed for one in passers] == [0, 0, 0]
    world.is_open = True
    world.advance(1.0)
    assert [one.resumed for one in passers] == [1, 1, 1]


def test_without_a_rate_everybody_passes() -> None:
    """A rate of 0 is no limit: nobody is stopped."""
    passers = come(World().turnstile(per_second=0), 50)
    assert {one.paused for one in passers} == {0}


async def test_what_is_awaited_comes_in_its_turn() -> None:
    """At once within the rate, later beyond it, and not at all where too many wait."""
    world = World()
    turnstile = world.turnstile(burst=1, most=1)
    assert await turnstile.come()
    second = asyncio.ensure_future(turnstile.come())
    await asyncio.sleep(0)
    assert not await turnstile.come()
    assert not second.done()
    world.advance(0.016)
    assert await second


async def test_a_turn_of_somebody_who_left_hurts_nobody() -> None:
    """Its connection ended while it waited; whoever is behind it comes all the same."""
    world = World()
    turnstile = world.turnstile(burst=1, most=2)
    assert await turnstile.come()
    gone, behind = (asyncio.ensure_future(turnstile.come()) for _ in range(2))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.sleep(0)
    world.advance(0.05)
    assert await behind
