"""Changes a module at one place at a time, and imports it in the place of the module.

A check is taken out, an operand dropped, a comparison moved, a joined part or a hashed field left
out, a call or an update omitted. Whatever depends on the module is imported anew with it. What a
mutant breaks is for the caller to find out.
"""

import ast
import copy
import functools
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from types import CodeType, ModuleType

ROOT = Path(__file__).resolve().parents[2]
VECTORS = ROOT / "docs" / "spec" / "vectors"
FIELD_CALLS = frozenset({"labelled", "labelled_sha256", "fields"})
MOVED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
SOURCES = {"hushpost_crypto": ROOT / "crypto", "hushpost_wire": ROOT / "wire", "tests": ROOT}
PACKAGES = frozenset({"hushpost_crypto", "hushpost_wire", "tests.crypto"})


class Change(Enum):
    """What may be done to a place."""

    CHECK_LEFT_OUT = auto()
    BRANCH_NEVER = auto()
    BRANCH_ALWAYS = auto()
    OPERAND_DROPPED = auto()
    COMPARISON_MOVED = auto()
    LEFT_ALONE = auto()
    RIGHT_ALONE = auto()
    FIELD_LEFT_OUT = auto()
    PART_LEFT_OUT = auto()
    CALL_LEFT_OUT = auto()


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change to one module."""

    module: str
    what: str
    node: int
    change: Change
    number: int

    def __str__(self) -> str:
        return f"{self.module}: {self.what}"

    def tree(self) -> ast.Module:
        """Give the module's changed syntax tree."""
        tree = ast.parse(source_of(self.module))
        places = enumerate(ast.walk(tree))
        _apply(next(node for index, node in places if index == self.node), self)
        return ast.fix_missing_locations(tree)


def harmless(module: str) -> Mutant:
    """Give a module without its docstring: a mutant in which nothing may be found."""
    tree = ast.parse(source_of(module))
    node = next(index for index, node in enumerate(ast.walk(tree)) if node is tree.body[0])
    return Mutant(module, "docstring left out", node, Change.CALL_LEFT_OUT, 0)


def path_of(module: str) -> Path:
    """Give the file of a module of ours."""
    return (SOURCES[module.partition(".")[0]] / Path(*module.split("."))).with_suffix(".py")


@functools.cache
def source_of(module: str) -> str:
    """Give a module's text."""
    return path_of(module).read_text(encoding="utf-8")


def mutants_of(module: str, changes: frozenset[Change]) -> Iterator[Mutant]:
    """Give every mutant of a module, in the order of its syntax tree."""
    source = source_of(module)
    for index, node in enumerate(ast.walk(ast.parse(source))):
        for change, number, what in _changes(node):
            if change in changes:
                text = " ".join((ast.get_source_segment(source, node) or "").split())[:70]
                yield Mutant(module, f"{what}: {text}", index, change, number)


def _changes(node: ast.AST) -> Iterator[tuple[Change, int, str]]:
    match node:
        case ast.If():
            if isinstance(node.body[0], ast.Raise):
                yield Change.CHECK_LEFT_OUT, 0, "check left out"
            yield Change.BRANCH_NEVER, 0, "never"
            yield Change.BRANCH_ALWAYS, 0, "always"
        case ast.BoolOp():
            for n in range(len(node.values)):
                yield Change.OPERAND_DROPPED, n, f"operand {n} dropped"
        case ast.Compare():
            for n, op in enumerate(node.ops):
                if type(op) in MOVED:
                    yield Change.COMPARISON_MOVED, n, f"comparison {n} moved"
        case ast.BinOp(op=ast.Add()):
            yield Change.LEFT_ALONE, 0, "left alone"
            yield Change.RIGHT_ALONE, 0, "right alone"
        case ast.Call(func=ast.Name(id=name)) if name in FIELD_CALLS:
            for n in range(0 if name == "fields" else 1, len(node.args)):
                yield Change.FIELD_LEFT_OUT, n, f"field {n} left out"
        case ast.Return(value=ast.Tuple(elts=elements)) if len(elements) > 2:
            for n in range(len(elements)):
                yield Change.PART_LEFT_OUT, n, f"part {n} left out"
        case ast.Expr(value=ast.Call()):
            yield Change.CALL_LEFT_OUT, 0, "call left out"
        case _:
            return


