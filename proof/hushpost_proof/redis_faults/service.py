"""Several relays on one Redis, as an operator runs them: one identity, one name, one process each.

Each node has a durability of its own choosing, so that two promises can meet the same fault.
"""

import asyncio
import shutil
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from hushpost_proof.harness.lives import Beginner
from hushpost_proof.harness.relay_process import RelayProcess

# Outside the harness's wall: Redis is the one place that its configuration names.
RELAY_PROGRAM: Final = "hushpost_server.command"
PLANTED_PROGRAM: Final = "hushpost_proof.redis_faults.planted_relay"
# What stands in addresses: every node answers to it.
PUBLIC_HOST: Final = "relay.example"
_NONE: Final[Mapping[str, str]] = {}


@dataclass(frozen=True, slots=True)
class Node:
    """How one relay is run. `defect` is what is planted in it, if anything."""

    name: str
    redis_url: str
    durability: str = "synced"
    defect: str = ""
    begin: Beginner | None = None
    environment: Mapping[str, str] = field(default_factory=lambda: _NONE)


@dataclass(frozen=True, slots=True)
class Service:
    """The relays that run, by the name of their node."""

    relays: Mapping[str, RelayProcess]
    public_host: str

    def urls(self, *names: str) -> tuple[str, ...]:
        """Return where clients find these nodes."""
        return tuple(self.relays[name].url for name in names or self.relays)


@asynccontextmanager
async def service(
    folder: Path, nodes: Sequence[Node], begin: Beginner, *, public_host: str = PUBLIC_HOST
) -> AsyncGenerator[Service]:
    """Run the relays; whatever happens, no process is left."""
    relays = {node.name: _relay(folder / node.name, node, begin, public_host) for node in nodes}
    try:
        first, *others = relays.values()
        await first.start()
        for relay in others:
            # One service has one identity: an operator copies it.
            shutil.copy(first.data_folder / "identity.json", relay.data_folder / "identity.json")
        await asyncio.gather(*(relay.start() for relay in others))
        yield Service(relays, public_host)
    finally:
        await asyncio.gather(*(relay.kill() for relay in relays.values()))


def _relay(folder: Path, node: Node, begin: Beginner, public_host: str) -> RelayProcess:
    (folder / "relay").mkdir(mode=0o700, parents=True)
    environment = {
        "HUSHPOST_RELAY_STORE": "redis",
        "HUSHPOST_RELAY_REDIS_URL": node.redis_url,
        "HUSHPOST_RELAY_REDIS_DURABILITY": node.durability,
        "HUSHPOST_PROOF_DEFECT": node.defect,
        **node.environment,
    }
    return RelayProcess(
        folder,
        public_host=public_host,
        environment=environment,
        program=PLANTED_PROGRAM if node.defect else RELAY_PROGRAM,
        begin=node.begin or begin,
    )
