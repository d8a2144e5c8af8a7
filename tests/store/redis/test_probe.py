"""A server that would break a promise is refused by the line to change."""

import asyncio
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from hushpost_demo.redis_servers import KEEPS, RedisCluster, cli, redis_server
from hushpost_store.conformance import envelope, post, with_drops
from hushpost_store.errors import StoreFault
from hushpost_store.redis.options import Durability, RedisOptions
from hushpost_store.redis.probe import ServerUnfit, probe, unfit
from hushpost_store.redis.shards import Shards
from hushpost_store.redis.stalls import STALL_SECONDS
from hushpost_store.redis.store import RedisStore
from hushpost_store.redis.url import RedisUrl
from hushpost_store.rows import Refusal

from tests.store.redis.conftest import empty, follows, opened

SPOILT = {
    "appendonly": "no",
    "appendfsync": "everysec",
    "no-appendfsync-on-rewrite": "yes",
    "maxmemory-policy": "allkeys-lru",
    "save": "3600 1",
    "slowlog-log-slower-than": "10000",
    "crash-log-enabled": "yes",
    "repl-diskless-sync": "no",
    "repl-diskless-load": "on-empty-db",
}
FORGETS = ("maxmemory-policy", "save", "slowlog-log-slower-than", "crash-log-enabled")


@pytest.mark.parametrize("setting", SPOILT)
def test_each_setting_that_breaks_a_promise_is_named(setting: str) -> None:
    """The sentence holds the line that redis.conf should have."""
    assert unfit(KEEPS, Durability.SYNCED) == []
    (problem,) = unfit({**KEEPS, setting: SPOILT[setting]}, Durability.SYNCED)
    assert problem.startswith(f"write `{setting} ")


def test_memory_asks_for_less() -> None:
    """Without a disk nothing need be synced, but nothing may be thrown away or snapshotted."""
    forgetful = {**SPOILT, **{name: KEEPS[name] for name in FORGETS}}
    assert unfit(forgetful, Durability.MEMORY, is_copied=False) == []
    assert len(unfit(SPOILT, Durability.MEMORY, is_copied=False)) == len(FORGETS)


def test_a_copy_over_the_disk_concerns_only_who_is_copied() -> None:
    """A server without replicas makes no copies, and with them each of the two settings counts."""
    on_disk = {**KEEPS, "repl-diskless-sync": "no", "repl-diskless-load": "disabled"}
    assert unfit(on_disk, Durability.SYNCED, is_copied=False) == []
    assert len(unfit(on_disk, Durability.SYNCED)) == 2


def test_a_log_that_only_some_servers_know_is_refused_where_it_is() -> None:
    """Valkey's logs of large commands must be off; a server without them lacks nothing."""
    assert unfit(KEEPS, Durability.SYNCED) == []
    for name in ("commandlog-request-larger-than", "commandlog-reply-larger-than"):
        (problem,) = unfit({**KEEPS, name: "1048576"}, Durability.SYNCED)
        assert problem.startswith(f"write `{name} -1`")


async def test_a_server_as_it_comes_out_of_the_box_is_refused(tmp_path: Path) -> None:
    """Opening says which lines to change, and after they were changed it opens."""
    async with redis_server(tmp_path, {}) as server:
        store = RedisStore(RedisOptions(server.url))
        with pytest.raises(ServerUnfit) as refused:
            await store.open()
        for line in ("appendonly yes", "appendfsync always", 'save ""', "noeviction"):
            assert (line in str(refused.value)) == (line != "noeviction")
        for name, value in KEEPS.items():
            await cli("-p", str(server.port), "config", "set", name, value)
        await store.open()
        await store.close()


async def test_who_may_not_ask_is_told_to_be_allowed(tmp_path: Path) -> None:
    """A user without CONFIG cannot show that the promise holds, so the relay does not start."""
    async with redis_server(tmp_path) as server:
        port = str(server.port)
        await cli("-p", port, "acl", "setuser", "relay", "on", ">pw", "~*", "+@all", "-config")
        url = server.url.replace("//", "//relay:pw@")
        shards = Shards(RedisUrl.parse(url), RedisOptions(url))
        await shards.open()
        with pytest.raises(ServerUnfit, match="CONFIG GET"):
            await probe(shards, RedisOptions(url))
        await shards.close()


async def test_a_primary_without_replica_keeps_nothing_replicated(tmp_path: Path) -> None:
    """The error says how to start one, and the replica's own settings are looked at."""
    async with redis_server(tmp_path / "primary") as primary:
        options = RedisOptions(primary.url, Durability.REPLICATED)
        store = RedisStore(options)
        with pytest.raises(ServerUnfit, match=f"replicaof 127.0.0.1 {primary.port}"):
            await store.open()
        lazy = {**KEEPS, "appendfsync": "everysec"}
        async with redis_server(tmp_path / "replica", lazy) as replica:
            port = str(replica.port)
            await cli("-p", port, "replicaof", "127.0.0.1", str(primary.port))
            await follows(primary)
            with pytest.raises(ServerUnfit, match=f"{replica.port}.*\n.*appendfsync always"):
                await store.open()
            await cli("-p", port, "config", "set", "appendfsync", "always")
            await store.open()
            await store.close()