def _apply(node: ast.AST, mutant: Mutant) -> None:
    match node:
        case ast.If():
            node.test = ast.Constant(mutant.change is Change.BRANCH_ALWAYS)
        case ast.BoolOp():
            del node.values[mutant.number]
            if len(node.values) == 1:
                node.values.append(node.values[0])
        case ast.Compare():
            node.ops[mutant.number] = MOVED[type(node.ops[mutant.number])]()
        case ast.BinOp():
            _keep_one(node, left=mutant.change is Change.LEFT_ALONE)
        case ast.Call():
            del node.args[mutant.number]
        case ast.Return(value=ast.Tuple() as parts):
            del parts.elts[mutant.number]
        case ast.Expr():
            node.value = ast.Constant(None)
        case _:
            raise AssertionError(f"no change is known for {node}")


def _keep_one(node: ast.BinOp, *, left: bool) -> None:
    """Make `a + b` give `a` or `b`, as `a if True else b`."""
    node.left = ast.IfExp(ast.Constant(left), node.left, node.right)
    # Zero for numbers, and nothing for bytes and tuples.
    kept = ast.Subscript(copy.deepcopy(node.left), ast.Slice(None, ast.Constant(0)), ast.Load())
    zero = ast.Constant(0)
    is_number = ast.Call(
        ast.Name("isinstance", ast.Load()),
        [copy.deepcopy(node.left), ast.Name("int", ast.Load())],
        [],
    )
    node.right = ast.IfExp(is_number, zero, kept)


class _MutantLoader(importlib.machinery.SourceFileLoader):
    """Loads a module from a changed syntax tree."""

    def __init__(self, mutant: Mutant) -> None:
        super().__init__(mutant.module, str(path_of(mutant.module)))
        self._tree = mutant.tree()

    def get_code(self, fullname: str) -> CodeType:
        """Compile the changed tree."""
        return compile(self._tree, self.path, "exec")


class _MutantFinder(importlib.abc.MetaPathFinder):
    """Stands the mutant in the place of its module."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Find the mutated module only."""
        if fullname != self._mutant.module:
            return None
        return importlib.util.spec_from_loader(fullname, _MutantLoader(self._mutant))


@contextmanager
def imported_with(mutant: Mutant | None) -> Generator[None]:
    """Let what depends on the mutated module be imported anew, and put all back afterwards."""
    before = {name: module for name, module in sys.modules.items() if _is_ours(name)}
    gone: set[str] = set()
    if mutant is not None:
        gone = {mutant.module, *_dependents(mutant.module, before)}
    finders = [] if mutant is None else [_MutantFinder(mutant)]
    # The packages go as well: they hold their modules as attributes.
    for name in (gone | PACKAGES) & before.keys():
        del sys.modules[name]
    sys.meta_path[:0] = finders
    try:
        yield
    finally:
        for finder in finders:
            sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if _is_ours(name)]:
            del sys.modules[name]
        sys.modules.update(before)


def first_of(
    cases: Iterable[tuple[str, Callable[[], str | None]]], likely: list[str]
) -> str | None:
    """Run cases until one finds something; the ones that did lately come first.

    ``likely`` is kept between mutants of one module, the likeliest first.
    """
    by_name = dict(cases)
    for name in [*(n for n in likely if n in by_name), *(n for n in by_name if n not in likely)]:
        found = by_name[name]()
        if found is not None:
            if name in likely:
                likely.remove(name)
            likely.insert(0, name)
            return f"{name}: {found}"
    return None


def _is_ours(name: str) -> bool:
    return (
        name.partition(".")[0] in ("hushpost_crypto", "hushpost_wire")
        or name in PACKAGES
        or (
            name.startswith("tests.crypto.")
            and not name.startswith(("tests.crypto.test_", __name__))
        )
    )


def _dependents(module: str, loaded: Iterable[str]) -> set[str]:
    """Give the loaded modules that import a module, directly or through others."""
    names = [name for name in loaded if name not in PACKAGES]
    found: set[str] = set()
    wanted = {module}
    while wanted:
        wanted = {name for name in names if name not in found and _imports(name) & wanted}
        found |= wanted
    return found


@functools.cache
def _imports(module: str) -> frozenset[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(source_of(module))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return frozenset(found)
