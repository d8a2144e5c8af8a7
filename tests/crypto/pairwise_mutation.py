"""Changes a module at one place at a time, and imports it in the place of the module.

A check is taken out, an operand dropped, a comparison moved, a joined part or a hashed field left
out, a call or an update omitted. What a mutant breaks is for the caller to find out.
"""

import ast
import copy
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType

FIELD_CALLS = frozenset({"labelled_sha256", "fields"})
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
PACKAGES = frozenset({"hushpost_crypto", "hushpost_wire"})
# Never anew: errors keep one class throughout, and primitives are not what is tried here.
KEPT = frozenset({"hushpost_crypto.errors", "hushpost_crypto.primitives"})


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change to one module."""

    module: str
    path: Path
    what: str
    node: int
    number: int

    def __str__(self) -> str:
        return f"{self.module}: {self.what}"

    def tree(self) -> ast.Module:
        """Give the module's changed syntax tree."""
        tree = ast.parse(self.path.read_text(encoding="utf-8"))
        places = enumerate(ast.walk(tree))
        _apply(next(node for index, node in places if index == self.node), self.number)
        return ast.fix_missing_locations(tree)


def mutants_of(module: str, path: Path) -> Iterator[Mutant]:
    """Give every mutant of a module, in the order of its syntax tree."""
    source = path.read_text(encoding="utf-8")
    for index, node in enumerate(ast.walk(ast.parse(source))):
        for number, what in enumerate(_changes(node)):
            text = " ".join((ast.get_source_segment(source, node) or "").split())[:70]
            yield Mutant(module, path, f"{what}: {text}", index, number)


def _changes(node: ast.AST) -> list[str]:
    """Say what may be done to a node; `_apply` does the one of that number."""
    match node:
        case ast.If():
            return ["never", "always"]
        case ast.BoolOp():
            return [f"operand {n} dropped" for n in range(len(node.values))]
        case ast.Compare():
            moved = [n for n, op in enumerate(node.ops) if type(op) in MOVED]
            return [f"comparison {n} moved" for n in moved]
        case ast.BinOp(op=ast.Add()):
            return ["left alone", "right alone"]
        case ast.Call(func=ast.Name(id=name)) if name in FIELD_CALLS:
            return [f"field {n} left out" for n in range(1, len(node.args))]
        case ast.Expr(value=ast.Call()):
            return ["call left out"]
        case _:
            return []


def _apply(node: ast.AST, number: int) -> None:
    match node:
        case ast.If():
            node.test = ast.Constant(number == 1)
        case ast.BoolOp():
            del node.values[number]
            if len(node.values) == 1:
                node.values.append(node.values[0])
        case ast.Compare():
            places = [n for n, op in enumerate(node.ops) if type(op) in MOVED]
            place = places[number]
            node.ops[place] = MOVED[type(node.ops[place])]()
        case ast.BinOp():
            _keep_one(node, number)
        case ast.Call():
            del node.args[number + 1]
        case ast.Expr():
            node.value = ast.Constant(None)
        case _:
            raise AssertionError(f"no change is known for {node}")


def _keep_one(node: ast.BinOp, number: int) -> None:
    """Make `a + b` give `a` or `b`, as `a if True else b`."""
    left, right = node.left, node.right
    node.left = ast.IfExp(ast.Constant(number == 0), left, right)
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
        super().__init__(mutant.module, str(mutant.path))
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


def _is_ours(name: str) -> bool:
    return name.partition(".")[0] in PACKAGES or name.startswith("tests.crypto.pairwise_")


@contextmanager
def imported_with(mutant: Mutant | None) -> Generator[None]:
    """Import everything of ours anew, with the mutant in place, and put all back afterwards."""
    ours = {name: module for name, module in sys.modules.items() if _is_ours(name)}
    finders = [] if mutant is None else [_MutantFinder(mutant)]
    for name in ours:
        if name not in KEPT and not name.startswith("hushpost_wire"):
            del sys.modules[name]
    sys.meta_path[:0] = finders
    try:
        yield
    finally:
        for finder in finders:
            sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if _is_ours(name)]:
            del sys.modules[name]
        sys.modules.update(ours)
