"""What the quiet profile costs: a relay with it beside one without, in the same run.

    python -m benchmarks.quiet [--seconds 3] [--runs 3] [--real-time]

Rates depend on how much a sender has under way, since each answer waits for its tick; so a large
window is kept, and processor time a message stands beside. Latencies are of an open loop.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from benchmarks import real_time
from benchmarks.comparison import BUCKET_BYTES, PAIRS, PER_SECOND, scratch
from benchmarks.orders import RELAY, ClosedLoop, Connect, OpenLoop, Order
from benchmarks.processes import Load, Server, check_cores, load, relay
from benchmarks.recording import Figures, median

PLAIN, QUIET = "plain", "quiet"
_ENVIRONMENT: dict[str, dict[str, str]] = {PLAIN: {}, QUIET: {"HUSHPOST_RELAY_QUIET": "true"}}
# As many as a sender may have unanswered, by half: beyond, the relay's memory bound is met.
WINDOW = 128
ROWS = (
    ("online", "messages_per_second", "messages a second"),
    ("online", "server_us_per_message", "processor time a message, us"),
    ("latency", "deliver_p50_ms", "deliver p50, ms"),
    ("latency", "deliver_p99_ms", "deliver p99, ms"),
    ("latency", "accepted_p50_ms", "ACCEPTED p50, ms"),
    ("latency", "accepted_p99_ms", "ACCEPTED p99, ms"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure both and print one row a figure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quiet")
    parser.add_argument("--real-time", action="store_true", help="keep other processes away")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each phase")
    parser.add_argument("--runs", type=int, default=3, help="of which the median is shown")
    asked = parser.parse_args(arguments)
    check_cores()
    if asked.real_time:
        real_time.enter()
    with (
        scratch() as folder,
        load() as loader,
        _relay(folder, PLAIN) as plain,
        _relay(folder, QUIET) as quiet,
    ):
        for name, server in ((PLAIN, plain), (QUIET, quiet)):
            connect = Connect(
                target=name,
                kind=RELAY,
                url=server.url,
                pid=server.pid,
                pairs=PAIRS,
                envelope_bytes=BUCKET_BYTES,
            )
            loader.ask(connect)
        figures = _measure(loader, asked.seconds, asked.runs)
    print(f"{'':32}{'without':>12}{'quiet':>12}{'ratio':>9}")
    for phase, figure, title in ROWS:
        one, other = (figures[phase, name, figure] for name in (PLAIN, QUIET))
        print(f"{title:32}{one:12.3f}{other:12.3f}{other / one:9.2f}")
    return 0


def _relay(folder: Path, name: str) -> AbstractContextManager[Server]:
    return relay(folder / name, enforce_buckets=True, environment=_ENVIRONMENT[name])


def _measure(loader: Load, seconds: float, runs: int) -> dict[tuple[str, str, str], float]:
    seen: defaultdict[tuple[str, str, str], list[float]] = defaultdict(list)
    for _ in range(runs):
        for name in (PLAIN, QUIET):
            orders: dict[str, Order] = {
                "latency": OpenLoop(
                    target=name, pairs=PAIRS, per_second=PER_SECOND, seconds=seconds
                ),
                "online": ClosedLoop(target=name, pairs=PAIRS, window=WINDOW, seconds=seconds),
            }
            for phase, order in orders.items():
                figures: Figures = loader.ask(order)
                for figure, value in figures.items():
                    seen[phase, name, figure].append(value)
    return {key: median(values) for key, values in seen.items()}


if __name__ == "__main__":
    sys.exit(main())
