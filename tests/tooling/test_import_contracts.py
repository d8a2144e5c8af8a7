"""The contracts that import-linter holds break when an import points the wrong way."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGES = {
    "crypto": "hushpost_crypto",
    "wire": "hushpost_wire",
    "store": "hushpost_store",
    "server": "hushpost_server",
    "client_lib": "hushpost",
    "demo": "hushpost_demo",
}
RIGHT_WAY = {
    "crypto": "hushpost_wire",
    "server": "hushpost_store, hushpost_wire",
    "client_lib": "hushpost_crypto, hushpost_wire",
    "demo": "hushpost, hushpost_server",
}


def lint(tmp_path: Path, imports: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Judge a tree of our six packages, each importing what `imports` says of its root."""
    for root, package in PACKAGES.items():
        folder = tmp_path / root / package
        folder.mkdir(parents=True)
        imported = imports.get(root)
        (folder / "__init__.py").write_text(f"import {imported}\n" if imported else "")
    (tmp_path / "pyproject.toml").write_text((REPOSITORY / "pyproject.toml").read_text())
    path = os.pathsep.join(str(tmp_path / root) for root in PACKAGES)
    return subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": path},
        check=False,
        capture_output=True,
        text=True,
    )


def test_imports_the_right_way_are_kept(tmp_path: Path) -> None:
    """Every import that the layout permits passes."""
    assert lint(tmp_path, RIGHT_WAY).returncode == 0


@pytest.mark.parametrize(
    ("root", "imported", "contract"),
    [
        ("server", "hushpost_crypto", "The relay never imports the cryptography"),
        ("store", "hushpost_crypto", "The relay never imports the cryptography"),
        ("server", "hushpost", "The relay never imports the cryptography"),
        ("client_lib", "hushpost_server", "The client library needs no relay"),
        ("client_lib", "hushpost_store", "The client library needs no relay"),
        ("crypto", "hushpost_store", "The client library needs no relay"),
        ("wire", "hushpost_store", "Imports point one way"),
        ("wire", "hushpost_crypto", "Imports point one way"),
        ("store", "hushpost_server", "Imports point one way"),
        ("client_lib", "hushpost_demo", "Imports point one way"),
    ],
)
def test_an_import_the_wrong_way_breaks(
    tmp_path: Path, root: str, imported: str, contract: str
) -> None:
    """Each import that the layout forbids breaks the contract that speaks of it."""
    judged = lint(tmp_path, {root: imported})
    assert judged.returncode == 1
    broken = [line for line in judged.stdout.splitlines() if line.endswith("BROKEN")]
    assert any(contract in line for line in broken), judged.stdout
