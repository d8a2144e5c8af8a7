"""Real people on a relay that moves from SQLite into Redis, killed on the way, and go on there."""

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import pytest
from hushpost import Client, Contact, KnockReceived, MessageReceived
from hushpost_demo.redis_servers import is_installed, redis_cluster, redis_server
from hushpost_proof.harness.lives import nursery
from hushpost_proof.harness.mortal_migration import KILL_VARIABLE
from hushpost_proof.harness.relay_process import RelayProcess, relay_process
from hushpost_proof.moving.rounds import PROGRAM
from hushpost_server.identity import load_identity
from hushpost_store.sqlite.migration_mark import MoveState, read_mark

from tests.conftest import require_or_skip
from tests.system.test_deletion import KEYS, meet

WAITING = 6
# On a cluster a few less: what is killed is the same.
KILLS = {"single": 12, "cluster": 3}
SECONDS_MAX = 90
_KILLED = -9


@asynccontextmanager
async def redis_at(kind: str, folder: Path) -> AsyncGenerator[str]:
    """Run one server, or three with a replica each, and give the URL."""
    require_or_skip(is_installed(), "Redis is not installed: apt-get install redis-server")
    if kind == "single":
        async with redis_server(folder) as server:
            yield server.url
    else:
        async with redis_cluster(folder) as cluster:
            yield cluster.url


async def migrate(relay: RelayProcess, url: str, kills_wanted: int) -> int:
    """Move the relay's store, killed at random steps; returns how often it was killed."""
    random, kills = Random(7), 0
    with (relay.folder / "migrate.log").open("ab") as log:
        async with nursery() as begin:
            # It grows, so that each life comes further than the one before, and the last one ends.
            for attempt in range(1, 10 * kills_wanted):
                kill_at = random.randint(1, 14 * attempt) if kills < kills_wanted else 0
                life = await begin(
                    PROGRAM,
                    ["migrate", "--data-folder", str(relay.data_folder), "--to", url],
                    folder=relay.folder,
                    environment={**os.environ, KILL_VARIABLE: str(kill_at)},
                    errors=log,
                )
                status = await life.wait()
                if status != _KILLED:
                    assert status == 0, (relay.folder / "migrate.log").read_text()
                    assert life.stdout is not None
                    assert b"read back whole from Redis and equal" in await life.stdout.read()
                    break
                kills += 1
    return kills


async def texts(client: Client, count: int) -> list[str]:
    """Return the next texts that arrive."""
    found: list[str] = []
    async with asyncio.timeout(SECONDS_MAX):
        async for event in client.events():
            if isinstance(event, KnockReceived):
                await client.accept(event.knock)
            if isinstance(event, MessageReceived):
                found.append(event.text)
                await client.consume(event)
            if len(found) == count:
                break
    return found


async def client_of(folder: Path, name: str, relay: RelayProcess | None = None) -> Client:
    """Make a person's account at a relay, or come again."""
    path = folder / f"{name}.vault"
    if relay is None:
        return await Client.open(path, key=KEYS[name])
    return await Client.create(path, relay=relay.url, key=KEYS[name], name=name)


async def _before(folder: Path, relay: RelayProcess) -> tuple[Contact, str]:
    """Have Anna and Bert meet, Anna write while Bert is away, and Cara hold an open invitation."""
    anna = await client_of(folder, "anna", relay)
    bert = await client_of(folder, "bert", relay)
    async with anna:
        async with bert:
            to_bert = await meet(anna, bert)
        sent = [await anna.send(to_bert, f"while away {number}") for number in range(WAITING)]
        for one in sent:
            await one.reached("accepted", timeout=60)
        invitation = await anna.create_invitation()
    async with await client_of(folder, "cara", relay):
        pass
    return to_bert, str(invitation)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("kind", ["single", "cluster"])
async def test_people_go_on_where_their_relay_moved_to(tmp_path: Path, kind: str) -> None:
    """Waiting mail arrives once and in order, an invitation still leads, nobody is alarmed."""
    async with redis_at(kind, tmp_path / "redis") as url, relay_process(tmp_path) as relay:
        to_bert, invitation = await _before(tmp_path, relay)
        await relay.stop()
        identity = load_identity(relay.data_folder)
        assert await migrate(relay, url, KILLS[kind]) >= KILLS[kind] - 2
        assert load_identity(relay.data_folder) == identity
        mark = read_mark(relay.data_folder / "relay.db")
        assert mark is not None
        assert mark.state is MoveState.DONE
        relay._program = "hushpost_server.command"  # pyright: ignore[reportPrivateUsage] - the wall denies Redis
        await relay.start(
            {
                "HUSHPOST_RELAY_STORE": "redis",
                "HUSHPOST_RELAY_REDIS_URL": url,
                "HUSHPOST_RELAY_DRAIN_SECONDS": "0",
            }
        )
        async with await client_of(tmp_path, "anna") as anna:
            async with await client_of(tmp_path, "bert") as bert:
                waiting = [f"while away {number}" for number in range(WAITING)]
                assert await texts(bert, WAITING) == waiting
                await anna.send(to_bert, "and on")
                await bert.send(bert.contacts()[0], "here too")
                assert await texts(bert, 1) == ["and on"]
                assert await texts(anna, 1) == ["here too"]
            async with await client_of(tmp_path, "cara") as cara:
                to_anna = await cara.add_contact(invitation)
                await cara.send(to_anna, "with an invitation of before")
                assert await texts(anna, 1) == ["with an invitation of before"]
