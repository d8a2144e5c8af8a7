"""Every attribute of a relay's objects that outlives a connection, found by walking a running one.

What a relay keeps in memory is listed by hand (`memory_inventory`), and such a list rots in silence.
So the objects are walked: from the running relay through attributes, containers, bound methods and
closures to every object of ours, and from the modules' own globals and caches. Each attribute is
named `Class.attribute`; whatever the list does not name is reported.
"""

import functools
import sys
import types
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

OURS = ("hushpost_server", "hushpost_store", "hushpost_wire")
# A container of thousands holds things of one kind; some of each end are looked at.
SAMPLE = 64
_ATOMS = (str, bytes, bytearray, int, float, complex, bool, type(None), type)


def attributes_of(root: object, passed_over: frozenset[str]) -> set[str]:
    """Return `Class.attribute` of all that `root` reaches; `passed_over` names whole classes."""
    found: set[str] = set()
    seen: set[int] = set()
    waiting: list[object] = [root]
    while waiting:
        item = waiting.pop()
        if id(item) in seen or isinstance(item, _ATOMS):
            continue
        seen.add(id(item))
        if _is_ours(item):
            if type(item).__qualname__ in passed_over:
                continue
            for name, value in _attributes(item):
                found.add(f"{type(item).__qualname__}.{name}")
                waiting.append(value)
        waiting.extend(_contents(item))
    return found


def globals_of(prefixes: Iterable[str] = OURS) -> set[str]:
    """Return `module.name` of every mutable global and every cache of the loaded modules."""
    found: set[str] = set()
    for module_name, module in sorted(sys.modules.items()):
        if not module_name.startswith(tuple(prefixes)):
            continue
        for name, value in vars(module).items():
            if name.startswith("__") or getattr(value, "__module__", module_name) != module_name:
                continue
            if isinstance(value, functools._lru_cache_wrapper) or _grows(value):
                found.add(f"{module_name}.{name}")
    return found


def _grows(value: object) -> bool:
    return isinstance(value, (dict, list, set, bytearray)) or type(value).__module__ in {
        "collections",
        "weakref",
    }


def _is_ours(item: object) -> bool:
    return type(item).__module__.partition(".")[0] in OURS


def _attributes(item: object) -> Iterator[tuple[str, Any]]:
    names = dict.fromkeys(getattr(item, "__dict__", ()))
    for kind in type(item).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            private = name.startswith("__") and not name.endswith("__")
            names[f"_{kind.__name__.lstrip('_')}{name}" if private else name] = None
    for name in names:
        if not name.startswith("__"):
            try:
                yield name, getattr(item, name)
            except AttributeError:  # a slot that was never filled
                continue


def _contents(item: object) -> Iterator[object]:
    if isinstance(item, Mapping):
        yield from _ends(list(item.keys()))
        yield from _ends(list(item.values()))
    elif isinstance(item, (list, tuple, set, frozenset)) or type(item).__name__ == "deque":
        yield from _ends(list(item))  # type: ignore[call-overload]  # a deque is iterable
    elif isinstance(item, types.MethodType):
        yield item.__self__
    elif isinstance(item, functools.partial):
        yield from (item.func, *item.args, *item.keywords.values())
    elif isinstance(item, types.FunctionType):
        for cell in item.__closure__ or ():
            try:
                yield cell.cell_contents
            except ValueError:  # not filled yet
                continue


def _ends(items: list[Any]) -> list[Any]:
    return items if len(items) <= 2 * SAMPLE else items[:SAMPLE] + items[-SAMPLE:]
