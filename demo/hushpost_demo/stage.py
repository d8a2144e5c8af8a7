"""Where the demo is told: what every way of telling it offers, and the JSON way.

`stage_terminal` prints for people; `JsonStage` prints one JSON object a line for scripts.
"""

import json
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol, TextIO

from hushpost_demo.cluster_view import ClusterView
from hushpost_demo.person import Person
from hushpost_demo.relay_view import MailboxView, RelayView
from hushpost_demo.scenes import Scene

# What stands in the middle column.
View = RelayView | ClusterView
Json = str | int | float | bool | None | Sequence["Json"] | dict[str, "Json"]


class Stage(Protocol):
    """Tells the demo as it goes."""

    def scene(self, number: int, scene: Scene) -> None:
        """Begin a scene."""
        ...

    def frame(self, alice: Person, view: View, bob: Person) -> None:
        """Show both screens and, between them, what lies between as it was just seen."""
        ...

    def fact(self, kind: str, line: str, **facts: Json) -> None:
        """State something that was found to be so; ``line`` for people, the rest for scripts."""
        ...

    def verdict(self, line: str, *, clean: bool, seconds: float) -> None:
        """Tell how it ended."""
        ...

    def busy(self, words: str) -> AbstractContextManager[object]:
        """Tell that something takes a moment."""
        ...

    def reading_seconds(self, seconds: float) -> float:
        """Give how long to leave people time to read; 0 where nobody reads along."""
        ...


class JsonStage:
    """One JSON object a line."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out if out is not None else sys.stdout

    def scene(self, number: int, scene: Scene) -> None:
        """Begin a scene."""
        self._print("scene", number=number, title=scene.title)

    def frame(self, alice: Person, view: View, bob: Person) -> None:
        """Show everything that stands in the three columns."""
        middle: dict[str, Json] = (
            {"relay": view_json(view)}
            if isinstance(view, RelayView)
            else {"service": cluster_json(view)}
        )
        self._print("frame", alice=person_json(alice), **middle, bob=person_json(bob))

    def fact(self, kind: str, line: str, **facts: Json) -> None:
        """State a fact."""
        self._print(kind, text=line, **facts)

    def verdict(self, line: str, *, clean: bool, seconds: float) -> None:
        """Tell how it ended."""
        self._print("result", text=line, ok=clean, seconds=seconds)

    def busy(self, words: str) -> AbstractContextManager[object]:
        """Say nothing: a script does not get impatient."""
        return nullcontext()

    def reading_seconds(self, seconds: float) -> float:
        """Give 0: nobody reads along."""
        return 0.0

    def _print(self, kind: str, **facts: Json) -> None:
        print(json.dumps({"kind": kind, **facts}), file=self._out, flush=True)


def person_json(person: Person) -> dict[str, Json]:
    """Give a person's screen."""
    lines: list[Json] = [
        {"speaker": line.speaker, "text": line.text, "state": line.state} for line in person.lines
    ]
    return {"name": person.name, "app_open": person.online, "lines": lines}


def view_json(view: RelayView) -> dict[str, Json]:
    """Give the relay's column; of each envelope only its size and beginning."""
    return {
        "pid": view.pid,
        "accounts": view.accounts,
        "mailboxes": _mailboxes(view.mailboxes),
        "envelopes": _envelopes(view.envelopes),
        "connected": view.connected,
        "anonymous_connections": view.anonymous,
        "accepted": view.accepted,
        "acknowledged": view.acknowledged,
        "log_lines": view.log_lines,
        "last_log_line": view.last_log_line,
        "file_bytes": view.file_bytes,
    }


def cluster_json(view: ClusterView) -> dict[str, Json]:
    """Give the column of two relays and their Redis, likewise."""
    relays: list[Json] = [
        {
            "name": node.name,
            "pid": node.pid,
            "connected": node.connected,
            "anonymous_connections": node.anonymous,
            "accepted": node.accepted,
            "acknowledged": node.acknowledged,
        }
        for node in view.nodes
    ]
    servers: list[Json] = [
        {"port": server.port, "pid": server.pid, "primary": server.is_primary}
        for server in view.servers
    ]
    return {
        "relays": relays,
        "servers": servers,
        "accounts": view.accounts,
        "keys": len(view.keys),
        "mailboxes": _mailboxes(view.mailboxes),
        "envelopes": _envelopes(view.envelopes),
    }


def _mailboxes(mailboxes: Sequence[MailboxView]) -> list[Json]:
    return [
        {
            "route": mailbox.route.hex(),
            "envelopes": mailbox.envelopes,
            "bytes": mailbox.envelope_bytes,
            "drops": mailbox.drops,
        }
        for mailbox in mailboxes
    ]


def _envelopes(envelopes: Sequence[bytes]) -> list[Json]:
    return [{"bytes": len(envelope), "begins": envelope[:16].hex()} for envelope in envelopes]
