"""A relay that samples itself: which functions its event loop's thread spends its time in.

The kernel's profiling timer ticks with the processor time of the process; at each tick the stack of
the main thread is noted, weighted with the time that this thread has used since the last one, so
that the writer's thread does not count here. Time within C functions falls to their callers.

    python -m benchmarks.sampled_relay serve ...      arguments of `hushpost-relay`
        HUSHPOST_SAMPLES=FILE     where the profile is written at the end, as JSON
"""

import json
import os
import signal
import sys
import time
from collections import defaultdict
from pathlib import Path
from types import FrameType

from hushpost_server.command import main as relay_main

SAMPLES_VARIABLE = "HUSHPOST_SAMPLES"
TICK_SECONDS = 0.001
KEPT = 60


class Sampler:
    """Adds up seconds by function: alone, and with all that it called."""

    def __init__(self) -> None:
        self.alone: defaultdict[str, float] = defaultdict(float)
        self.with_callees: defaultdict[str, float] = defaultdict(float)
        self._counted = time.thread_time()

    def tick(self, _signal: int, frame: FrameType | None) -> None:
        """Note the stack that the signal interrupted."""
        now = time.thread_time()
        weight, self._counted = now - self._counted, now
        if frame is None:
            return
        name = _name(frame)
        self.alone[name] += weight
        seen: set[str] = set()
        walker: FrameType | None = frame
        while walker is not None:
            seen.add(_name(walker))
            walker = walker.f_back
        for name in seen:
            self.with_callees[name] += weight

    def write(self, path: Path) -> None:
        """Write the profile."""
        profile = {
            "seconds": sum(self.alone.values()),
            "alone": _largest(self.alone),
            "with_callees": _largest(self.with_callees),
        }
        path.write_text(json.dumps(profile))


def _largest(seconds: dict[str, float]) -> dict[str, float]:
    return dict(sorted(seconds.items(), key=lambda item: -item[1])[:KEPT])


def _name(frame: FrameType) -> str:
    code = frame.f_code
    return f"{Path(code.co_filename).stem}.{code.co_qualname}"


def main() -> int:
    """Run the relay under the sampler."""
    sampler = Sampler()
    signal.signal(signal.SIGPROF, sampler.tick)
    signal.setitimer(signal.ITIMER_PROF, TICK_SECONDS, TICK_SECONDS)
    try:
        return relay_main(sys.argv[1:])
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        sampler.write(Path(os.environ[SAMPLES_VARIABLE]))


if __name__ == "__main__":
    sys.exit(main())
