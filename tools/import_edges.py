"""Checks who imports what from outside, which import-linter cannot say by file.

Three rules, each a table below: a third-party package enters through its one edge; the pure
packages touch no clock, no randomness and no I/O; `hushpost_crypto` takes from `hushpost_wire`
only the layout of public records. Exits with 1 and a line a finding.
"""

import ast
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOTS = ("crypto", "wire", "store", "server", "client_lib", "demo", "proof")
# The proof plays every part, and so reaches for what each of them has at its edge.
FREE_PACKAGES = frozenset({"hushpost_proof"})
# Not shipped, so that what is shipped cannot lean on it.
UNSHIPPED = frozenset({"tests", "tools", "benchmarks", "pytest", "hypothesis", "atheris"})

# Third-party package -> own package -> how many of its modules may import it.
EDGES: dict[str, dict[str, int]] = {
    "nacl": {"hushpost_crypto": 1, "hushpost_server": 1},
    "cryptography": {"hushpost_crypto": 1},
    "websockets": {"hushpost_server": 1, "hushpost": 1},
    "python_socks": {"hushpost": 1},
    "aiosqlite": {"hushpost_store": 1, "hushpost": 1},
    "redis": {"hushpost_store": 1},
    "mnemonic": {"hushpost_crypto": 1},
    "segno": {"hushpost": 1, "hushpost_demo": 1},
    "uvloop": {"hushpost_server": 1, "hushpost_demo": 1},
    "pydantic_settings": {"hushpost_server": 1},
    "platformdirs": {"hushpost_server": 1, "hushpost_demo": 1},
    "click": {"hushpost_server": 1, "hushpost_demo": 99},
    "rich": {"hushpost_demo": 99},
    # Where bytes from outside become values: the wire, configuration, the rows of the vault.
    "pydantic": {"hushpost_wire": 99, "hushpost_server": 7, "hushpost": 99},
}
# An edge whose one file is fixed by the design.
NAMED_EDGES = {
    ("nacl", "hushpost_crypto"): "hushpost_crypto.primitives",
    ("cryptography", "hushpost_crypto"): "hushpost_crypto.primitives",
}
# The relay makes and checks signatures with PyNaCl and can do nothing else with it. The plain
# module is imported to be used as `nacl.bindings.crypto_sign…`; no alias, so that this is seen.
RELAY_NACL = (
    "nacl.signing",
    "nacl.exceptions",
    "nacl.bindings.crypto_sign",
    "nacl.bindings.crypto_core_ed25519_is_valid_point",  # which public keys are none
)
RELAY_NACL_MODULES = frozenset({"nacl", "nacl.bindings"})

PURE = ("hushpost_crypto", "hushpost_wire", "hushpost.engine")
IMPURE_MODULES = frozenset(
    {
        "asyncio", "concurrent", "ctypes", "fcntl", "getpass", "glob", "http", "io", "logging",
        "mmap", "multiprocessing", "os", "pathlib", "random", "sched", "secrets", "select",
        "selectors", "shutil", "signal", "socket", "sqlite3", "ssl", "subprocess", "tempfile",
        "threading", "time", "urllib", "uuid",
    }
)  # fmt: skip
# The one source of randomness that pure code is handed as a default.
PURE_EXCEPTIONS = {("hushpost_crypto.primitives", "os")}
IMPURE_CALLS = frozenset({"now", "utcnow", "today"})
IMPURE_BUILTINS = frozenset({"open", "print", "input"})

# What crypto shares with the relay: one definition of the records that both read.
CRYPTO_FROM_WIRE = frozenset({"labels", "encoding", "records", "host", "transcripts", "errors"})


@dataclass(frozen=True, slots=True)
class Module:
    """A module of ours: its dotted name and its syntax tree."""

    name: str
    tree: ast.Module

    @property
    def package(self) -> str:
        """The distribution-level package, e.g. `hushpost_wire`."""
        return self.name.partition(".")[0]


