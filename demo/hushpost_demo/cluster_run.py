"""Sets the demo on a cluster up, and plays it (docs/demo.md, "On a cluster")."""

from contextlib import AsyncExitStack
from pathlib import Path

from hushpost_demo import cluster_scenes
from hushpost_demo.cluster_service import ClusterService, cluster_service
from hushpost_demo.cluster_story import ClusterStory
from hushpost_demo.person import Person
from hushpost_demo.stage import Stage


async def play_on_cluster(stage: Stage, folder: Path, *, leak: bool) -> bool:
    """Start everything, play, and end it; True if nothing leaked and everything shown was so.

    Raises `DemoError` where something shown was not so, or Redis is missing.
    """
    stage.scene(0, cluster_scenes.OPENING)
    async with AsyncExitStack() as running:
        with stage.busy("starting six Redis servers and two relays"):
            service = await running.enter_async_context(cluster_service(folder / "service"))
        _tell_processes(stage, service)
        alice = Person("Alice", "Alice Pemberton", folder / "alice")
        bob = Person("Bob", "Bob Kowalczyk", folder / "bob")
        async with alice, bob:
            return await ClusterStory(alice, bob, service, stage, leak=leak).tell()


def _tell_processes(stage: Stage, service: ClusterService) -> None:
    ports = [server.port for server in service.cluster.servers]
    pids = [server.process.pid for server in service.cluster.servers if server.process is not None]
    relays = {name: relay.pid for name, relay in service.relays.items()}
    named = " and ".join(f"{name} (process {pid})" for name, pid in relays.items())
    stage.fact(
        "processes",
        f"They run: relays {named}, both known as {service.balancer.host}; Redis at the ports"
        f" {', '.join(map(str, ports))}.",
        relays=dict(relays),
        address=service.balancer.host,
        servers=list(pids),
        ports=list(ports),
    )
