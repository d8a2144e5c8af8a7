"""One flood in a process of its own, at the lowest priority.

    python -m benchmarks.overload.flood NAME URL SECONDS

Prepares, prints `ready`, waits for a line, floods, and prints its outcomes as one line of JSON.
"""

import asyncio
import sys

import uvloop

from benchmarks.overload.floods import FLOODS, Target


async def main() -> None:
    """Prepare, wait to be told, flood."""
    kind = FLOODS[sys.argv[1]]
    target, seconds = Target(sys.argv[2]), float(sys.argv[3])
    await kind.prepare(target)
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    print("ready", flush=True)
    await reader.readline()
    await kind.flood(target, seconds)
    print(target.outcomes.to_json(), flush=True)


if __name__ == "__main__":
    uvloop.run(main())
