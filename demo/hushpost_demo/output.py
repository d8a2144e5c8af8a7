"""How a command says things: lines for people, or one JSON object a line for scripts.

Facts go to standard output, errors to standard error, in either way of telling. What other people
wrote is made printable before it gets here (`plain_text`); JSON escapes it by itself.
"""

import json
from dataclasses import dataclass

import click

from hushpost_demo.stage import Json


@dataclass(frozen=True, slots=True)
class Output:
    """Says facts and errors in the way the person asked for."""

    as_json: bool = False

    def say(self, kind: str, line: str | None, **facts: Json) -> None:
        """State a fact. A ``line`` of None is for scripts only."""
        if self.as_json:
            click.echo(json.dumps({"kind": kind, **facts}))
        elif line is not None:
            click.echo(line)

    def say_to_people(self, text: str) -> None:
        """Put text on standard output that scripts have no use for."""
        if not self.as_json:
            click.echo(text)

    def remark(self, line: str) -> None:
        """Say something to people only, beside the facts."""
        if not self.as_json:
            click.echo(line, err=True)

    def error(self, name: str, message: str, status: int) -> None:
        """State an error in one line."""
        line = " ".join(message.split())
        if self.as_json:
            facts = {"kind": "error", "error": name, "message": line, "status": status}
            click.echo(json.dumps(facts), err=True)
        else:
            click.echo(f"hushpost: {line}", err=True)