def modules(root: Path) -> Iterator[Module]:
    """Yield every module under the source roots of the repository at `root`."""
    for source_root in ROOTS:
        base = root / source_root
        for path in sorted(base.rglob("*.py")):
            parts = path.relative_to(base).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            yield Module(name, ast.parse(path.read_text(encoding="utf-8"), str(path)))


def imports(module: Module) -> set[str]:
    """Return all that `module` imports; `from a import b` gives both `a` and `a.b`."""
    found: set[str] = set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def edge_violations(all_modules: Iterable[Module]) -> Iterator[str]:
    """Yield a line for each third-party package imported past its edge."""
    importers: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for module in all_modules:
        for name in imports(module):
            outside = name.partition(".")[0]
            if outside in UNSHIPPED:
                yield f"{module.name}: what is shipped imports {name}, which is not"
            if outside in EDGES and module.package not in FREE_PACKAGES:
                importers[outside, module.package].add(module.name)
        if module.package == "hushpost_server":
            yield from _relay_nacl_violations(module)
    for (outside, package), names in sorted(importers.items()):
        allowed = EDGES[outside].get(package, 0)
        fixed = NAMED_EDGES.get((outside, package))
        if len(names) > allowed or (fixed is not None and names != {fixed}):
            listed = ", ".join(sorted(names))
            yield f"{outside} is imported past its edge (at most {allowed}) in {package}: {listed}"


def _relay_nacl_violations(module: Module) -> Iterator[str]:
    attributes = {ast.unparse(n) for n in ast.walk(module.tree) if isinstance(n, ast.Attribute)}
    aliases = {
        alias.name
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Import)
        for alias in node.names
        if alias.asname is not None
    }
    used = {name for name in imports(module) | attributes if name.partition(".")[0] == "nacl"}
    for name in sorted(used - RELAY_NACL_MODULES | aliases & RELAY_NACL_MODULES):
        if not name.startswith(RELAY_NACL):
            yield f"{module.name}: the relay only signs and checks signatures, and uses {name}"


def purity_violations(all_modules: Iterable[Module]) -> Iterator[str]:
    """Yield a line for each reach of a pure module to a clock, randomness or I/O."""
    for module in all_modules:
        if not any(module.name == p or module.name.startswith(p + ".") for p in PURE):
            continue
        reached = {name.partition(".")[0] for name in imports(module)} & IMPURE_MODULES
        for name in sorted(reached):
            if (module.name, name) not in PURE_EXCEPTIONS:
                yield f"{module.name}: pure code imports {name}"
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call) and _is_impure(node.func):
                yield f"{module.name}:{node.lineno}: pure code calls {ast.unparse(node.func)}()"


def _is_impure(called: ast.expr) -> bool:
    if isinstance(called, ast.Attribute):
        return called.attr in IMPURE_CALLS
    return isinstance(called, ast.Name) and called.id in IMPURE_BUILTINS


def crypto_violations(all_modules: Iterable[Module]) -> Iterator[str]:
    """Yield a line for each part of the wire that crypto has no business with."""
    for module in all_modules:
        if module.package != "hushpost_crypto":
            continue
        for name in sorted(imports(module)):
            parts = name.split(".")
            if parts[0] == "hushpost_wire" and len(parts) > 1 and parts[1] not in CRYPTO_FROM_WIRE:
                yield f"{module.name}: crypto imports {name}"


def tree_violations(root: Path) -> list[str]:
    """Return every finding in the repository at `root`."""
    all_modules = list(modules(root))
    return [
        *edge_violations(all_modules),
        *purity_violations(all_modules),
        *crypto_violations(all_modules),
    ]


def main() -> int:
    """Print what was found in this repository; 0 means nothing."""
    found = tree_violations(Path(__file__).resolve().parent.parent)
    sys.stdout.writelines(line + "\n" for line in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
