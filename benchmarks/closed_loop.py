"""Throughput: every pair keeps a window of messages under way, and sends when one completes."""

import asyncio
import time
from collections.abc import Sequence
from time import perf_counter

from benchmarks.pair import Pair
from benchmarks.processor_time import processor_seconds, thread_seconds
from benchmarks.recording import Figures, Recording

# Caches fill, connections grow their windows, the writer finds its group size.
WARM_UP_SECONDS = 0.4
# How long the last messages of a phase may take to complete.
QUIET_SECONDS_MAX = 20.0


async def closed_loop(
    pairs: Sequence[Pair],
    *,
    window: int,
    seconds: float,
    server_pid: int,
    store_pids: Sequence[int] = (),
) -> Figures:
    """Run one phase and wait until nothing is under way; return what the middle of it showed."""
    running = True

    def refill(pair: Pair) -> None:
        room = window - pair.sent + pair.completed
        if running and room > 0:
            pair.send(room, perf_counter())

    recording = Recording()
    for pair in pairs:
        pair.begin(recording, refill)
    for pair in pairs:
        refill(pair)
    await asyncio.sleep(WARM_UP_SECONDS)
    before = _Reading(pairs, recording, server_pid, store_pids)
    await asyncio.sleep(seconds)
    after = _Reading(pairs, recording, server_pid, store_pids)
    running = False
    await quiet(pairs)
    return before.figures_until(after, recording)


async def quiet(pairs: Sequence[Pair]) -> None:
    """Wait until every message is complete."""
    deadline = perf_counter() + QUIET_SECONDS_MAX
    while any(pair.outstanding for pair in pairs):
        if perf_counter() > deadline:
            lost = sum(pair.outstanding for pair in pairs)
            raise TimeoutError(f"{lost} messages did not complete")
        await asyncio.sleep(0.005)


class _Reading:
    """The counters at one moment."""

    def __init__(
        self,
        pairs: Sequence[Pair],
        recording: Recording,
        server_pid: int,
        store_pids: Sequence[int],
    ) -> None:
        self.time = perf_counter()
        self.load_seconds = time.process_time()
        self.threads = thread_seconds(server_pid)
        self.main_thread = self.threads[server_pid]
        self.store_seconds = sum(processor_seconds(pid) for pid in store_pids)
        self.completed = sum(pair.completed for pair in pairs)
        self.delivered = len(recording.delivered)
        self.accepted = len(recording.accepted)

    def figures_until(self, after: "_Reading", recording: Recording) -> Figures:
        seconds = after.time - self.time
        messages = after.completed - self.completed
        server = sum(after.threads.values()) - sum(self.threads.values())
        main = after.main_thread - self.main_thread
        measured = Recording(
            recording.delivered[self.delivered : after.delivered],
            recording.accepted[self.accepted : after.accepted],
        )
        return {
            "messages_per_second": messages / seconds,
            "load_processor_share": (after.load_seconds - self.load_seconds) / seconds,
            "server_processor_share": server / seconds,
            "server_us_per_message": server * 1e6 / messages,
            "store_us_per_message": (after.store_seconds - self.store_seconds) * 1e6 / messages,
            "server_main_thread_us_per_message": main * 1e6 / messages,
        } | measured.figures()
