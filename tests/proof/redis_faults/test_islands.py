"""A cable that is pulled lets nothing through, and nobody's own network is touched."""

import subprocess
import sys
from pathlib import Path

import pytest
from hushpost_proof.claim import Effort
from hushpost_proof.claims import redis_partition
from hushpost_proof.redis_faults import islands
from hushpost_proof.redis_faults.absence import redis_absent

from tests.conftest import require_or_skip

# Twice, since another island must be possible after the first.
_CUTS = """
import asyncio, sys
from hushpost_proof.redis_faults.islands import THERE, THERE_FOR_US, island

SERVE = "import asyncio\\nasync def main():\\n server = await asyncio.start_server("
SERVE += "lambda *_: None, '0.0.0.0', 7000)\\n print('up', flush=True)\\n"
SERVE += " await server.serve_forever()\\nasyncio.run(main())"

async def reached(host, seconds):
    try:
        async with asyncio.timeout(seconds):
            while True:
                try:
                    _, writer = await asyncio.open_connection(host, 7000)
                    writer.close()
                    return True
                except OSError:
                    await asyncio.sleep(0.05)
    except TimeoutError:
        return False

async def main():
    for _ in range(2):
        async with island() as away:
            server = await asyncio.create_subprocess_exec(
                *away.before, sys.executable, "-c", SERVE, stdout=asyncio.subprocess.PIPE
            )
            await server.stdout.readline()
            found = [await reached(THERE, 20)]
            away.cut()
            found += [await reached(THERE, 0.7), await reached(THERE_FOR_US, 20)]
            away.join()
            found += [await reached(THERE, 20)]
            server.kill()
            await server.wait()
            print(found)

asyncio.run(main())
"""


def _available() -> None:
    require_or_skip(not islands.absent(), islands.absent())


def test_a_pulled_cable_lets_nothing_through() -> None:
    """What is beyond it is out of reach but for our own way, and back when it is plugged in."""
    _available()
    ran = subprocess.run(
        [*islands.way_in(), sys.executable, "-c", _CUTS],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert ran.stdout.splitlines() == ["[True, False, True, True]"] * 2, ran.stderr


def test_a_network_in_use_is_left_alone() -> None:
    """Where an interface is up, as on any machine, it refuses before it has made anything."""
    _available()
    build = "ip link add yours type bridge && ip link set yours up && "
    code = "import asyncio; from hushpost_proof.redis_faults.islands import island"
    code += "; asyncio.run(island().__aenter__())"
    ran = subprocess.run(
        [
            *islands.way_in(),
            "sh",
            "-c",
            build + '"$@"; ip -o link',
            "sh",
            sys.executable,
            "-c",
            code,
        ],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert "NotOurNetwork: start it by `unshare --net`: yours is" in ran.stderr
    assert not {"bridge0", "cable0", "ours0"} & {*ran.stdout.replace("@", ":").split(": ")}


@pytest.mark.parametrize(("ci", "holds"), [("", True), ("true", False)])
async def test_where_it_cannot_be_tried_it_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ci: str, *, holds: bool
) -> None:
    """A row without a try, that names what is missing: no failure at home, one in CI."""
    require_or_skip(not redis_absent(), redis_absent())
    monkeypatch.setattr(islands, "_WAYS", (("false",),))
    monkeypatch.setenv("CI", ci)
    (row,) = await redis_partition.CLAIM.prove(Effort(tmp_path, 1))
    assert (row.times, row.holds) == (0, holds)
    assert row.found.startswith("not tried: network namespaces")
