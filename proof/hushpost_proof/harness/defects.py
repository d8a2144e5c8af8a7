"""Defects to plant, each one that a judge of the kill tests must find: HUSHPOST_PROOF_DEFECT=NAME.

Never part of the product: the harness's entry programs put them over it, in their own process.
"""

import asyncio
import os
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import Any, Final

DEFECT_VARIABLE: Final = "HUSHPOST_PROOF_DEFECT"


def plant() -> None:
    """Plant what the environment names, if anything."""
    name = os.environ.get(DEFECT_VARIABLE)
    if name:
        DEFECTS[name]()


def _accept_before_commit() -> None:
    """Tell the sender ACCEPTED as soon as an envelope has a place, before it is on the disk."""
    pending: Any = import_module("hushpost_server.submits").Pending
    admitted, committed = pending.admitted, pending.committed

    def too_early(self: Any, verdict: Any) -> None:
        admitted(self, verdict)
        committed(self)

    pending.admitted = too_early
    pending.committed = pending.failed = _say_nothing


def _say_nothing(_: object) -> None:
    """Answer nothing, since all was said."""


def _accept_what_failed() -> None:
    """Tell the sender ACCEPTED although the commit failed."""
    pending: Any = import_module("hushpost_server.submits").Pending
    pending.failed = pending.committed


def _acknowledge_before_commit() -> None:
    """Acknowledge what was delivered before the vault has it, and never take it in again."""
    receiver: Any = import_module("hushpost.receiver").Receiver
    take_in = receiver._take_in

    async def too_early(self: Any, batch: Any) -> None:
        for delivery, _ in batch:
            self._inbox.acknowledge(delivery)
        # The acknowledgement is on its way before the commit is; without a tag none follows it.
        await asyncio.sleep(0.05)
        told = [
            (replace(delivery, deliver=delivery.deliver._replace(tag=0)), number)
            for delivery, number in batch
        ]
        await take_in(self, told)

    receiver._take_in = too_early


def _post_before_commit() -> None:
    """Post what a step sealed before the vault has it: a crash sets the ratchet back."""
    steps: Any = import_module("hushpost.steps").Steps
    outbox: Any = import_module("hushpost.engine.outbox")
    couriers: Any = import_module("hushpost.couriers")
    commits: Any = import_module("hushpost.vault_commits").Commits
    office: list[Any] = []
    run, settle = steps.run, commits.settle
    made = couriers.Couriers.__init__

    def init(self: Any, steps_: Any, office_: Any) -> None:
        office[:] = [office_]
        made(self, steps_, office_)

    async def post(entry: Any) -> None:
        await couriers.post_once(office[0], entry)

    async def run_and_post(self: Any, do: Callable[..., Any], /, *args: Any, **named: Any) -> Any:
        def doing(desk: Any, *args: Any, **named: Any) -> Any:
            result = do(desk, *args, **named)
            for key in desk.mail:
                entry = outbox.find_entry(desk, key)
                if office and entry is not None and entry.waits_for is None:
                    task = asyncio.get_running_loop().create_task(post(entry))
                    self._running.add(task)
                    task.add_done_callback(self._running.discard)
            return result

        doing.__module__, doing.__name__ = do.__module__, do.__name__
        return await run(self, doing, *args, **named)

    async def settle_late(self: Any) -> None:
        await asyncio.sleep(0.03)
        await settle(self)

    couriers.Couriers.__init__ = init
    steps.run = run_and_post
    commits.settle = settle_late


def _accept_on_loss() -> None:
    """Take an envelope for accepted when the connection ended before the verdict."""
    couriers: Any = import_module("hushpost.couriers")
    posting: Any = import_module("hushpost.transport_posting")
    post = couriers.Courier._post

    async def hopeful(self: Any, entries: Any) -> Any:
        return [
            couriers.Result(one.key, one.verdict or posting.Verdict(None))
            for one in await post(self, entries)
        ]

    couriers.Courier._post = hopeful


def _expire_by_the_wrong_clock() -> None:
    """Sweep what would expire within 14 days: what a clock that jumped far would bring about."""
    store: Any = import_module("hushpost_store.sqlite.store").SqliteStore
    sweep = store.sweep

    async def too_much(self: Any, now: float) -> Any:
        return await sweep(self, now + 15 * 86_400)

    store.sweep = too_much


DEFECTS: Final[dict[str, Callable[[], None]]] = {
    "accept-before-commit": _accept_before_commit,
    "accept-what-failed": _accept_what_failed,
    "acknowledge-before-commit": _acknowledge_before_commit,
    "post-before-commit": _post_before_commit,
    "accept-on-loss": _accept_on_loss,
    "expire-by-the-wrong-clock": _expire_by_the_wrong_clock,
}
