"""`hushpost demo`: two people, and between them what the relay sees (docs/demo.md)."""

import asyncio

import click
from hushpost.errors import HushpostError

from hushpost_demo.demo_run import run_demo
from hushpost_demo.exit_statuses import ExitStatus, exit_status
from hushpost_demo.next_steps import next_steps
from hushpost_demo.output import Output
from hushpost_demo.stage import JsonStage, Stage
from hushpost_demo.stage_terminal import TerminalStage


@click.command()
@click.option(
    "--store",
    type=click.Choice(("sqlite", "redis")),
    default="sqlite",
    help="Where the relay keeps mail; redis: two relays on a cluster of six servers.",
)
@click.option("--fast", is_flag=True, help="Leave no time to read along.")
@click.option("--leak", is_flag=True, help="Let one message leak on purpose: the demo must fail.")
@click.option("--keep", is_flag=True, help="Keep the files of all three for your own tools.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def demo(store: str, fast: bool, leak: bool, keep: bool, as_json: bool) -> None:
    """Watch two people write to each other, and what the relay between them gets to see."""
    steps = next_steps(store)
    stage: Stage = JsonStage() if as_json else TerminalStage(fast=fast, next_steps=steps)
    try:
        clean = asyncio.run(run_demo(stage, leak=leak, keep=keep, store=store))
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise SystemExit(ExitStatus.INTERRUPTED) from None
    except (HushpostError, OSError, TimeoutError) as error:
        status = exit_status(error)
        Output(as_json=as_json).error(type(error).__name__, str(error), status)
        raise SystemExit(int(status)) from None
    if not clean:
        raise SystemExit(int(ExitStatus.FAILED))
