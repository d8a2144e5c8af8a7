"""A relay in which things fail that never should, each with a secret in its message.

    python -m hushpost_proof.faulty_relay serve ...

is `hushpost-relay` with a fault planted at every place of FAULTS that `HUSHPOST_FAULTS` names. A
fault strikes once, when its place is first reached, says so in a file of its name in the folder
`HUSHPOST_STRUCK`, and from then on all works as it should.
"""

import asyncio
import functools
import gc
import logging
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from hushpost_server import (
    command,
    feed,
    health,
    inbox,
    listener,
    login,
    metrics,
    post,
    reception,
    serve_command,
    session,
    sweeper,
)
from hushpost_server.relay import RelayServer
from hushpost_store.sqlite import accounts, drops, prekeys, store

SECRET = "Alice Canary <alice@canary.example> +49 170 5550199 from 127.9.8.7"
Plant = Callable[[], None]


class Planted(Exception):
    """What a planted fault raises; its text is the secret."""


def fail() -> NoReturn:
    """Raise, with the secret in the message, in the arguments and in a cause."""
    sender = SECRET  # in the frame too, for whatever prints local variables
    try:
        raise LookupError(sender)
    except LookupError as error:
        raise Planted(f"no such person: {sender}", {"sender": sender}) from error


def struck(name: str) -> bool:
    """Note that a fault strikes; False where it did before."""
    try:
        (Path(os.environ["HUSHPOST_STRUCK"]) / name).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def _once(owner: Any, method: str) -> Callable[[str], None]:
    """Plant a failure into the next call of a method or function."""

    def plant(name: str) -> None:
        original = getattr(owner, method)

        @functools.wraps(original)
        def faulty(*arguments: Any, **named: Any) -> Any:
            if struck(name):
                fail()
            return original(*arguments, **named)

        setattr(owner, method, faulty)

    return plant


def _when_served(act: Plant) -> Callable[[str], None]:
    """Do something on the event loop, or from it, soon after the relay began to serve."""

    def plant(name: str) -> None:
        original = RelayServer.start

        async def start(relay: Any) -> None:
            await original(relay)
            if struck(name):
                asyncio.get_running_loop().call_later(0.5, act)

        setattr(RelayServer, "start", start)  # noqa: B010 - a method of a class

    return plant


def _forgotten_task() -> None:
    async def forgotten() -> None:
        fail()

    asyncio.get_running_loop().create_task(forgotten(), name=SECRET)
    asyncio.get_running_loop().call_later(0.1, gc.collect)


def _thread() -> None:
    threading.Thread(target=fail, name=SECRET).start()


def _finalizer() -> None:
    class Finalized:
        def __del__(self) -> None:
            fail()

    Finalized()


def _warning() -> None:
    warnings.warn(SECRET, ResourceWarning, stacklevel=1)


def _unawaited() -> None:
    async def never(_: str) -> None:
        """Do nothing."""

    never(SECRET)  # type: ignore[unused-coroutine]  # that is the fault
    gc.collect()


def _print() -> None:
    print(SECRET)
    print(SECRET, file=sys.stderr)
    try:
        fail()
    except Planted:
        traceback.print_exc()


def _loud_library() -> None:
    for name in ("websockets.server", "aiosqlite", "asyncio", "redis", "made.later", SECRET):
        logger = logging.getLogger(name)
        logger.setLevel(logging.DEBUG)
        logger.propagate = True
        logger.addHandler(logging.StreamHandler(sys.__stderr__))
        for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.CRITICAL):
            logger.log(level, "frame of %s", SECRET, extra={"peer": SECRET})
        logger.error("%d of %s", SECRET)  # noqa: PLE1206 - a broken call: logging prints its values
        try:
            fail()
        except Planted:
            logger.exception("in the middle of %s", SECRET, stack_info=True)
    logging.basicConfig(force=True, level=logging.DEBUG, stream=sys.__stderr__)
    logging.getLogger("after.basicConfig").warning(SECRET)


def _exception_group() -> NoReturn:
    raise ExceptionGroup(SECRET, [Planted(SECRET), ValueError(SECRET)])


def _at_exit() -> None:
    import atexit  # noqa: PLC0415 - where it is used is the fault

    atexit.register(fail)


def _abort() -> None:
    sender = SECRET
    os.kill(os.getpid(), signal.SIGABRT if sender else signal.SIGTERM)


# Faults after which the relay goes on.
FAULTS: dict[str, Callable[[str], None]] = {
    "read": _once(listener.Connection, "buffer_updated"),
    "handshake": _once(listener, "endpoint_of"),
    "opened": _once(reception.Reception, "opened"),
    "request": _once(login, "log_in"),
    "creation": _once(login, "create_account"),
    "session": _once(session.Session, "_answer_error"),
    "delivery": _once(feed.Feed, "_page"),
    "drop": _once(inbox, "register_drop"),
    "prekeys": _once(inbox, "publish_prekeys"),
    "take": _once(post, "take_prekeys"),
    "row": _once(accounts, "create"),
    "prekey-row": _once(prekeys, "publish"),
    "drop-row": _once(drops, "insert"),
    "sweep": _once(sweeper.Sweeper, "sweep"),
    "backlog": _once(store.SqliteStore, "read_backlog"),
    "metrics": _once(metrics.Metrics, "render"),
    "health": _once(health.Health, "render"),
    "notice": _once(login, "notify_low"),
    "lists": _once(post, "fetch_device_list"),
    "forgotten-task": _when_served(_forgotten_task),
    "callback": _when_served(fail),
    "group": _when_served(_exception_group),
    "thread": _when_served(_thread),
    "finalizer": _when_served(_finalizer),
    "warning": _when_served(_warning),
    "unawaited": _when_served(_unawaited),
    "print": _when_served(_print),
    "loud-library": _when_served(_loud_library),
    "at-exit": _when_served(_at_exit),
}
# Faults that end it.
FATAL: dict[str, Callable[[str], None]] = {
    "at-start": _once(serve_command, "_settle_memory"),
    "at-stop": _once(reception.Reception, "drain"),
    "at-close": _once(store.SqliteStore, "close"),
    "abort": _when_served(_abort),
}


def main() -> int:
    """Plant what is asked for, and be the relay's command."""
    for name in os.environ["HUSHPOST_FAULTS"].split(","):
        ({**FAULTS, **FATAL})[name](name)
    if "HUSHPOST_LEAK" in os.environ:  # the control: what the hunt must find
        os.write(2, f"{SECRET}\n".encode())
    return command.script()


if __name__ == "__main__":
    sys.exit(main())
