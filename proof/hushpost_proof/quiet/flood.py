"""A flood against a quiet relay: its memory keeps to its bound, and nothing of it is lost."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

import psutil

from hushpost_proof.harness.relay_process import RelayProcess
from hushpost_proof.timing.audience import Kind
from hushpost_proof.timing.prober import Prober, Rhythm
from hushpost_proof.timing.trial import ROOMY, audience

_LOOK_SECONDS = 0.02
# Beyond what is counted: one read past the bound; pages and mailboxes that the store caches.
_READ_BYTES = 1 << 18
_INTERPRETER_BYTES = 96 << 20
CONNECTIONS = 40
AT_ONCE = 200
ROUNDS = 1


@dataclass(frozen=True, slots=True)
class Flood:
    """What was offered, and what the relay did."""

    bytes_max: int
    offered: int
    accepted: int
    stored: int
    most_counted: int
    most_grown: int
    stops: int

    @property
    def is_bounded(self) -> bool:
        """Whether the bound was met and kept, in the relay's count and in the system's."""
        counted = self.stops > 0 and self.most_counted <= self.bytes_max + _READ_BYTES * 2
        return counted and self.most_grown <= 2 * self.bytes_max + _INTERPRETER_BYTES

    @property
    def is_whole(self) -> bool:
        """Whether everything was accepted and is there."""
        return self.accepted == self.stored == self.offered > 0


async def flood(folder: Path, bytes_max: int) -> Flood:
    """Offer some hundred MiB at once to who is away, with this bound."""
    await asyncio.to_thread(folder.mkdir, parents=True)
    settings = {**ROOMY, "HUSHPOST_RELAY_QUIET_BYTES_MAX": str(bytes_max)}
    relay = RelayProcess(folder, arguments=("--quiet",), environment=settings)
    await relay.start()
    try:
        async with audience(relay.url, [Kind.OFFLINE]) as cases:
            watch = _Watch(relay)
            watching = asyncio.create_task(watch.look_often())
            prober = Prober(relay.port, cases, seed=1)
            rhythm = Rhythm(CONNECTIONS, CONNECTIONS * ROUNDS, at_once=AT_ONCE)
            answers = await asyncio.to_thread(prober.probe, rhythm)
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching
            figures = await asyncio.to_thread(metrics, relay.metrics_url)
    finally:
        await relay.stop()
    return Flood(
        bytes_max=bytes_max,
        offered=len(answers) * AT_ONCE,
        accepted=int(figures["hushpost_accepted_total"]),
        stored=int(figures["hushpost_queued_envelopes"]),
        most_counted=watch.most_counted,
        most_grown=watch.most_grown,
        stops=int(figures["hushpost_quiet_stops_total"]),
    )


class _Watch:
    def __init__(self, relay: RelayProcess) -> None:
        self._url = relay.metrics_url
        self._process = psutil.Process(relay.pid)
        self._resident = self._process.memory_info().rss
        self.most_counted = 0
        self.most_grown = 0

    async def look_often(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            figures = await asyncio.to_thread(metrics, self._url)
            self.most_counted = max(self.most_counted, int(figures["hushpost_quiet_waiting_bytes"]))
            grown = self._process.memory_info().rss - self._resident
            self.most_grown = max(self.most_grown, grown)


def metrics(url: str) -> dict[str, float]:
    """Return the series without labels that a relay serves."""
    opener = build_opener(ProxyHandler({}))
    with opener.open(f"{url}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name: float(value) for name, _, value in pairs if "{" not in name}
