"""Every attribute of a relay's objects that outlives a connection, found by walking a running one.

What a relay keeps in memory is listed by hand (`memory_inventory`), and such a list rots unseen. So
the objects are walked: from the running relay through attributes, containers, bound methods and
closures to every object of ours; and the source is read for globals and caches that can grow. Each
is named `module.Class.attribute`; what neither that list nor `memory_wiring` names is reported.
"""

import ast
import functools
import types
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from hushpost_server.memory_inventory import HELD

from hushpost_proof.memory_wiring import CONSTANTS, PASSED_OVER, WIRING

OURS = ("hushpost_server", "hushpost_store", "hushpost_wire")
# A container of thousands holds things of one kind; some of each end are looked at.
_SAMPLE = 64
_CACHES = frozenset({"cache", "lru_cache", "cached_property"})
_CONTAINERS = frozenset(
    {"dict", "list", "set", "bytearray", "deque", "defaultdict", "Counter", "OrderedDict"}
    | {"WeakKeyDictionary", "WeakSet", "WeakValueDictionary"}
)


def unlisted(relay: object) -> tuple[str, ...]:
    """Name what a running relay holds that no list names."""
    listed = {place for held in HELD for place in held.places} | CONSTANTS
    listed |= {f"{kind}.{name}" for kind, names in WIRING.items() for name in names}
    return tuple(sorted((attributes_of(relay) | _globals()) - listed))


def _globals() -> set[str]:
    packages = (Path(str(files(package))) for package in OURS)
    return {name for package in packages for name in growing_globals(package)}


def attributes_of(root: object) -> set[str]:
    """Return `module.Class.attribute` of all of ours that `root` reaches."""
    found: set[str] = set()
    seen: set[int] = set()
    # Kept until the end, so that no number in `seen` is given to another object.
    waiting: deque[Any] = deque([root])
    kept: list[Any] = []
    while waiting:
        item = waiting.popleft()
        if id(item) in seen:
            continue
        seen.add(id(item))
        kept.append(item)
        kind_of_item: type[Any] = item.__class__
        if kind_of_item.__module__.partition(".")[0] in OURS:
            kind = name_of(kind_of_item)
            if kind in PASSED_OVER:
                continue
            for name, value in _attributes(item):
                found.add(f"{kind}.{name}")
                waiting.append(value)
        waiting.extend(_contents(item))
    return found


def growing_globals(package: Path) -> set[str]:
    """Return `module.name` of every cache and every container that begins empty, by the source.

    A table that is written where it is made is a constant; one that begins empty is there to grow.
    """
    found: set[str] = set()
    for path in sorted(package.rglob("*.py")):
        module = ".".join((package.name, *path.relative_to(package).with_suffix("").parts))
        tree = ast.parse(path.read_text())
        classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
        found |= {f"{module}.{name}" for name in _growing_names(tree.body)}
        for kind in classes:
            found |= {f"{module}.{kind.name}.{name}" for name in _growing_names(kind.body)}
    return found


def name_of(kind: type[Any]) -> str:
    """Return `module.Class` without the package."""
    return f"{kind.__module__.partition('.')[2]}.{kind.__name__}"


def _growing_names(body: list[ast.stmt]) -> Iterator[str]:
    for statement in body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            if any(_CACHES & _names_in(one) for one in statement.decorator_list):
                yield statement.name
        elif isinstance(statement, ast.Assign | ast.AnnAssign) and _begins_empty(statement.value):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            yield from (name for target in targets for name in sorted(_names_in(target)))


def _begins_empty(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Dict):
        return not value.keys
    if isinstance(value, ast.List):
        return not value.elts
    return (
        isinstance(value, ast.Call) and bool(_CONTAINERS & _names_in(value.func)) and not value.args
    )


def _names_in(node: ast.AST) -> set[str]:
    names = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
    return names | {one.attr for one in ast.walk(node) if isinstance(one, ast.Attribute)}


def _attributes(item: Any) -> Iterator[tuple[str, Any]]:
    names: dict[str, None] = dict.fromkeys(getattr(item, "__dict__", {}))
    for kind in type(item).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            names[str(name)] = None
    for name in names:
        if name.startswith("__"):
            continue
        try:
            yield name, getattr(item, name)
        except AttributeError:  # a slot that was never filled
            continue


def _contents(item: Any) -> Iterator[Any]:
    kind: type[Any] = item.__class__
    if issubclass(kind, Mapping):
        yield from (*_ends(item), *_ends(item.values()))
    elif issubclass(kind, list | tuple | set | frozenset | deque):
        yield from _ends(item)
    elif issubclass(kind, types.MethodType):
        yield item.__self__
    elif issubclass(kind, functools.partial):
        yield from (item.func, *item.args, *item.keywords.values())
    elif issubclass(kind, types.FunctionType):
        for cell in item.__closure__ or ():
            try:
                yield cell.cell_contents
            except ValueError:  # not filled yet
                continue


def _ends(held: Iterable[Any]) -> list[Any]:
    items = list(held)
    return items if len(items) <= 2 * _SAMPLE else items[:_SAMPLE] + items[-_SAMPLE:]
