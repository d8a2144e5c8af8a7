"""Small changes to a module's syntax tree, each of which some test should notice.

Comparisons are moved, conditions turned, operands dropped, numbers shifted, operators exchanged,
calls and raised errors left out. What no test should look at is left alone: docstrings, types,
what errors and reprs say.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

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
EXCHANGED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitAnd,
}
TEXT_CHARACTERS_MAX = 80


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: of which node in the order of the walk, and which of those it allows."""

    path: Path
    name: str
    node: int
    change: str
    number: int

    def tree(self) -> ast.Module:
        """Give the changed tree."""
        tree = ast.parse(self.path.read_text(encoding="utf-8"))
        for index, node in enumerate(ast.walk(tree)):
            if index == self.node:
                _apply(node, self.change, self.number)
        return ast.fix_missing_locations(tree)


def mutants_of(path: Path, module: str) -> list[Mutant]:
    """Give every mutant of a module; their names do not change when lines move."""
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    passed_over = {id(node) for root in _no_concern(tree) for node in ast.walk(root)}
    owners = _owners(tree)
    seen: dict[str, int] = {}
    mutants: list[Mutant] = []
    for index, node in enumerate(ast.walk(tree)):
        if id(node) in passed_over:
            continue
        for change, number in _changes(node):
            text = " ".join((ast.get_source_segment(source, node) or "").split())
            where = owners.get(id(node), "")
            name = f"{module} {where}: {change} {number}: {text[:TEXT_CHARACTERS_MAX]}"
            seen[name] = seen.get(name, 0) + 1
            unique = name if seen[name] == 1 else f"{name} ({seen[name]})"
            mutants.append(Mutant(path, unique, index, change, number))
    return mutants


def _no_concern(tree: ast.Module) -> Iterator[ast.AST]:
    """Give the parts that no test should look at."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) if name in ("__repr__", "__str__") and _is_text(node):
                yield node
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield from node.decorator_list
                yield from [] if node.returns is None else [node.returns]
                yield from (
                    a.annotation for a in ast.walk(node) if isinstance(a, ast.arg) and a.annotation
                )
            case ast.ClassDef():
                yield from node.decorator_list
            case ast.AnnAssign():
                yield node.annotation
            case ast.Raise(exc=ast.Call(args=arguments)):
                yield from arguments
            case ast.Expr(value=ast.Constant()):
                yield node
            case ast.Import() | ast.ImportFrom():
                yield node
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                yield node
            case ast.Assign(targets=[ast.Name(id="__slots__" | "__all__")]):
                yield node
            case _:
                pass


def _is_text(node: ast.FunctionDef) -> bool:
    return any(isinstance(inner, ast.JoinedStr) for inner in ast.walk(node))


def _owners(tree: ast.Module) -> dict[int, str]:
    """Give the name of the function or class that each node stands in."""
    owners: dict[int, str] = {}

    def visit(node: ast.AST, owner: str) -> None:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            owner = f"{owner}.{node.name}" if owner else node.name
        owners[id(node)] = owner
        for child in ast.iter_child_nodes(node):
            visit(child, owner)

    visit(tree, "")
    return owners


def _changes(node: ast.AST) -> Iterator[tuple[str, int]]:  # noqa: PLR0912 - one table
    match node:
        case ast.If() | ast.IfExp() | ast.While():
            yield "never", 0
            if not isinstance(node, ast.While):
                yield "always", 0
        case ast.BoolOp():
            for number in range(len(node.values)):
                yield "operand dropped", number
        case ast.Compare():
            for number, operator in enumerate(node.ops):
                if type(operator) in MOVED:
                    yield "comparison moved", number
        case ast.UnaryOp(op=ast.Not()):
            yield "not left out", 0
        case ast.BinOp() if type(node.op) in EXCHANGED:
            yield "operator exchanged", 0
        case ast.AugAssign() if type(node.op) in EXCHANGED:
            yield "operator exchanged", 0
        case ast.Constant(value=bool()):
            yield "turned", 0
        case ast.Constant(value=int()):
            yield "one more", 0
        case ast.Constant(value=bytes()):
            yield "other bytes", 0
        case ast.Expr(value=ast.Call()):
            yield "call left out", 0
        case ast.Break():
            yield "goes on", 0
        case _:
            return


def _apply(node: ast.AST, change: str, number: int) -> None:
    match node:
        case ast.If() | ast.IfExp() | ast.While():
            node.test = ast.Constant(change == "always")
        case ast.BoolOp():
            del node.values[number]
            if len(node.values) == 1:
                node.values.append(node.values[0])
        case ast.Compare():
            node.ops[number] = MOVED[type(node.ops[number])]()
        case ast.UnaryOp():
            # Twice not: the operand as a truth value.
            node.operand = ast.UnaryOp(ast.Not(), node.operand)
        case ast.BinOp() | ast.AugAssign():
            node.op = EXCHANGED[type(node.op)]()
        case ast.Constant(value=bool() as truth):
            node.value = not truth
        case ast.Constant(value=int() as value):
            node.value = value + 1
        case ast.Constant(value=bytes() as data):
            node.value = data + b"\x01"
        case ast.Expr():
            node.value = ast.Constant(None)
        case ast.Break():
            # In the place of a statement stands another: the tree has no slot for the exchange.
            node.__class__ = ast.Continue  # type: ignore[assignment]  # same fields, none
        case _:
            raise AssertionError(f"no change is known for {node}")
