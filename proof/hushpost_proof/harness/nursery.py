"""A process that has loaded everything and forks lives from itself, so that a new life is cheap.

    python -m hushpost_proof.harness.nursery DESCRIPTOR

Half a second of every start goes into loading code. Who kills five hundred processes would spend
the time on that; here each life is still a process of its own, with an empty memory of what came
before it, killed by a real signal 9. A request names the program, its arguments, environment and
folder, and brings two descriptors (output and errors); an answer names the process, and later how
it ended.
"""

import json
import os
import random
import select
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib import import_module
from types import FrameType
from typing import Any, Final

REQUEST_BYTES_MAX: Final = 1 << 16
# What programs of the harness import; loaded once, before the first life.
_LOADED: Final = (
    "uvloop",
    "hushpost_server.command",
    "hushpost_server.relay",
    "hushpost_proof.harness.person",
    "hushpost_proof.harness.mortal_migration",
    "hushpost_proof.harness.mortal_relay",
    "hushpost_proof.harness.walled_relay",
    "hushpost_proof.harness.mortal_person",
    "hushpost_proof.harness.newcomer",
)


def serve(channel: socket.socket) -> None:
    """Fork what is asked for and tell how it ended, until the other end is closed."""
    awake, wake = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(awake, False)
    signal.signal(signal.SIGCHLD, _note)
    signal.set_wakeup_fd(wake)
    living: set[int] = set()
    while True:
        ready, _, _ = select.select([channel.fileno(), awake], [], [])
        if awake in ready:
            _drain(awake)
            _reap(channel, living)
        if channel.fileno() in ready:
            data, descriptors, _, _ = socket.recv_fds(channel, REQUEST_BYTES_MAX, 2)
            if not data:
                break
            request = json.loads(data)
            living.add(_fork(channel, request, descriptors))
    for process in living:
        os.kill(process, signal.SIGKILL)


def _note(_number: int, _frame: FrameType | None) -> None:
    """Exist, so that the signal reaches the wake-up descriptor."""


def _drain(descriptor: int) -> None:
    while os.read(descriptor, 4096):
        if not select.select([descriptor], [], [], 0)[0]:
            return


def _reap(channel: socket.socket, living: set[int]) -> None:
    while living:
        process, status = os.waitpid(-1, os.WNOHANG)
        if not process:
            return
        living.discard(process)
        _tell(channel, {"ended": process, "status": os.waitstatus_to_exitcode(status)})


def _fork(channel: socket.socket, request: dict[str, Any], descriptors: Sequence[int]) -> int:
    process = os.fork()
    if process:
        for descriptor in descriptors:
            os.close(descriptor)
        _tell(channel, {"begun": process})
        return process
    # The life that begins here never returns into the nursery's loop.
    status = 70
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        channel.close()
        os.dup2(descriptors[0], 1)
        os.dup2(descriptors[1], 2)
        os.environ.clear()
        os.environ.update(request["environment"])
        os.chdir(request["folder"])
        random.seed()
        status = _run(request["program"], request["arguments"])
    except BaseException:  # noqa: BLE001 - the edge of a process
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _run(program: str, arguments: list[str]) -> int:
    main: Callable[[list[str]], int | None] = import_module(program).main
    try:
        return main(arguments) or 0
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1


def _tell(channel: socket.socket, answer: dict[str, int]) -> None:
    channel.sendall(json.dumps(answer).encode() + b"\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Load everything, then serve on the descriptor that the harness left open."""
    (descriptor,) = sys.argv[1:] if arguments is None else arguments
    for name in _LOADED:
        import_module(name)
    serve(socket.socket(fileno=int(descriptor)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
