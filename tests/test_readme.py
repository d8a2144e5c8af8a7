"""The example in README.md is a program, and does what it says against a real relay."""

import asyncio
import re
import sys
from pathlib import Path

from tests.client_lib.client_world import relay

README = Path(__file__).parents[1] / "README.md"
RELAY_IN_README = "ws://127.0.0.1:8440"


def example() -> str:
    """Give the one Python block of README.md."""
    (block,) = re.findall(r"^```python\n(.*?)^```$", README.read_text(), re.M | re.S)
    return str(block)


async def test_the_example_sends_a_message_that_arrives(tmp_path: Path) -> None:
    """Run as a script of its own in an empty folder, the example prints the text and ends well."""
    code = example()
    assert RELAY_IN_README in code
    async with relay() as server:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-W",
            "error",
            "-c",
            code.replace(RELAY_IN_README, server.url),
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(), timeout=60)
    assert (out.decode(), err.decode(), process.returncode) == ("Hello, Bob.\n", "", 0)


def test_the_example_is_ten_lines_of_the_library() -> None:
    """What an app developer has to write is not more than ten lines around two imports."""
    lines = [line for line in example().splitlines() if line.strip()]
    body = [line for line in lines if not line.startswith(("import", "from", "asyncio.run"))]
    assert len(body) <= 10
