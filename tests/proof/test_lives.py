"""A life forked from the nursery is a process like any other: it says, it ends, it is killed."""

import os
import signal
from pathlib import Path

from hushpost_proof.harness.lives import Life, Nursery, nursery, plainly
from hushpost_proof.harness.waiting import until

# A program of the standard library with a `main` that takes arguments and prints: it needs a file.
PROGRAM = "tests.proof.small_program"


async def _begin(begin: Nursery, folder: Path, *arguments: str) -> Life:
    with (folder / "errors").open("ab") as errors:
        return await begin(
            PROGRAM,
            arguments,
            folder=folder,
            environment={**os.environ, "SAID": "from the environment"},
            errors=errors,
        )


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_forked_lives_say_end_fail_and_die(tmp_path: Path) -> None:
    """Output, environment, folder, status and signal are each life's own."""
    async with nursery() as begin:
        said = await _begin(begin, tmp_path, "say")
        assert said.stdout is not None
        lines = [(await said.stdout.readline()).decode().strip() for _ in range(2)]
        assert lines == ["from the environment", str(tmp_path)]
        assert await said.wait() == 0
        assert await (await _begin(begin, tmp_path, "end", "7")).wait() == 7
        assert await (await _begin(begin, tmp_path, "fail")).wait() == 70
        assert "as it was told" in (tmp_path / "errors").read_text()
        waiting = await _begin(begin, tmp_path, "wait")
        assert waiting.stdout is not None
        await waiting.stdout.readline()
        assert waiting.returncode is None
        waiting.send_signal(signal.SIGKILL)
        assert await waiting.wait() == -signal.SIGKILL
        waiting.send_signal(signal.SIGKILL)  # nothing any more
        left = await _begin(begin, tmp_path, "wait")
    await until(lambda: not _is_there(left.pid), 60)


async def test_a_plain_life_is_the_same_to_whoever_starts_it(tmp_path: Path) -> None:
    """The interpreter of its own takes the same program and arguments."""
    root = Path(__file__).parents[2]
    with (tmp_path / "errors").open("ab") as errors:
        life = await plainly(
            PROGRAM,
            ["end", "5"],
            folder=tmp_path,
            environment={**os.environ, "PYTHONPATH": str(root)},
            errors=errors,
        )
    assert await life.wait() == 5
