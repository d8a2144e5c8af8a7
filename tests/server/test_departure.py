"""Tests of hushpost_server.departure: who leaves a relay that stops, and when."""

from __future__ import annotations

import math
import random
from collections import Counter

from hushpost_server.departure import LEAVING_PER_SECOND_MIN, WAVE_SECONDS, waves
from hypothesis import given
from hypothesis import strategies as st

CLIENTS = range(1_500)
SECONDS = 15.0


def peak(moments: list[float]) -> int:
    """Return how many come in the fullest tenth of a second."""
    return max(Counter(math.floor(moment / 0.1) for moment in moments).values())


def moments_of(count: int, seconds_max: float, seed: int) -> list[float]:
    """Return when each of so many clients leaves."""
    departure = waves(range(count), seconds_max, random.Random(seed).randbytes)
    return [wave.after for wave in departure for _ in wave.clients]


@given(st.integers(0, 500), st.floats(0, 60), st.integers())
def test_everybody_leaves_once_in_equal_waves_and_in_time(
    count: int, seconds_max: float, seed: int
) -> None:
    """Nobody is forgotten or told twice; waves differ by one client at most and come in order."""
    departure = waves(range(count), seconds_max, random.Random(seed).randbytes)
    assert sorted(client for wave in departure for client in wave.clients) == list(range(count))
    sizes = {len(wave.clients) for wave in departure}
    assert not sizes or max(sizes) - min(sizes) <= 1
    moments = [wave.after for wave in departure]
    assert moments == sorted(moments)
    assert all(0 <= moment <= max(seconds_max, WAVE_SECONDS) for moment in moments)


def test_waves_make_no_spike_and_one_wave_does() -> None:
    """No tenth of a second sees more than two waves' worth; planted, all at once is seen."""
    even = len(CLIENTS) / (SECONDS / WAVE_SECONDS)
    assert peak(moments_of(len(CLIENTS), SECONDS, seed=1)) <= 2 * even
    assert peak(moments_of(len(CLIENTS), 0, seed=1)) == len(CLIENTS)


def test_a_few_clients_do_not_take_the_whole_time() -> None:
    """Sixty are gone after three seconds, whatever was configured."""
    assert max(moments_of(60, 3_600, seed=2)) <= 60 / LEAVING_PER_SECOND_MIN


def test_chance_decides_who_leaves_when() -> None:
    """Clients that came one after the other, such as those of one device, do not leave so."""
    departure = waves(CLIENTS, SECONDS, random.Random(3).randbytes)
    when = {client: number for number, wave in enumerate(departure) for client in wave.clients}
    neighbours = sum(when[client] == when[client + 1] for client in CLIENTS[:-1])
    # By chance one pair in 150; were they dealt in order, none or all would be.
    assert 0 < neighbours < 40
