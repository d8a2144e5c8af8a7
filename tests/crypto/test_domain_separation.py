"""One label for one purpose, and no joined input without lengths (docs/spec/labels.md)."""

import ast
from pathlib import Path

from hushpost_wire import labels

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("crypto", "wire", "client_lib", "server", "store")
NAMES = frozenset(
    name
    for name, value in vars(labels).items()
    if isinstance(value, bytes) and value in labels.registered().values()
)
# Labels that stand alone, as the info of a key derivation with one meaning, or before a value of
# fixed length; everything else goes through `fields`.
BARE = frozenset({"RATCHET_ROOT", "RATCHET_MESSAGE", "VAULT_ROW_KEY", "VAULT_INDEX_KEY"})
BEFORE_A_DIGEST = frozenset({"PQXDH_SECRET", "RATCHET_KEM_ROOT"})
# The same computation at a second place: by the reader of what the first one writes, or laid out
# with its constant lengths in the relay's hot path (a test of that module holds both equal).
TWICE = {
    # The relay reads addresses as well, and does not import the cryptography.
    "ADDRESS_CHECK": ["account_reference.py"] * 2 + ["address.py"] * 2,
    "SNAPSHOT_CHECK": ["snapshot.py", "snapshot.py"],
    "DROP_HASH": ["identifiers.py", "submits.py"],
}
DIGESTS = frozenset({"digest", "labelled_sha256"})


def _uses() -> dict[str, list[tuple[str, ast.AST]]]:
    """Give for each label where its name stands in code, with the expression around it."""
    found: dict[str, list[tuple[str, ast.AST]]] = {name: [] for name in NAMES}
    for source in SOURCES:
        for path in (ROOT / source).rglob("*.py"):
            if path.name == "labels.py":
                continue
            for outer in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                for node in ast.iter_child_nodes(outer):
                    name = node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")
                    if name in NAMES:
                        found[name].append((path.name, outer))
    return {name: sorted(uses, key=lambda use: use[0]) for name, uses in found.items()}


def test_each_label_is_used_at_one_place() -> None:
    """A label that two computations share would let one stand for the other."""
    places = {name: [where for where, _ in uses] for name, uses in _uses().items()}
    assert {name: where for name, where in places.items() if len(where) != 1} == TWICE


def test_what_follows_a_label_is_length_prefixed_or_a_digest() -> None:
    """Labels are first arguments of the labelled functions, or precede `fields` or a digest."""
    odd: list[str] = []
    for name, uses in _uses().items():
        for where, outer in uses:
            match outer:
                case ast.Call(func=ast.Name(id="labelled" | "labelled_sha256" | "_labelled")):
                    good = True
                case ast.BinOp(left=ast.Name(), right=ast.Call(func=ast.Name(id="fields"))):
                    good = True
                case ast.BinOp(right=ast.Call(func=ast.Name(id="u32"))):
                    good = where == "submits.py"
                case ast.BinOp(left=ast.Name(), right=ast.Name(id=right)):
                    good = name in BEFORE_A_DIGEST and right in DIGESTS
                case ast.BinOp(left=ast.Name(), right=ast.Call(func=ast.Name(id=right))):
                    good = name in BEFORE_A_DIGEST and right in DIGESTS
                case _:
                    good = name in BARE
            if not good:
                odd.append(f"{where}: {name} in {ast.unparse(outer)}")
    assert odd == []
