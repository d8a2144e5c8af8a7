"""The demo for people: three columns, from 80 characters on, with or without colours."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Final

from rich import box
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from hushpost_demo.cluster_view import ClusterView
from hushpost_demo.person import Line, Person
from hushpost_demo.plain_text import printable
from hushpost_demo.relay_view import MailboxView, RelayView
from hushpost_demo.scenes import Scene
from hushpost_demo.stage import Json, View

WIDTH_MIN: Final = 60
# Beyond this a line of prose is hard to follow.
WIDTH_MAX: Final = 110
_LINES_SHOWN: Final = 5
_ROUTE_DIGITS: Final = 4
_SNIPPET_BYTES: Final = 16

# What the state of a sent message means, for somebody who sees it for the first time.
_STATES: Final = {
    "waiting": "waits for Bob's yes",
    "sealed": "kept, not sent yet",
    "accepted": "at the relay",
    "delivered": "arrived",
    "read": "read",
    "refused": "refused",
    "unconfirmed": "never confirmed",
}
_FAILED: Final = frozenset({"refused", "unconfirmed"})
_ARRIVED: Final = frozenset({"delivered", "read"})


class TerminalStage:
    """Prints scenes as they come; nothing is redrawn, so a log of a run reads like the run."""

    def __init__(
        self, console: Console | None = None, *, fast: bool = False, next_steps: str = ""
    ) -> None:
        self._console = console if console is not None else Console(highlight=False)
        self._console.width = max(WIDTH_MIN, min(self._console.width, WIDTH_MAX))
        self._fast = fast
        self._next_steps = next_steps

    def scene(self, number: int, scene: Scene) -> None:
        """Print heading and explanation."""
        heading = f"{number}. {scene.title}" if number else scene.title
        self._console.print()
        self._console.rule(Text(heading, style="bold"), style="cyan", align="left")
        self._console.print(Text(scene.words, style="italic"))

    def frame(self, alice: Person, view: View, bob: Person) -> None:
        """Print the three columns."""
        table = Table(box=box.ROUNDED, expand=True, border_style="cyan", padding=(0, 1))
        table.add_column(_heading(alice), ratio=1)
        table.add_column(_middle_heading(view), ratio=1)
        table.add_column(_heading(bob), ratio=1)
        table.add_row(_screen(alice), _middle(view), _screen(bob))
        self._console.print(table)

    def fact(self, kind: str, line: str, **facts: Json) -> None:
        """Print a finding; what went wrong in red."""
        bad = facts.get("ok") is False
        mark = Text("✗ " if bad else "✓ ", style="bold red" if bad else "bold green")
        if self._console.options.ascii_only:
            mark = Text("FAILED: " if bad else "ok: ", style=mark.style)
        body = Text(line, style="bold red" if bad else "")
        grid = Table.grid()
        grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold")
        grid.add_row(mark, body)
        self._console.print(grid)

    def verdict(self, line: str, *, clean: bool, seconds: float) -> None:
        """Print the end in a frame, and what to do next."""
        style = "green" if clean else "red"
        words = Text(f"{line} ({seconds:.0f} seconds)", style=f"bold {style}")
        if clean and self._next_steps:
            words.append("\n\n" + self._next_steps, style="not bold default")
        self._console.print()
        self._console.print(Panel(words, border_style=style, padding=(0, 1)))

    def busy(self, words: str) -> AbstractContextManager[object]:
        """Turn a little wheel beside the words, on a terminal."""
        return self._console.status(Text(words))

    def reading_seconds(self, seconds: float) -> float:
        """Give the seconds on a terminal, 0 elsewhere."""
        return seconds if self._console.is_terminal and not self._fast else 0.0


def _heading(person: Person) -> Text:
    remark = "app open" if person.online else "app closed"
    heading = Text(person.name, style="bold")
    return heading.append(f"  {remark}", style="not bold dim")


def _middle_heading(view: View) -> Text:
    if isinstance(view, ClusterView):
        return Text("what relays and Redis have", style="bold yellow")
    heading = Text("what the relay has", style="bold yellow")
    if view.pid is None:
        heading = Text("the dead relay's disk", style="bold red")
    return heading


def _screen(person: Person) -> Table:
    screen = Table.grid(expand=True)
    screen.add_column(ratio=1)
    shown = person.lines[-_LINES_SHOWN:]
    if len(shown) < len(person.lines):
        screen.add_row(Text("...", style="dim"))
    for line in shown:
        screen.add_row(_spoken(line, own=line.speaker == person.name))
        if line.state:
            screen.add_row(_state(line.state))
    return screen


def _spoken(line: Line, *, own: bool) -> Text:
    if not line.speaker:
        return Text(f"({printable(line.text)})", style="dim")
    speaker = "you" if own else printable(line.speaker).partition(" ")[0]
    text = Text(f"{speaker}: ", style="green" if own else "magenta")
    return text.append(printable(line.text), style="default")


def _state(state: str) -> Text:
    style = "red" if state in _FAILED else "green dim" if state in _ARRIVED else "dim"
    return Text(_STATES.get(state, state), style=style, justify="right")


def _middle(view: View) -> Table:
    column = Table.grid(expand=True, padding=(0, 1, 0, 0))
    column.add_column(ratio=1, style="dim")
    column.add_column(justify="right", no_wrap=True)
    lines = _relay_lines(view) if isinstance(view, RelayView) else _cluster_lines(view)
    for label, value in lines:
        column.add_row(label, Text(value, style="yellow"))
    if not view.envelopes:
        return column
    whole = Table.grid(expand=True)
    whole.add_column(ratio=1)
    whole.add_row(column)
    whole.add_row(Text("one begins:", style="dim"))
    whole.add_row(Text(view.envelopes[0][:_SNIPPET_BYTES].hex(" "), style="yellow"))
    return whole


def _relay_lines(view: RelayView) -> list[tuple[str, str]]:
    lines = [("process", "killed" if view.pid is None else str(view.pid))]
    lines.append(("accounts", str(view.accounts)))
    if view.connected is not None:
        lines.append(("apps online", str(view.connected)))
    lines += _mail_lines(view.mailboxes, view.envelopes)
    if view.accepted is not None and view.acknowledged is not None:
        lines.append(("taken in", str(view.accepted)))
        lines.append(("forgotten", str(view.acknowledged)))
    return lines


def _cluster_lines(view: ClusterView) -> list[tuple[str, str]]:
    lines: list[tuple[str, str]] = []
    for node in view.nodes:
        online = "killed" if node.connected is None else f"{node.connected} online"
        lines.append((f"relay {node.name}", online))
    running = sum(server.pid is not None for server in view.servers)
    lines.append(("Redis servers", f"{running} of {len(view.servers)}"))
    lines.append(("accounts", str(view.accounts)))
    return [*lines, *_mail_lines(view.mailboxes, view.envelopes)]


def _mail_lines(
    mailboxes: Sequence[MailboxView], envelopes: Sequence[bytes]
) -> list[tuple[str, str]]:
    lines: list[tuple[str, str]] = []
    for mailbox in mailboxes:
        waiting = f"{mailbox.envelopes} waiting" if mailbox.envelopes else "empty"
        lines.append((f"mailbox {mailbox.route.hex()[:_ROUTE_DIGITS]}", waiting))
    if envelopes:
        sizes = sorted({len(envelope) for envelope in envelopes})
        lines.append(("bytes each", " or ".join(f"{size:,}" for size in sizes)))
    return lines