async def test_a_replica_that_hangs_is_noticed_where_something_depends_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis calls it online for a minute; meanwhile nobody can log in, and health says so."""
    monkeypatch.setattr("hushpost_store.redis.probe.SILENT_REPLICA_SECONDS", 1.0)
    async with redis_server(tmp_path / "p") as primary, redis_server(tmp_path / "r") as replica:
        await cli("-p", str(replica.port), "replicaof", "127.0.0.1", str(primary.port))
        await follows(primary)
        options = RedisOptions(primary.url, Durability.REPLICATED, probe_seconds=0.1)
        store = RedisStore(options)
        await store.open()
        assert replica.process is not None
        replica.process.send_signal(signal.SIGSTOP)
        with pytest.raises(ServerUnfit, match="0 replicas that follow"):  # noqa: PT012  until then it is well
            async with asyncio.timeout(15):
                while True:
                    await store.reach()
                    await asyncio.sleep(0.2)
        replica.process.send_signal(signal.SIGCONT)
        async with asyncio.timeout(15):
            await until_it_is_well(store)
        await store.close()


async def until_it_is_well(store: RedisStore) -> None:
    """Ask as health does, until nothing is found."""
    while True:
        try:
            await store.reach()
        except ServerUnfit:
            await asyncio.sleep(0.2)
        else:
            return


async def test_a_cluster_is_made_and_given_replicas_by_its_own_commands(tmp_path: Path) -> None:
    """Servers that nobody made a cluster, and a primary of one that has no replica."""
    async with redis_server(tmp_path / "alone", {**KEEPS, "cluster-enabled": "yes"}) as server:
        store = RedisStore(RedisOptions(server.url, Durability.REPLICATED))
        with pytest.raises(StoreFault, match="--cluster create"):
            await store.open()
        await cli("-p", str(server.port), "cluster", "addslotsrange", "0", "16383")
        async with asyncio.timeout(10):
            while "cluster_state:ok" not in await cli("-p", str(server.port), "cluster", "info"):  # noqa: ASYNC110  nothing announces it
                await asyncio.sleep(0.05)
        with pytest.raises(ServerUnfit, match=f"add-node HOST:PORT 127.0.0.1:{server.port}"):
            await store.open()


async def test_a_setting_that_is_changed_under_a_relay_is_noticed(tmp_path: Path) -> None:
    """Whoever asks whether the servers are well is told the line, until it is as it was."""
    async with redis_server(tmp_path) as server:
        store = RedisStore(replace(RedisOptions(server.url), probe_seconds=0.0))
        await store.open()
        await store.reach()
        port = str(server.port)
        await cli("-p", port, "config", "set", "appendfsync", "everysec")
        for _ in range(2):
            with pytest.raises(ServerUnfit, match="appendfsync always"):
                await store.reach()
        await cli("-p", port, "config", "set", "appendfsync", "always")
        await store.reach()
        await store.close()


async def test_a_server_that_comes_back_with_other_settings_is_given_no_mail(
    tmp_path: Path,
) -> None:
    """A setting that was made for one life alone is missed before anything is accepted."""
    async with redis_server(tmp_path) as server:
        store = await opened(server.url)
        await with_drops(store, "alice")
        assert (await post(store, envelope("alice", 1))).reason is None
        server.kill()
        server.settings = {**KEEPS, "appendfsync": "everysec"}
        await server.start()
        for number in (1, 2):
            assert (await post(store, envelope("alice", number))).reason is Refusal.RETRY
            with pytest.raises(StoreFault, match="appendfsync always"):
                await store.reach()
        await cli("-p", str(server.port), "config", "set", "appendfsync", "always")
        await asyncio.sleep(STALL_SECONDS)
        assert (await post(store, envelope("alice", 2))).reason is None
        await store.close()


async def test_whoever_may_take_over_keeps_what_a_primary_keeps(
    running_cluster: RedisCluster,
) -> None:
    """In a cluster a replica is the primary in a moment, whatever durability was chosen."""
    await empty(running_cluster.url)
    replica = str(running_cluster.servers[-1].port)
    store = RedisStore(RedisOptions(running_cluster.url))
    await cli("-p", replica, "config", "set", "appendfsync", "everysec")
    try:
        with pytest.raises(ServerUnfit, match=f"{replica}.*\n.*appendfsync always"):
            await store.open()
    finally:
        await cli("-p", replica, "config", "set", "appendfsync", "always")
    await store.open()
    await store.close()


async def test_a_replica_that_forgets_nothing_is_refused_at_every_durability(
    tmp_path: Path,
) -> None:
    """Nobody counts on it, and yet it must not keep what was deleted."""
    async with redis_server(tmp_path / "primary") as primary:
        keeping = {**KEEPS, "save": "3600 1", "appendonly": "no"}
        async with redis_server(tmp_path / "replica", keeping) as replica:
            port = str(replica.port)
            await cli("-p", port, "replicaof", "127.0.0.1", str(primary.port))
            await follows(primary)
            store = RedisStore(RedisOptions(primary.url, Durability.SYNCED))
            with pytest.raises(ServerUnfit, match=f"{replica.port}.*\n.*save") as refused:
                await store.open()
            assert "appendonly" not in str(refused.value)
            await cli("-p", port, "config", "set", "save", "")
            await store.open()
            await store.close()
