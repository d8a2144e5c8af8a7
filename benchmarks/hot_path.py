"""Where the relay's time goes under load: a table of functions.

    python -m benchmarks.hot_path [--bytes 1024] [--seconds 6] [--committed]

The figures are of the event loop's thread alone; what the writer's thread takes beside it is told
in the first line. Percentages of a profile are a map: what a change is worth, `python -m
benchmarks` tells.
"""

import argparse
import json
import sys
from pathlib import Path

from benchmarks.comparison import BUCKET_BYTES, PAIRS, WINDOW, scratch
from benchmarks.orders import RELAY, ClosedLoop, Connect
from benchmarks.processes import check_cores, load, relay
from benchmarks.recording import Figures
from benchmarks.sampled_relay import SAMPLES_VARIABLE

ROWS = 25


def main(arguments: list[str] | None = None) -> int:
    """Profile one closed loop and print the table."""
    asked = _parser().parse_args(arguments)
    check_cores()
    with scratch() as folder:
        samples = folder / "samples.json"
        figures = _run(folder / "relay", samples, asked)
        profile = json.loads(samples.read_text())
    main_us = figures["server_main_thread_us_per_message"]
    writer_us = figures["server_us_per_message"] - main_us
    print(f"event loop {main_us:.1f} us a message, writer {writer_us:.1f} us")
    for title in ("alone", "with_callees"):
        print(f"\n{title.replace('_', ' ')}")
        for name, seconds in list(profile[title].items())[:ROWS]:
            share = seconds / profile["seconds"]
            print(f"  {share * 100:5.1f} %  {share * main_us:5.2f} us  {name}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hot_path")
    parser.add_argument("--bytes", type=int, default=1024, help="size of the envelopes")
    parser.add_argument("--seconds", type=float, default=6.0, help="how long to look")
    parser.add_argument(
        "--committed", action="store_true", help="acknowledge only what was ACCEPTED"
    )
    return parser


def _run(folder: Path, samples: Path, asked: argparse.Namespace) -> Figures:
    sampled = relay(
        folder,
        enforce_buckets=asked.bytes == BUCKET_BYTES,
        module="benchmarks.sampled_relay",
        environment={SAMPLES_VARIABLE: str(samples)},
    )
    with load() as loader, sampled as server:
        order = Connect(
            target=RELAY,
            kind=RELAY,
            url=server.url,
            pid=server.pid,
            pairs=PAIRS,
            envelope_bytes=asked.bytes,
        )
        loader.ask(order)
        loop = ClosedLoop(
            target=RELAY,
            pairs=PAIRS,
            window=WINDOW,
            seconds=asked.seconds,
            hold_tags=asked.committed,
        )
        return loader.ask(loop)


if __name__ == "__main__":
    sys.exit(main())
