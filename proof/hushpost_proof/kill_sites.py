"""Where the product makes something durable: read from its source, so that no list can go stale.

Three kinds of places, each a name under which `harness.mortality` reports passes: calls that
commit, sync, rename or change a schema; the kinds of vault transaction a client runs; and the
functions that change the relay's store.
"""

import ast
import importlib
import importlib.util
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Final

import hushpost
import hushpost_server
import hushpost_store

from hushpost_proof.harness.mortality import short

_PACKAGES: Final = (hushpost, hushpost_server, hushpost_store)
_STORE_FUNCTIONS: Final = "hushpost_store.sqlite"
# These commit by themselves: their commits are durable sites.
_COMMITTING: Final = ("group", "schema", "backup")
_SYSTEM: Final = {"fsync": "sync", "replace": "replace", "link": "link", "rename": "rename"}
_STATEMENTS: Final = (
    ("COMMIT", "commit"),
    ("PRAGMA wal_checkpoint(TRUNCATE)", "checkpoint"),
    ("CREATE ", "schema"),
    ("ALTER ", "schema"),
    ("DROP ", "schema"),
    ("PRAGMA user_version=", "schema"),
    ("PRAGMA user_version =", "schema"),
)
_CHANGING: Final = ("INSERT", "UPDATE", "DELETE", "REPLACE")


@dataclass(frozen=True, slots=True)
class Source:
    """One module of the product, parsed."""

    name: str
    tree: ast.Module


def sources() -> Iterator[Source]:
    """Read every module of the client library, the relay and its store."""
    for package in _PACKAGES:
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if ".conformance" not in found.name:
                yield source(found.name)


def source(name: str) -> Source:
    """Read one module, without importing more than its package."""
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    return Source(name, ast.parse(Path(spec.origin).read_text()))


def durable_sites(modules: Iterator[Source] | list[Source]) -> set[str]:
    """Return `operation module.function` of every call that makes something durable."""
    found: set[str] = set()
    for module in modules:
        for where, node in _calls(module.tree):
            operation = _operation(node)
            if operation is not None:
                found.add(f"{operation} {short(module.name)}{where}")
    return found


def step_kinds(modules: Iterator[Source] | list[Source]) -> set[str]:
    """Return `step module.function` of every vault transaction that a client runs."""
    found: set[str] = set()
    for module in modules:
        imported = _imports(module.tree)
        for _, node in _calls(module.tree):
            if _is_step(node) and node.args:
                found.add(f"step {_resolved(node.args[0], module.name, imported)}")
    return found


def store_changes() -> list[tuple[ModuleType, str]]:
    """Return the functions that change the relay's store, each with the module that defines it."""
    package = importlib.import_module(_STORE_FUNCTIONS)
    found: list[tuple[ModuleType, str]] = []
    for item in pkgutil.iter_modules(package.__path__, f"{_STORE_FUNCTIONS}."):
        if item.name.rpartition(".")[2] in _COMMITTING:
            continue
        changing = changing_functions(source(item.name).tree)
        if changing:
            module = importlib.import_module(item.name)
            found += [(module, name) for name in sorted(changing)]
    return found


def changing_functions(tree: ast.Module) -> set[str]:
    """Return the public functions on a connection that write, themselves or through others."""
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    constants = {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name) and _writes(node.value)
    }
    writing = {
        name for name, node in functions.items() if _writes(node) or constants & _names(node)
    }
    while more := {
        name for name, node in functions.items() if name not in writing and writing & _names(node)
    }:
        writing |= more
    return {name for name in writing if _is_on_connection(functions[name])}


def _is_on_connection(function: ast.FunctionDef) -> bool:
    first = function.args.args[:1]
    return bool(not function.name.startswith("_") and first and first[0].arg == "connection")


def _writes(node: ast.AST) -> bool:
    return any(
        isinstance(part, ast.Constant)
        and isinstance(part.value, str)
        and part.value.lstrip().startswith(_CHANGING)
        for part in ast.walk(node)
    )


def _names(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def _operation(call: ast.Call) -> str | None:
    function = call.func
    if not isinstance(function, ast.Attribute):
        return None
    if isinstance(function.value, ast.Name) and function.value.id == "os":
        return _SYSTEM.get(function.attr)
    if function.attr == "rename" and len(call.args) == 1:
        return "rename"
    if function.attr == "execute" and call.args:
        sql = _beginning(call.args[0])
        return next((name for start, name in _STATEMENTS if sql.startswith(start)), None)
    return None


def _beginning(node: ast.expr) -> str:
    if isinstance(node, ast.JoinedStr) and node.values:
        node = node.values[0]
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _is_step(call: ast.Call) -> bool:
    function = call.func
    if not isinstance(function, ast.Attribute) or function.attr != "run":
        return False
    holder = function.value
    name = holder.attr if isinstance(holder, ast.Attribute) else getattr(holder, "id", "")
    return name in ("steps", "_steps")


def _imports(tree: ast.Module) -> dict[str, str]:
    """Return, for each imported name, the module or `module.function` it stands for."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                found[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return found


def _resolved(node: ast.expr, module: str, imported: dict[str, str]) -> str:
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return f"{short(imported[node.value.id])}{node.attr}"
    assert isinstance(node, ast.Name), ast.dump(node)
    whole = imported.get(node.id, f"{module}.{node.id}")
    holder, _, name = whole.rpartition(".")
    return f"{short(holder)}{name}"


def _calls(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    """Yield every call with the qualified name of the function it stands in."""

    def walk(node: ast.AST, path: str, inside: bool) -> Iterator[tuple[str, ast.Call]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                gap = ".<locals>." if inside else "."
                name = f"{path}{gap}{child.name}" if path else child.name
                yield from walk(child, name, not isinstance(child, ast.ClassDef))
            else:
                if isinstance(child, ast.Call):
                    yield path, child
                yield from walk(child, path, inside)

    yield from walk(tree, "", False)
