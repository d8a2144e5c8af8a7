"""What a relay's memory holds is listed: a walk of a running one finds nothing else."""

from __future__ import annotations

import sys
from collections import deque
from functools import partial
from pathlib import Path

import pytest
from hushpost_proof.harness.device import TestDevice, dial, envelope_for
from hushpost_proof.memory_walk import OURS, attributes_of, growing_globals, name_of, unlisted
from hushpost_proof.memory_wiring import PASSED_OVER, WIRING
from hushpost_server.memory_inventory import HELD
from hushpost_server.presence import Presence
from hushpost_server.relay import RelayServer

from tests.server.conftest import quiet

PLANTED = """
from collections import OrderedDict, deque
from functools import lru_cache
SEEN = set()
BY_ROUTE: dict[bytes, str] = {}
LATELY = deque(maxlen=9)
NAMES = {"a": 1}
FIXED = tuple(NAMES)
@lru_cache(maxsize=9)
def known(address): return address
class Table:
    rows = OrderedDict()
    def add(self): local = {}
"""


async def used(relay: RelayServer) -> None:
    """Have a device log in, be written to, and go."""
    device = TestDevice(relay.url)
    async with device.inbox(create=True) as wire, dial(relay.url, "/v1/post") as post:
        secret = await device.open_drop(wire)
        await post.submit(envelope_for(device.route, secret, now=relay.clock.now()))


@pytest.mark.parametrize("store", ["sqlite", "memory"])
@pytest.mark.parametrize("profile", [False, True])
async def test_what_a_used_relay_holds_is_listed(tmp_path: Path, store: str, profile: bool) -> None:
    """Every attribute is in the inventory of memory, or is wiring that holds no data."""
    configuration = quiet(store=store, data_folder=tmp_path, quiet=profile, metrics=True)
    configuration = configuration.model_copy(update={"metrics_port": 0})
    async with RelayServer(configuration) as relay:
        await used(relay)
        assert unlisted(relay) == ()


async def test_a_planted_attribute_is_found() -> None:
    """A table of who came from where, on any object of the relay, is named."""
    async with RelayServer(quiet()) as relay:
        relay.visitors = {"192.0.2.1": "alice"}  # type: ignore[attr-defined]  # what is planted
        assert unlisted(relay) == ("relay.RelayServer.visitors",)


def test_planted_globals_and_caches_are_found(tmp_path: Path) -> None:
    """Whatever begins empty is there to grow; what is written where it is made is a constant."""
    package = tmp_path / "hushpost_planted"
    package.mkdir()
    (package / "seen.py").write_text(PLANTED)
    assert growing_globals(package) == {
        f"hushpost_planted.seen.{name}"
        for name in ("SEEN", "BY_ROUTE", "LATELY", "known", "Table.rows")
    }


def test_objects_are_reached_wherever_they_are_held() -> None:
    """Through containers, bound methods, closures and partial calls; an unfilled slot is none."""
    hidden = [Presence() for _ in range(4)]
    reached: list[object] = [
        {"a": hidden[0]},
        deque([hidden[0]]),
        hidden[0].leave,
        lambda: hidden[0],
        partial(isinstance, hidden[0], object),
        [*range(1000), hidden[0]],
    ]
    for item in reached:
        assert "presence.Presence.feeds" in attributes_of(item), item
    assert attributes_of(Presence.__new__(Presence)) == set()


def test_classes_that_are_passed_over_and_listed_exist() -> None:
    """A list that names what is gone would be read as if it were there."""
    kinds = {
        name_of(kind)
        for module in list(sys.modules.values())
        if module.__name__.startswith(OURS)
        for kind in vars(module).values()
        if isinstance(kind, type)
    }
    assert kinds >= PASSED_OVER
    assert kinds >= WIRING.keys()
    named = {place.rpartition(".")[0] for held in HELD for place in held.places}
    modules = {name for name in named if name.startswith("hushpost_")}
    assert named - modules <= kinds | {"sqlite.database.Captured"}
