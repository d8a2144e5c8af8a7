"""Each weather of the proxy does to a connection what it says."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from hushpost_proof.harness.faulty_proxy import FaultyProxy, Weather

LETTER = bytes(range(256)) * 16


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(1 << 16):
            writer.write(data)
    await _close(writer)


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


@asynccontextmanager
async def _proxied(
    folder: Path,
) -> AsyncGenerator[tuple[FaultyProxy, asyncio.StreamReader, asyncio.StreamWriter]]:
    server = await asyncio.start_server(_echo, "127.0.0.1", 0)
    async with server, FaultyProxy(folder / "wire", 1) as proxy:
        proxy.lead_to(server.sockets[0].getsockname()[1])
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(LETTER)
        assert await reader.readexactly(len(LETTER)) == LETTER
        try:
            yield proxy, reader, writer
        finally:
            await _close(writer)


@pytest.mark.parametrize("weather", [Weather.CUT, Weather.RESET])
async def test_a_cut_connection_ends_within_what_was_sent(tmp_path: Path, weather: Weather) -> None:
    """Less than all arrives, and then the end, in order or by a reset."""
    async with _proxied(tmp_path) as (proxy, reader, writer):
        proxy.weather = weather
        writer.write(LETTER)
        try:
            assert len(await reader.read()) < len(LETTER)
        except ConnectionResetError:
            assert weather is Weather.RESET
        assert proxy.struck[weather] >= 1


async def test_a_half_open_connection_swallows_for_good(tmp_path: Path) -> None:
    """Nothing comes and nothing ends, also when the weather is fair again."""
    async with _proxied(tmp_path) as (proxy, reader, writer):
        proxy.weather = Weather.HALF_OPEN
        writer.write(LETTER)
        await asyncio.sleep(0.1)
        proxy.weather = Weather.FAIR
        writer.write(LETTER)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.2)
        assert proxy.struck[Weather.HALF_OPEN] == 1


async def test_a_black_hole_gives_back_what_it_held_when_it_heals(tmp_path: Path) -> None:
    """Not a byte before, every byte after."""
    async with _proxied(tmp_path) as (proxy, reader, writer):
        proxy.weather = Weather.BLACK_HOLE
        writer.write(LETTER)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.2)
        proxy.weather = Weather.FAIR
        assert await asyncio.wait_for(reader.readexactly(len(LETTER)), 60) == LETTER


async def test_a_slow_connection_brings_all_in_its_time(tmp_path: Path) -> None:
    """Four kilobytes take a quarter of a second and more each way."""
    async with _proxied(tmp_path) as (proxy, reader, writer):
        proxy.weather = Weather.SLOW
        clock = asyncio.get_running_loop().time
        began = clock()
        writer.write(LETTER)
        assert await asyncio.wait_for(reader.readexactly(len(LETTER)), 60) == LETTER
        assert clock() - began > 0.25


async def test_connects_that_overtake_begin_with_an_end(tmp_path: Path) -> None:
    """Who was connected has to come again, and is held for a while."""
    async with _proxied(tmp_path) as (proxy, reader, _):
        proxy.weather = Weather.REORDERED
        assert await asyncio.wait_for(reader.read(1), 60) == b""
        again, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(LETTER)
        assert await asyncio.wait_for(again.readexactly(len(LETTER)), 60) == LETTER
        assert proxy.struck[Weather.REORDERED] == 1
        await _close(writer)
