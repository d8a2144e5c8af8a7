"""Tests of hushpost_server.sweeper with a store that fails on demand."""

from __future__ import annotations

import pytest
from hushpost_proof.harness.device import NOW
from hushpost_server.logging import EventLog
from hushpost_server.metrics import Counter
from hushpost_server.sweeper import Sweeper
from hushpost_store.errors import StorageFull
from hushpost_store.memory import MemoryStore
from hushpost_store.rows import SweepReport


class Store(MemoryStore):
    """A store whose sweep can fail, and whose deletions can be late."""

    full = False
    lag = 0.0

    async def sweep(self, now: float) -> SweepReport:
        """Fail while the disk is full."""
        if self.full:
            raise StorageFull("no space")
        return SweepReport(envelopes=2, drops=0, prekeys=0, routes=(b"r",))

    def deletion_lag(self, now: float) -> float:
        """Tell the lag that the test set."""
        return self.lag


def sweeper_of(store: Store, notified: list[SweepReport], expired: Counter) -> Sweeper:
    """Make a sweeper that notes whom it told."""

    async def notify(report: SweepReport) -> None:
        notified.append(report)

    return Sweeper(store, now=lambda: NOW, expired=expired, log=EventLog(), notify=notify)


async def test_a_sweep_counts_and_tells_owners() -> None:
    """What expired is counted and its routes are handed on."""
    notified: list[SweepReport] = []
    expired = Counter()
    report = await sweeper_of(Store(), notified, expired).sweep()
    assert [report] == notified
    assert expired.value == 2


async def test_a_failed_sweep_is_noted_and_the_next_one_works(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A full disk does not end the sweeping; health knows until it works again."""
    store = Store()
    store.full = True
    sweeper = sweeper_of(store, [], Counter())
    assert await sweeper.sweep() is None
    assert sweeper.failing
    assert "sweep_failed error=StorageFull" in caplog.text
    store.full = False
    assert await sweeper.sweep() is not None
    assert not sweeper.failing


async def test_late_deletions_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Bodies that stay on disk beyond the promise are a warning."""
    store = Store()
    store.lag = store.stats().deletion_seconds_max + 1
    await sweeper_of(store, [], Counter()).sweep()
    assert "deletion_late seconds=31" in caplog.text


async def test_a_defect_while_sweeping_is_seen_by_health() -> None:
    """Whatever ends a sweep, health says that it failed, until one succeeds."""
    notified: list[SweepReport] = []
    sweeper = sweeper_of(Broken(), notified, Counter())
    with pytest.raises(ZeroDivisionError):
        await sweeper.sweep()
    assert sweeper.failing
    assert notified == []


class Broken(Store):
    """A store with a defect."""

    async def sweep(self, now: float) -> SweepReport:
        """Fail as nothing says it may."""
        raise ZeroDivisionError
