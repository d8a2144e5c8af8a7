"""Many mailboxes with mail: that they are really there, and that a refusal stops the run."""

import pytest
from hushpost_store.memory import MemoryStore
from hushpost_store.quotas import Quotas

from benchmarks.errors import LoadFailure
from benchmarks.redis_relays.filling import Filling


async def test_every_mailbox_gets_its_share() -> None:
    """So many accounts, and so many envelopes of that size in each."""
    store = MemoryStore(Quotas())
    await store.open()
    filling = Filling(7)
    await filling.make_mailboxes(store)
    assert await filling.put(3, 64, store) > 0
    stats = store.stats()
    assert (stats.accounts, stats.queued_envelopes, stats.queued_bytes) == (7, 21, 21 * 64)
    await store.close()


async def test_a_refusal_stops_the_run() -> None:
    """What does not fit is no figure."""
    store = MemoryStore(Quotas(mailbox_envelopes_max=2))
    await store.open()
    filling = Filling(1)
    await filling.make_mailboxes(store)
    with pytest.raises(LoadFailure, match="FULL"):
        await filling.put(3, 64, store)
    await store.close()
