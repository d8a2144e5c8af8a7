"""Tests of hushpost_server.checkup: `/health` of a running relay."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hushpost_server.health import DETAILS
from hushpost_server.relay import RelayServer
from hushpost_store.rows import StoreStats


def planted(relay: RelayServer, monkeypatch: pytest.MonkeyPatch, **changes: object) -> None:
    """Change what the relay's store says of itself."""
    stats = dataclasses.replace(relay.store.stats(), **changes)  # type: ignore[arg-type]  # by name

    def said() -> StoreStats:
        return stats

    monkeypatch.setattr(relay.store, "stats", said)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"faulty": True}, "last commit failed"),
        ({"damaged": 1}, "hushpost-relay check"),
        ({"deletion_seconds_max": -1.0}, "still on disk"),
    ],
)
async def test_each_problem_of_the_store_turns_health_red(
    relay: RelayServer,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, object],
    words: str,
) -> None:
    """A sentence says what is wrong, and the gauge follows."""
    assert relay.health().is_well
    assert "hushpost_healthy 1" in relay.metrics.render()
    planted(relay, monkeypatch, **changes)
    (problem,) = relay.health().problems
    assert words in problem
    assert "hushpost_healthy 0" in relay.metrics.render()


async def test_a_sweep_that_fails_turns_health_red(relay: RelayServer) -> None:
    """Retention is a promise too."""
    relay.sweeper.failing = True
    assert relay.health().problems == ("expired envelopes could not be deleted",)


async def test_what_is_said_is_declared(relay: RelayServer) -> None:
    """Every name in the answer stands in the inventory."""
    assert set(json.loads(relay.health().render())) == set(DETAILS)


async def test_a_relay_that_leaves_is_draining_and_not_ill(relay: RelayServer) -> None:
    """A balancer takes it out by the status; a person sees that nothing is wrong."""
    await relay.stop()
    health = relay.health()
    assert json.loads(health.render())["status"] == "draining"
    assert (health.problems, health.is_well) == ((), False)
