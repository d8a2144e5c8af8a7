"""`hushpost-relay serve`: a relay in a process of its own, until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import signal
import sys
from collections.abc import Callable, Generator
from functools import partial
from typing import Any

from hushpost_wire.host import Host, is_loopback

from hushpost_server.cautions import cautions
from hushpost_server.command_arguments import Arguments, Commands, add_command, configuration_of
from hushpost_server.configuration import Configuration
from hushpost_server.core_dumps import forbid_core_dumps
from hushpost_server.freed_memory import overwrite_freed_memory
from hushpost_server.logging import EventLog
from hushpost_server.process_output import (
    Release,
    hold_exceptions,
    hold_libraries,
    hold_loop,
    hold_streams,
    let_libraries_log,
    print_no_more,
)
from hushpost_server.relay import RelayServer


def add(commands: Commands) -> None:
    """Add the command."""
    serve = add_command(commands, "serve", "run the relay until SIGTERM or SIGINT", _serve)
    serve.add_argument("--listen-host", help="address to listen on")
    serve.add_argument("--listen-port", type=int, help="port to listen on; 0 for a free one")
    serve.add_argument("--public-host", help="host[:port] as it stands in addresses")
    serve.add_argument("--metrics-port", type=int, help="loopback port of health and metrics")
    serve.add_argument("--store", help="sqlite, memory or redis")
    serve.add_argument("--registration", help="open, token or closed")
    serve.add_argument("--log-level", help="debug, info, warning or error")
    _add_switch(serve, "--behind-proxy", "see the docs")
    _add_switch(serve, "--quiet", "answer senders on a tick: time tells nothing, and costs some")
    _add_switch(
        serve,
        "--unsafe-no-bucket-enforcement",
        "for benchmarks only: let envelope sizes tell messages apart",
    )
    _add_switch(
        serve,
        "--unsafe-third-party-logs",
        "for debugging only: let libraries log content, addresses and values of exceptions",
    )
    serve.add_argument("--json", action="store_true", help="print where it listens as JSON")


def _add_switch(command: Any, name: str, sentence: str) -> None:
    # None where it is not given: then the file and the environment decide.
    command.add_argument(name, action="store_const", const=True, help=sentence)


def _serve(arguments: Arguments) -> int:
    configuration = configuration_of(arguments)
    log = EventLog.to_stream(sys.stderr, configuration.log_level)
    release = _hold(configuration, log)
    if arguments.own_process:
        forbid_core_dumps()
        overwrite_freed_memory()
    try:
        relay = RelayServer(configuration, log=log)
        _runner(configuration)(_serve_until_told(relay, log, as_json=arguments.json))
    finally:
        if not arguments.own_process:
            release()
    return 0


def _hold(configuration: Configuration, log: EventLog) -> Release:
    """Leave nothing on the log but declared events; libraries too unless told otherwise."""
    held = contextlib.ExitStack()
    held.callback(hold_exceptions(log))
    if configuration.unsafe_third_party_logs:
        held.callback(let_libraries_log(configuration.log_level, sys.stderr))
    else:
        held.callback(hold_libraries(log))
    return held.close


@contextlib.contextmanager
def _streams_of(configuration: Configuration, log: EventLog) -> Generator[None]:
    """Keep back what libraries print, unless told otherwise."""
    if configuration.unsafe_third_party_logs:
        yield
        return
    release = hold_streams(log)
    try:
        yield
    finally:
        release()


def _runner(configuration: Configuration) -> Callable[[Any], Any]:
    if configuration.uvloop:
        try:
            import uvloop  # noqa: PLC0415 - it is not there on every system
        except ImportError:
            return asyncio.run
        return uvloop.run
    return asyncio.run


def _settle_memory() -> None:
    """Spare the collector what was made at start, and most of its rounds.

    The hot path makes tuples by the dozen an envelope and no cycles; by default a round would come
    every few envelopes and find nothing (measured: a twentieth of the relay's processor time).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)


async def _serve_until_told(relay: RelayServer, log: EventLog, *, as_json: bool) -> None:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    hold_loop(log, loop)

    def tell() -> None:
        if told.is_set():  # told twice: whoever waits wants it now
            relay.hurry()
        told.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(number, tell)
        except RuntimeError:  # Windows has no signal handlers on a loop
            signal.signal(number, partial(_tell, loop, tell))
    with contextlib.ExitStack() as held:
        async with relay:
            _settle_memory()
            try:
                _print_start(relay, as_json=as_json)
            except BrokenPipeError:  # a reader that has gone is no reason to serve nobody
                print_no_more()
            held.enter_context(_streams_of(relay.configuration, log))
            await told.wait()


def _tell(
    loop: asyncio.AbstractEventLoop, tell: Callable[[], None], _number: int, _frame: object
) -> None:
    loop.call_soon_threadsafe(tell)


def _print_start(relay: RelayServer, *, as_json: bool) -> None:
    if as_json:
        where = {"url": relay.url, "host": relay.host, "metrics": relay.metrics_url}
        print(json.dumps(where), flush=True)
        return
    configuration = relay.configuration
    folder = configuration.data_folder
    kept = {"sqlite": folder, "redis": f"Redis, and {folder}"}.get(
        configuration.store, "memory only"
    )
    lines = [
        f"hushpost relay: listening on {relay.url}",
        f"  people's addresses begin with  hushpost://{relay.host}/",
        f"  database and identity key in   {kept}",
    ]
    if relay.metrics_url:
        lines.append(f"  health and metrics at          {relay.metrics_url}/health, /metrics")
    if not configuration.public_host and not (
        configuration.listens_on_loopback and not configuration.behind_proxy
    ):
        lines.append("  WARNING: set public_host to the name people dial, or nobody can log in")
    lines += [f"  WARNING: {caution.sentence}" for caution in cautions(configuration)]
    if configuration.unsafe_no_bucket_enforcement:
        lines.append("  UNSAFE: envelope sizes are not enforced; for benchmarks only")
    if configuration.unsafe_third_party_logs:
        lines.append("  UNSAFE: libraries log what they like, content and addresses included")
    lines += ["", *_next_steps(relay), "Stop with Ctrl-C."]
    print("\n".join(lines), flush=True)


def _next_steps(relay: RelayServer) -> list[str]:
    """Say how a client comes here: by the name that it signs, which may not be where we listen."""
    make = "Next: make an account with it, in another terminal:"
    if relay.configuration.public_host:
        scheme = "ws" if is_loopback(Host(relay.host)) else "wss"
        return [make, f"  hushpost init --relay {scheme}://{relay.host}"]
    return [
        make,
        f"  hushpost init --relay {relay.url}",
        "To serve other machines, set public_host and TLS or a proxy: docs/operating.md.",
    ]
