"""What a cluster says of its servers is read, and slots move under load without a loss."""

import random
from pathlib import Path

import pytest
from hushpost_demo.redis_servers import KEEPS, is_installed, redis_cluster
from hushpost_proof.redis_faults import cluster_faults
from hushpost_proof.redis_faults.cluster_faults import ClusterFaults

from tests.conftest import require_or_skip


def test_a_line_of_the_cluster_is_read() -> None:
    """Primary or replica, its slots, and whether it is well: as CLUSTER NODES writes it."""
    read = cluster_faults.read_member
    own = read("a1 127.0.0.1:7001@17001 myself,master - 0 0 3 connected 0-100 200 [300->-b2]")
    assert (own.node_id, own.port, own.is_primary, own.is_well) == ("a1", 7001, True, True)
    assert [own.owns(slot) for slot in (0, 100, 101, 200, 300)] == [True, True, False, True, False]
    replica = read("b2 127.0.0.1:7002@17002 slave a1 0 0 3 connected")
    assert (replica.is_primary, replica.primary_id) == (False, "a1")
    for flags, link in (
        ("master,fail", "connected"),
        ("slave,fail?", "connected"),
        ("master", "disconnected"),
    ):
        assert not read(f"c3 127.0.0.1:7003@17003 {flags} - 0 0 3 {link}").is_well


@pytest.mark.serial
async def test_a_cluster_is_struck_and_comes_back_whole(tmp_path: Path) -> None:
    """A killed primary is replaced and returns as a replica; a slot goes away and comes back."""
    require_or_skip(is_installed(), "Redis is not installed: apt-get install redis-server")
    settings = {**KEEPS, "cluster-node-timeout": "700"}
    async with redis_cluster(tmp_path, settings=settings) as cluster:
        faults = ClusterFaults(cluster.servers, random.Random(1))
        primary = await faults.primary_of([5])
        replica = await faults.replica_of(primary)
        await faults.kill_and_return(primary, replaced=True)
        assert await faults.primary_of([5]) is replica
        assert await faults.replica_of(replica) is primary
        assert await faults.move_there_and_back([5], 0.01) == 2
        assert await faults.primary_of([5]) is replica
