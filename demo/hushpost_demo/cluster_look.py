"""Looks at two relays and the Redis behind them, as their operator could (docs/demo.md)."""

from hushpost_demo.cluster_service import ClusterService
from hushpost_demo.cluster_view import ClusterView, NodeView, ServerView
from hushpost_demo.redis_look import primaries, read_holdings
from hushpost_demo.relay_process import RelayProcess
from hushpost_demo.relay_view import read_metrics


async def look(service: ClusterService) -> ClusterView:
    """Look at everything as it is now."""
    owners = {server.port for server in await primaries(service.cluster)}
    holdings = await read_holdings(service.cluster)
    servers = tuple(
        ServerView(
            server.port,
            server.process.pid if server.process is not None and server.is_running else None,
            server.port in owners,
        )
        for server in service.cluster.servers
    )
    nodes = [await look_at_node(name, relay) for name, relay in service.relays.items()]
    return ClusterView(
        tuple(nodes),
        servers,
        holdings.keys,
        holdings.accounts,
        holdings.mailboxes,
        holdings.envelopes,
    )


async def look_at_node(name: str, relay: RelayProcess) -> NodeView:
    """Look at one relay alone."""
    if relay.pid is None:
        return NodeView(name, None, None, None, None, None)
    metrics = await read_metrics(relay.address.metrics)
    return NodeView(
        name,
        relay.pid,
        int(metrics["hushpost_logged_in"]),
        int(metrics['hushpost_connections{role="post"}']),
        int(metrics["hushpost_accepted_total"]),
        int(metrics["hushpost_acknowledged_total"]),
    )
