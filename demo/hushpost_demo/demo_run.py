"""Sets the demo up, plays it, and clears it away again, whatever happens."""

import asyncio
import contextlib
import importlib
import shutil
import signal
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Final, Protocol

from hushpost_demo.errors import RedisMissing
from hushpost_demo.person import Person
from hushpost_demo.relay_process import RelayProcess
from hushpost_demo.stage import Stage
from hushpost_demo.story import Story

CLUSTER_RUN: Final = "hushpost_demo.cluster_run"
# A closed window says SIGHUP, where there is such a thing.
ENDINGS: Final = {signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)}


class ClusterPlayer(Protocol):
    """`cluster_run.play_on_cluster`."""

    async def __call__(self, stage: Stage, folder: Path, *, leak: bool) -> bool:
        """Play."""
        ...


async def run_demo(
    stage: Stage, *, leak: bool = False, keep: bool = False, store: str = "sqlite"
) -> bool:
    """Play the demo; True if nothing leaked and everything shown was so.

    ``leak`` lets one message leak on purpose, ``keep`` leaves the folder for your own tools, and
    ``store`` "redis" plays on a cluster. Raises `DemoError` where something shown was not so.
    """
    with _ended_by_signals(), _folder(keep=keep) as folder:
        if keep:
            stage.fact("folder", f"Everything is kept in {folder}", folder=str(folder))
        if store == "redis":
            return await _cluster_player()(stage, folder, leak=leak)
        async with (
            RelayProcess(_made(folder / "relay")) as relay,
            Person("Alice", "Alice Pemberton", folder / "alice") as alice,
            Person("Bob", "Bob Kowalczyk", folder / "bob") as bob,
        ):
            return await Story(alice, bob, relay, stage, leak=leak).tell()


def _cluster_player() -> ClusterPlayer:
    """Import what the cluster needs, where it is wanted: its library is an extra of its own."""
    try:
        player: ClusterPlayer = importlib.import_module(CLUSTER_RUN).play_on_cluster
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("hushpost"):
            raise
        words = f"{error.name} is not installed: install hushpost with its extra, 'hushpost[redis]'"
        raise RedisMissing(words) from None
    return player


@contextlib.contextmanager
def _folder(*, keep: bool) -> Generator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="hushpost-demo-"))
    try:
        yield folder
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _ended_by_signals() -> Generator[None]:
    """Have Ctrl-C, a termination or a closed window unwind the run: no relay stays behind.

    The first one does; the next ones change nothing, since they would break the clearing away off.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None
    told: list[bool] = []

    def tell() -> None:
        if not told:
            task.cancel()
        told.append(True)

    try:
        for number in ENDINGS:
            loop.add_signal_handler(number, tell)
    except RuntimeError:  # Windows, or not the main thread
        yield
        return
    try:
        yield
    finally:
        for number in ENDINGS:
            loop.remove_signal_handler(number)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
