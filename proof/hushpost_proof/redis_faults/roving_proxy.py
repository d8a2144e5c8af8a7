"""The eavesdropper in front of several relays: leads each connection to any that takes it.

What the recording proxy is for one relay, this is for many: clients know one place, every byte is
on record, and a client that connects again may find itself at another relay.
"""

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from hushpost_proof.harness.recording_proxy import RecordingProxy


class RovingProxy(RecordingProxy):
    """`ports` are the relays'; they may change while it runs."""

    def __init__(self, folder: Path, seed: int, ports: Sequence[int] = ()) -> None:
        super().__init__(folder)
        self.ports = tuple(ports)
        self._chance = random.Random(seed)

    async def _reach_relay(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        for port in self._chance.sample(self.ports, len(self.ports)):
            with suppress(OSError):
                return await asyncio.open_connection("127.0.0.1", port)
        raise ConnectionRefusedError("no relay takes connections")
