"""Every check and every binding of identity, changed one at a time, is missed by the tests.

The modules are mutated as syntax trees: a check taken out, an operand of a condition dropped, a
comparison moved by one, a field left out of what is signed or hashed. Each mutant is imported in
place of its module, with everything above it imported anew, and must then fail the published
vectors or the duties. The few that may live are named below with the reason.
"""

import ast
import copy
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest
from hushpost_crypto import errors, primitives

ROOT = Path(__file__).resolve().parents[2]
VECTORS = ROOT / "docs" / "spec" / "vectors"
SOURCES = {
    **{f"hushpost_crypto.{name}": ROOT / "crypto" / "hushpost_crypto" / f"{name}.py" for name in (
        "keys", "genesis", "device_list", "prekeys", "envelope", "drops", "address", "login",
        "safety_number", "recovery_words",
    )},
    **{f"hushpost_wire.{name}": ROOT / "wire" / "hushpost_wire" / f"{name}.py" for name in (
        "encoding", "host", "identifiers", "account_records", "prekey_records", "relay_records",
        "transcripts",
    )},
}  # fmt: skip
FIELD_CALLS = {"labelled", "labelled_sha256"}
MOVED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip

# Mutants that change nothing anyone can see; each with the reason.
EQUIVALENT: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change to one module."""

    module: str
    what: str
    tree: ast.Module

    def __str__(self) -> str:
        return f"{self.module}: {self.what}"


def mutants_of(module: str, source: str) -> Iterator[Mutant]:
    """Every mutant of a module, in the order of its lines."""
    original = ast.parse(source)
    for index, node in enumerate(ast.walk(original)):
        for number, what in enumerate(_changes(node)):
            tree = copy.deepcopy(original)
            target = next(n for i, n in enumerate(ast.walk(tree)) if i == index)
            _apply(target, number)
            line = getattr(node, "lineno", 0)
            text = ast.get_source_segment(source, node) or ""
            yield Mutant(
                module,
                f"{what} at {line}: {' '.join(text.split())[:60]}",
                ast.fix_missing_locations(tree),
            )


def _changes(node: ast.AST) -> list[str]:
    """Say what may be done to a node; `_apply` does the one of that number."""
    match node:
        case ast.If(body=[ast.Raise(), *_]):
            return ["never"]
        case ast.BoolOp():
            return [f"operand {n} dropped" for n in range(len(node.values))]
        case ast.Compare():
            moved = [n for n, op in enumerate(node.ops) if type(op) in MOVED]
            return [f"comparison {n} moved" for n in moved]
        case ast.Call(func=ast.Name(id=name)) if name in FIELD_CALLS:
            return [f"field {n} left out" for n in range(1, len(node.args))]
        case ast.Return(value=ast.Tuple(elts=elements)) if len(elements) > 2:
            return [f"part {n} left out" for n in range(len(elements))]
        case ast.Expr(value=ast.Call()):
            return ["call left out"]
        case _:
            return []


def _apply(node: ast.AST, number: int) -> None:
    match node:
        case ast.If():
            node.test = ast.Constant(False)
        case ast.BoolOp():
            del node.values[number]
            if len(node.values) == 1:
                node.values.append(node.values[0])
        case ast.Compare():
            places = [n for n, op in enumerate(node.ops) if type(op) in MOVED]
            place = places[number]
            node.ops[place] = MOVED[type(node.ops[place])]()
        case ast.Call():
            del node.args[number + 1]
        case ast.Return(value=ast.Tuple() as parts):
            del parts.elts[number]
        case ast.Expr():
            node.value = ast.Constant(None)
        case _:
            raise AssertionError(f"no change is known for {node}")


class _MutantLoader(importlib.machinery.SourceFileLoader):
    """Loads a module from a changed syntax tree."""

    def __init__(self, mutant: Mutant) -> None:
        super().__init__(mutant.module, str(SOURCES[mutant.module]))
        self._tree = mutant.tree

    def get_code(self, fullname: str) -> object:  # type: ignore[override]  # a code object
        return compile(self._tree, self.path, "exec")


class _MutantFinder(importlib.abc.MetaPathFinder):
    """Stands the mutant in the place of its module."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._mutant.module:
            return None
        return importlib.util.spec_from_loader(fullname, _MutantLoader(self._mutant))


# Primitives and errors are never mutated here; kept, so that an error has one class throughout.
KEPT = frozenset({primitives.__name__, errors.__name__})
PACKAGES = ("hushpost_crypto", "hushpost_wire", "identity_trial")


@contextmanager
def imported_with(mutant: Mutant | None) -> Generator[None]:
    """Import everything of ours anew, with the mutant in place, and put all back afterwards."""
    ours = {n: m for n, m in sys.modules.items() if n.split(".")[0] in PACKAGES}
    finders = [] if mutant is None else [_MutantFinder(mutant)]
    for name in ours:
        if name not in KEPT:
            del sys.modules[name]
    sys.meta_path[:0] = finders
    try:
        yield
    finally:
        for finder in finders:
            sys.meta_path.remove(finder)
        for name in [n for n in sys.modules if n.split(".")[0] in PACKAGES]:
            del sys.modules[name]
        sys.modules.update(ours)


def _trial(name: str) -> ModuleType:
    """Import a test module of this folder afresh, under a name of its own."""
    path = Path(__file__).with_name(f"{name}.py")
    spec = importlib.util.spec_from_file_location(f"identity_trial.{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def findings(mutant: Mutant | None) -> list[str]:
    """Return what vectors, duties or a broken import have to say about a mutant."""
    with imported_with(mutant):
        try:
            runner, duties = _trial("identity_vector_runner"), _trial("identity_duties")
            found: list[str] = duties.check()
            return found or runner.run_folder(VECTORS)
        except Exception as error:  # noqa: BLE001 - whatever a mutant raises outside a case shows it
            return [f"{type(error).__name__}: {error}"]


def test_the_library_itself_has_no_findings() -> None:
    """Without a mutant, vectors and duties are content: what follows is the mutants' doing."""
    assert findings(None) == []


@pytest.mark.parametrize("module", SOURCES)
def test_no_mutant_survives(module: str) -> None:
    """Whatever check or binding is changed, a vector or a duty fails."""
    mutants = list(mutants_of(module, SOURCES[module].read_text(encoding="utf-8")))
    assert mutants
    survivors = [str(m) for m in mutants if not findings(m)]
    assert [name for name in survivors if name not in EQUIVALENT] == []
