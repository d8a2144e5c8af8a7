"""Runs tests on a mutant, in a fork of a process that has everything else imported already.

A fork costs a hundredth of what starting Python, pytest and the libraries costs. The fork has none
of our modules yet, so the mutant is imported by all who import its module, wherever they are.
"""

from __future__ import annotations

import ast
import contextlib
import gc
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import resource
import signal
import sys
import time
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from types import CodeType, ModuleType

import pytest

# What must be imported anew, with the mutant among it, even where the caller has it.
OURS = (
    "conftest",
    "hushpost",
    "hushpost_crypto",
    "hushpost_demo",
    "hushpost_proof",
    "hushpost_wire",
    "hushpost_server",
    "hushpost_store",
    "tests",
)
# Nobody reads what an assert says, so none is rewritten: that takes a third of a mutant's time.
# Every mutant gets the same examples.
OPTIONS = (
    "--hypothesis-profile=ci",
    *("-x", "-q", "--no-header", "--tb=no", "--assert=plain", "-p", "no:xdist", "-p", "no:cov"),
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),
)
# An endless loop is a finding as well. Of the processor no test file takes a third of this; by the
# clock, a machine that is busy with other things is no finding.
PROCESSOR_SECONDS_MAX = 40
SECONDS_MAX = 400
# A loop may fill the memory before its time is up. The tests as they are map a tenth of this.
MEMORY_BYTES_MAX = 4 << 30


class Fate(Enum):
    """What became of a mutant."""

    KILLED = "killed"
    ENDLESS = "endless"
    SURVIVED = "survived"
    UNTESTED = "untested"

    @property
    def is_noticed(self) -> bool:
        """Whether a test failed, or had to be ended because it did not end."""
        return self in (Fate.KILLED, Fate.ENDLESS)


def share_imports(tests: Sequence[str]) -> None:
    """Import what these tests do, but for our own code, once for all forks; call it once."""
    for name in _imported_by(tests):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    # What is here stays: a collection in a fork would look at it, and copy its pages.
    gc.freeze()


def _imported_by(tests: Sequence[str]) -> list[str]:
    """Collect tests in a fork, and return which modules of others it imported."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            _be_silent()
            pytest.main([*tests, *OPTIONS, "--collect-only"])
            names = [name for name in sys.modules if name.partition(".")[0] not in OURS]
            os.write(write, "\n".join(names).encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, encoding="utf-8") as answer:
        names = answer.read().split()
    os.waitpid(child, 0)
    return names


class _Loader(importlib.machinery.SourceFileLoader):
    """Loads a module from a changed tree."""

    def __init__(self, module: str, path: Path, tree: ast.Module) -> None:
        super().__init__(module, str(path))
        self._tree = tree

    def get_code(self, fullname: str) -> CodeType:
        """Compile the changed tree."""
        return compile(self._tree, self.path, "exec")


class _Finder(importlib.abc.MetaPathFinder):
    """Stands the mutant in the place of its module."""

    def __init__(self, module: str, path: Path, tree: ast.Module) -> None:
        self._module = module
        self._loader = _Loader(module, path, tree)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Find the mutated module only."""
        if fullname != self._module:
            return None
        return importlib.util.spec_from_loader(fullname, self._loader)


def try_mutant(module: str, path: Path, tree: ast.Module, tests: Sequence[str]) -> Fate:
    """Run the tests with the mutant in place; the first that fails ends it."""
    child = os.fork()
    if child == 0:
        _run_and_exit(module, path, tree, tests)
    ends = time.monotonic() + SECONDS_MAX
    while time.monotonic() < ends:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return _fate(status)
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return Fate.ENDLESS


def _fate(status: int) -> Fate:
    code = os.waitstatus_to_exitcode(status)
    if code in (-signal.SIGKILL, -signal.SIGXCPU):
        return Fate.ENDLESS
    if code == pytest.ExitCode.OK:
        return Fate.SURVIVED
    return Fate.UNTESTED if code == pytest.ExitCode.NO_TESTS_COLLECTED else Fate.KILLED


def _run_and_exit(module: str, path: Path, tree: ast.Module, tests: Sequence[str]) -> None:
    code = 1
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_SECONDS_MAX, PROCESSOR_SECONDS_MAX))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
        _be_silent()
        for name in [name for name in sys.modules if name.partition(".")[0] in OURS]:
            del sys.modules[name]
        sys.meta_path.insert(0, _Finder(module, path, tree))
        code = pytest.main([*tests, *OPTIONS])
    finally:
        os._exit(code)


def _be_silent() -> None:
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
