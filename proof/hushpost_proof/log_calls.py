"""Every place in the relay's source where something is logged or printed, held to the declaration.

By the syntax tree, so that a line which no test ever runs is judged too. A call that writes an
event must name it by a literal, give exactly its declared fields by name, and make none of them out
of text; nothing but the three modules of the log may touch `logging`, `warnings`, `traceback` or
the standard streams, and only commands print.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hushpost_server.log_events import EVENTS, FIELDS, Kind

# What a logger is called wherever it is used; `write` of anything else is not the log's.
_LOGS = frozenset({"log", "_log"})
_OUTPUT_MODULES = frozenset({"logging", "warnings", "traceback", "syslog", "faulthandler"})
_OUTPUT_NAMES = frozenset({"stderr", "stdout", "__stderr__", "__stdout__"})
_MODULES_OF_THE_LOG = frozenset({"log_events", "logging", "process_output"})
_PRINTING = ("command", "command_arguments", "entry")


@dataclass(frozen=True, slots=True)
class LogCalls:
    """How many calls there are, and what is wrong with which (`module:line: what`)."""

    calls: int
    undeclared: tuple[str, ...]


def log_calls(packages: Path) -> LogCalls:
    """Judge every module of a package."""
    calls = 0
    found: list[str] = []
    for path in sorted(packages.rglob("*.py")):
        tree = ast.parse(path.read_text())
        written = list(_written(tree))
        calls += len(written)
        odd = [*(one for call in written for one in _judged(call)), *_output(tree, path.stem)]
        found += (f"{path.stem}:{line}: {what}" for line, what in odd)
    return LogCalls(calls, tuple(found))


def _written(tree: ast.Module) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
            if node.func.attr == "write" and name in _LOGS:
                yield node


def _judged(call: ast.Call) -> Iterator[tuple[int, str]]:
    first = call.args[0] if len(call.args) == 1 else None
    if not isinstance(first, ast.Constant) or first.value not in EVENTS:
        yield call.lineno, "the event is no literal name of a declared one"
        return
    event = EVENTS[str(first.value)]
    given = frozenset(keyword.arg or "**" for keyword in call.keywords)
    if given != event.given:
        yield call.lineno, f"{event.name} takes {sorted(event.given)}"
        return
    for keyword in call.keywords:
        if not _fits(str(keyword.arg), keyword.value):
            yield call.lineno, f"{event.name} makes {keyword.arg} out of text"


def _fits(name: str, value: ast.expr) -> bool:
    field = FIELDS[name]
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return value.value in field.words
    made_of_text = isinstance(value, ast.JoinedStr) or (
        isinstance(value, ast.Call)
        and getattr(value.func, "id", "") in {"str", "repr", "format", "ascii"}
    )
    # An attribute of an exception (its class's name, its arguments) is text as well.
    taken_apart = (
        field.kind is Kind.ERROR
        and isinstance(value, ast.Attribute)
        and not value.attr.startswith("exc_")
    )
    return not made_of_text and not taken_apart


def _output(tree: ast.Module, module: str) -> Iterator[tuple[int, str]]:
    if module in _MODULES_OF_THE_LOG:
        return
    prints = module.endswith(_PRINTING)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = {alias.name for alias in node.names}
            names |= {node.module or ""} if isinstance(node, ast.ImportFrom) else set()
            for name in sorted(names & _OUTPUT_MODULES):
                yield node.lineno, f"imports {name}"
        elif prints:
            continue
        elif isinstance(node, ast.Attribute) and node.attr in _OUTPUT_NAMES:
            yield node.lineno, f"uses {node.attr}"
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print":
            yield node.lineno, "prints"
