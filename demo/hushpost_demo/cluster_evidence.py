"""What the cluster demo looks for in Redis: in its servers' files, and in their memory.

As with files alone, looking is shown to find: words are planted in a server as a relay that leaks
would put them there, and hunted in its log and in its memory.
"""

import asyncio
import base64
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from hushpost_demo.evidence import Control, Hunt
from hushpost_demo.gram_search import GramIndex
from hushpost_demo.guises import Needle
from hushpost_demo.leak_scan import Finding, Report, phrases, word_needles
from hushpost_demo.process_memory import read_memory
from hushpost_demo.redis_look import home_of
from hushpost_demo.redis_questions import asking
from hushpost_demo.redis_servers import RedisCluster, RedisServer
from hushpost_demo.scan_process import scan_apart

# In some hundred megabytes five given bytes are met by chance once in a few hundred runs, seven
# never. A short word is found with its neighbours, and in its longer spellings.
MEMORY_PATTERN_BYTES_MIN: Final = 7
LEAK_KEY: Final = b"{careless}:debug"
_PLANTED: Final = b"{planted}:"


@dataclass(frozen=True, slots=True)
class Plant:
    """A spelling that is planted, and as what the scan must find it."""

    name: str
    encoding: str
    content: bytes


async def hunt_memory(where: str, servers: Sequence[RedisServer], texts: Sequence[str]) -> Hunt:
    """Hunt every word of the texts in what the servers' processes hold in memory.

    Raises `MemoryUnreadable` where the system does not let us look.
    """
    wanted = phrases(texts)
    needles = [
        needle
        for phrase in wanted
        for needle in word_needles(phrase)
        if len(needle.pattern) >= MEMORY_PATTERN_BYTES_MIN
    ]
    report = await asyncio.to_thread(_search, servers, needles)
    return Hunt(where, len(wanted), len(needles), report, unit="processes")


async def control_in_redis(cluster: RedisCluster, text: str, *, memory: bool) -> Control:
    """Plant a text in Redis in every spelling, hunt it in its files and memory, take it out."""
    needles = list(word_needles(text))
    plants = _plants(text)
    async with _planted(cluster, plants) as server:
        reports = [await scan_apart([server.folder], needles)]
        if memory:
            reports.append(await asyncio.to_thread(_search, [server], needles))
    found = [{finding.encoding for finding in report.findings} for report in reports]
    seen = [plant.name for plant in plants if all(plant.encoding in kinds for kinds in found)]
    return Control(tuple(plant.name for plant in plants), tuple(seen))


async def leak(cluster: RedisCluster, text: str) -> None:
    """Do what a careless relay would do; only with ``--leak``."""
    async with asking((await home_of(cluster, LEAK_KEY)).primary) as questions:
        await questions.ask(b"SET", LEAK_KEY, base64.b64encode(text.encode()))


@asynccontextmanager
async def _planted(cluster: RedisCluster, plants: Iterable[Plant]) -> AsyncGenerator[RedisServer]:
    server = (await home_of(cluster, _PLANTED)).primary
    async with asking(server) as questions:
        for plant in plants:
            await questions.ask(b"SET", _PLANTED + plant.name.encode(), plant.content)
        try:
            yield server
        finally:
            for plant in plants:
                await questions.ask(b"DEL", _PLANTED + plant.name.encode())


def _plants(text: str) -> list[Plant]:
    plain = text.encode()
    plants = [
        Plant("plain", "UTF-8", plain),
        Plant("utf16", "UTF-16-LE", text.encode("utf-16-le")),
        Plant("utf16-big", "UTF-16-BE", text.encode("utf-16-be")),
        Plant("hex", "hexadecimal", plain.hex().encode()),
    ]
    for offset in range(3):
        content = base64.b64encode(b"{" * offset + plain)
        plants.append(Plant(f"base64-{offset}", f"Base64 at {offset}", content))
    return plants


def _search(servers: Sequence[RedisServer], needles: Iterable[Needle]) -> Report:
    wanted: dict[bytes, Needle] = {needle.pattern: needle for needle in needles}
    index = GramIndex(wanted)
    findings: dict[tuple[int, bytes], Finding] = {}
    bytes_read = 0
    for server in servers:
        assert server.process is not None, "a server that was started"
        for piece in read_memory(server.process.pid):
            bytes_read += len(piece)
            if piece == bytes(len(piece)):
                continue
            for pattern, offset in index.search(piece).items():
                needle = wanted[pattern]
                file = f"memory of the server at {server.port}"
                finding = Finding(file, needle.what, needle.encoding, offset)
                findings.setdefault((server.port, pattern), finding)
    return Report(len(servers), bytes_read, tuple(findings.values()))
