"""Processes stopped, connections cut, half-open, slow and swallowed, a link that fails."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from hushpost_proof import rough_link, rough_weather
from hushpost_proof.claim import Claim, Effort, Half, Row
from hushpost_proof.conversation import is_whole, told
from hushpost_proof.harness.faulty_proxy import Weather
from hushpost_proof.rough_weather import LONG_SPELL_SECONDS, Forecast

LONG_ROUNDS: Final = 20


async def _prove(effort: Effort) -> Sequence[Row]:
    rounds = LONG_ROUNDS if effort.is_long else 1
    rows = await asyncio.gather(
        _weather(Forecast(effort.seed, rounds=rounds, stops=False), effort, "weather"),
        _weather(Forecast(effort.seed + 1, faults=(), rounds=rounds), effort, "stops"),
        _link(effort),
        _planted(effort),
    )
    if not effort.is_long:
        return rows
    # Once more with every timeout as it is shipped.
    real = Forecast(effort.seed, spell_seconds=LONG_SPELL_SECONDS, is_impatient=False)
    return (*rows, await _weather(real, effort, "real timeouts"))


async def _weather(forecast: Forecast, effort: Effort, name: str) -> Row:
    damage = await rough_weather.run(forecast, _folder(effort, name))
    assert damage.outcome is not None
    struck = {weather: damage.struck[weather] for weather in forecast.faults}
    tried = "; ".join(f"{weather.value} {times}" for weather, times in struck.items())
    if forecast.stops:
        tried += f"SIGSTOP {forecast.stop_seconds:g} s, longer than every timeout"
    times = sum(struck.values()) + damage.stops
    holds = is_whole(damage.outcome) and all(struck.values()) and times > 0
    return Row(tried, times, told(damage.outcome), holds)


async def _link(effort: Effort) -> Row:
    tried = "a network namespace whose link is taken down, then loses packets"
    absent = rough_link.absent()
    if absent:
        is_ci = os.environ.get("CI") == "true"
        return Row(tried, 0, f"not tried: {absent}", not is_ci)
    crossing = await rough_link.cross(_folder(effort, "link"), effort.seed)
    return Row(tried, 2, crossing.found, crossing.holds)


async def _planted(effort: Effort) -> Row:
    """Show that a client which takes a cut connection for an acceptance is found out."""
    forecast = Forecast(
        effort.seed,
        faults=(Weather.CUT, Weather.RESET),
        rounds=2,
        stops=False,
        defect="accept-on-loss",
    )
    damage = await rough_weather.run(forecast, _folder(effort, "planted"))
    assert damage.outcome is not None
    lost = len(damage.outcome.report.findings)
    return Row("planted: accept-on-loss", sum(damage.struck.values()), f"{lost} lost", lost > 0)


def _folder(effort: Effort, name: str) -> Path:
    folder = effort.folder / name
    folder.mkdir()
    return folder


CLAIM = Claim(
    name="stopped-and-cut",
    half=Half.LOST,
    sentence="Whoever stops processes or breaks connections delays mail, and loses none",
    seconds=30,
    prove=_prove,
)
