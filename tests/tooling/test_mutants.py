"""The mutation tool makes the changes it names, tells killed from survived, and wants reasons."""

import argparse
import ast
import random
import subprocess
from pathlib import Path

import pytest

from tools.mutants import __main__ as mutants
from tools.mutants import excuses
from tools.mutants.__main__ import (
    PACKAGES,
    Effort,
    Tally,
    files,
    judge,
    judges_of,
    module_of,
    require_sound,
    run,
    share,
)
from tools.mutants.mutations import mutants_of
from tools.mutants.record import Record
from tools.mutants.trial import Fate, try_mutant

SOURCE = '''"""A docstring with 1 and True in it."""

LIMIT = 3


def within(value: int = 1) -> bool:
    """Say whether 0 <= value."""
    if not value:
        raise ValueError("no 5 values")
    return 0 < value < LIMIT and value != 2
'''
MODULE = "hushpost_wire.planted_module"


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    """Give a module to change."""
    path = tmp_path / "planted_module.py"
    path.write_text(SOURCE)
    return path


def test_every_change_is_another_tree(planted: Path) -> None:
    """No mutant is the module itself, and no two have one name."""
    mutants = mutants_of(planted, MODULE)
    original = ast.unparse(ast.parse(SOURCE))
    assert len({mutant.name for mutant in mutants}) == len(mutants)
    trees = [ast.unparse(mutant.tree()) for mutant in mutants]
    assert all(tree != original for tree in trees)
    changes = {mutant.name.split(": ")[1].rstrip(" 0123456789") for mutant in mutants}
    assert changes == {
        "always", "never", "comparison moved", "not left out", "one more", "operand dropped",
    }  # fmt: skip


def test_words_types_and_docstrings_are_left_alone(planted: Path) -> None:
    """What no test should look at is not changed."""
    for mutant in mutants_of(planted, MODULE):
        text = ast.unparse(mutant.tree())
        assert "no 5 values" in text
        assert "A docstring with 1" in text


def test_names_stay_when_lines_move(planted: Path) -> None:
    """An excuse still finds its mutant after something was written above it."""
    names = [mutant.name for mutant in mutants_of(planted, MODULE)]
    planted.write_text(SOURCE.replace("LIMIT = 3", "# Why three.\n\nLIMIT = 3"))
    assert [mutant.name for mutant in mutants_of(planted, MODULE)] == names


def test_a_mutant_is_killed_or_survives(tmp_path: Path) -> None:
    """A test that looks kills it, one that does not lets it live, and the module itself lives."""
    path = Path(__file__).resolve().parents[2] / "wire" / "hushpost_wire" / "ttl.py"
    tree = ast.parse(path.read_text())
    weak, strong = tmp_path / "test_weak.py", tmp_path / "test_strong.py"
    weak.write_text("from hushpost_wire import ttl\n\ndef test_it():\n    assert ttl\n")
    strong.write_text(
        "from hushpost_wire.ttl import has_passed\n\n"
        "def test_it():\n    assert has_passed(1, 3600) and not has_passed(1, 3599)\n"
    )
    mutant = next(m for m in mutants_of(path, "hushpost_wire.ttl") if "has_passed:" in m.name)
    common = ["--rootdir", str(path.parents[2]), "-c", str(path.parents[2] / "pyproject.toml")]
    assert try_mutant("hushpost_wire.ttl", path, tree, [str(strong), *common]) is Fate.SURVIVED
    changed = mutant.tree()
    assert try_mutant("hushpost_wire.ttl", path, changed, [str(weak), *common]) is Fate.SURVIVED
    assert try_mutant("hushpost_wire.ttl", path, changed, [str(strong), *common]) is Fate.KILLED


def test_every_module_has_tests_to_be_tried_on() -> None:
    """The paths that the tool hands to pytest exist."""
    paths = files(None)
    assert {path.parts[-3] for path in paths} == set(PACKAGES)
    for path in paths:
        assert module_of(path).startswith(("hushpost_wire.", "hushpost_crypto."))
        own, whole = judges_of(path)
        assert all(Path(test).is_file() for test in [*own, *whole])


def test_tests_that_fail_by_themselves_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else every mutant would seem killed."""
    path = files(None)[0]

    def killed(*_: object) -> Fate:
        return Fate.KILLED

    monkeypatch.setattr("tools.mutants.__main__.try_mutant", killed)
    with pytest.raises(SystemExit, match="fail without a mutant"):
        require_sound([path])


def _passes(_: object) -> None:
    """Stand in for what checks the tests first."""


def _killed(_: object) -> Fate:
    return Fate.KILLED


def test_an_endless_loop_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mutant that never ends is killed by the processor time that it takes."""
    monkeypatch.setattr("tools.mutants.trial.PROCESSOR_SECONDS_MAX", 2)
    path = Path(__file__).resolve().parents[2] / "wire" / "hushpost_wire" / "ttl.py"
    test = tmp_path / "test_it.py"
    test.write_text("from hushpost_wire import ttl\n\ndef test_it():\n    pass\n")
    endless = ast.parse("while True: pass")
    common = ["--rootdir", str(path.parents[2]), "-c", str(path.parents[2] / "pyproject.toml")]
    assert try_mutant("hushpost_wire.ttl", path, endless, [str(test), *common]) is Fate.ENDLESS


def test_what_fills_the_memory_is_found_out(tmp_path: Path) -> None:
    """A mutant that asks for all memory fails by itself, before the machine does."""
    path = Path(__file__).resolve().parents[2] / "wire" / "hushpost_wire" / "ttl.py"
    test = tmp_path / "test_it.py"
    test.write_text("from hushpost_wire import ttl\n\ndef test_it():\n    pass\n")
    hungry = ast.parse("import mmap\nkept = mmap.mmap(-1, 8 << 30)")
    common = ["--rootdir", str(path.parents[2]), "-c", str(path.parents[2] / "pyproject.toml")]
    assert try_mutant("hushpost_wire.ttl", path, hungry, [str(test), *common]) is Fate.KILLED


def test_what_changed_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module is tried when it, or its own test file, differs from the base or is new."""
    for path in (
        "wire/hushpost_wire/ttl.py",
        "wire/hushpost_wire/host.py",
        "tests/wire/test_ttl.py",
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("A = 1\n")
    (tmp_path / "crypto").mkdir()
    (tmp_path / "tests" / "crypto").mkdir()
    monkeypatch.setattr(mutants, "ROOT", tmp_path)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", "-C", str(tmp_path)]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "begin"]):
        subprocess.run([*git, *command], check=True)

    def looked_at() -> list[str]:
        return [path.stem for path in files("HEAD")]

    assert looked_at() == []
    (tmp_path / "tests/wire/test_ttl.py").write_text("A = 2\n")
    assert looked_at() == ["ttl"]
    (tmp_path / "wire/hushpost_wire/host.py").write_text("A = 2\n")
    (tmp_path / "wire/hushpost_wire/fresh.py").write_text("A = 2\n")
    assert looked_at() == ["fresh", "host", "ttl"]


def test_a_run_goes_on_where_it_was_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a record has as killed is not tried again; survivors are, and are told again."""
    path = next(one for one in files(None) if one.name == "ttl.py")
    every = [mutant.name for mutant in mutants_of(path, module_of(path))]
    tried: list[str] = []

    def first_lives(mutant: object) -> Fate:
        tried.append(getattr(mutant, "name", ""))
        return Fate.SURVIVED if tried[-1] == every[0] else Fate.KILLED

    monkeypatch.setattr("tools.mutants.__main__.require_sound", _passes)
    monkeypatch.setattr("tools.mutants.__main__.fate_of", first_lives)
    kept = tmp_path / "fates"
    for expected in (every, every[:1]):
        tried.clear()
        tally = run([path], Effort(60.0, random.Random(1), record=Record(kept)))
        assert sorted(tried) == sorted(expected)
        assert tally.tried == set(every)
        assert tally.survived == every[:1]


@pytest.mark.parametrize("fate", [Fate.KILLED, Fate.ENDLESS])
def test_a_record_is_of_files_as_they_were(tmp_path: Path, fate: Fate) -> None:
    """A kill does not count once the module or its tests have changed, nor after a survival."""
    module, kept = tmp_path / "module.py", tmp_path / "fates"
    module.write_text("LIMIT = 3\n")
    Record(kept).note("m a", fate, [module])
    assert Record(kept).noticed("m a", [module]) is fate
    assert Record(kept).noticed("m b", [module]) is None
    module.write_text("LIMIT = 4\n")
    assert Record(kept).noticed("m a", [module]) is None
    Record(kept).note("m a", fate, [module])
    Record(kept).note("m a", Fate.SURVIVED, [module])
    assert Record(kept).noticed("m a", [module]) is None


def test_shares_make_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every mutant is in one share, and what is no share is refused."""
    path = next(one for one in files(None) if one.name == "ttl.py")
    every = [mutant.name for mutant in mutants_of(path, module_of(path))]
    monkeypatch.setattr("tools.mutants.__main__.require_sound", _passes)
    monkeypatch.setattr("tools.mutants.__main__.fate_of", _killed)
    shares = [share(f"{number}/3") for number in (1, 2, 3)]
    tallies = [run([path], Effort(60.0, random.Random(1), one)) for one in shares]
    assert sorted(name for tally in tallies for name in tally.tried) == sorted(every)
    for wrong in ("0/3", "4/3", "1", "a/b"):
        with pytest.raises(argparse.ArgumentTypeError, match="is no share"):
            share(wrong)


EQUAL = excuses.Excuse("equal", "equal by definition")
A, B, GONE = "hushpost_wire.ttl a", "hushpost_wire.ttl b", "hushpost_wire.ttl gone"


def test_a_survivor_needs_an_excuse(capsys: pytest.CaptureFixture[str]) -> None:
    """An unexcused survivor is an error, an excused one is not; the last line counts every fate."""
    tally = Tally({A, B}, {A, B}, [A], endless=[B])
    assert judge(tally, {}) == 1
    assert judge(tally, {A: EQUAL}) == 0
    assert capsys.readouterr().out.splitlines() == [
        "2 mutants, 2 tried: 0 killed, 1 ended because they did not end, "
        "0 excused (0 equal, 0 slower, 0 unreached), 1 survived; 0 stale excuses",
        "2 mutants, 2 tried: 0 killed, 1 ended because they did not end, "
        "1 excused (1 equal, 0 slower, 0 unreached), 0 survived; 0 stale excuses",
    ]


@pytest.mark.parametrize("stale", [B, GONE, "hushpost_wire.no_such_module x"])
def test_a_stale_excuse_is_an_error(stale: str) -> None:
    """An excuse for what is killed, for what is no more, or for no module at all is found."""
    tally = Tally({A, B}, {A, B}, [A])
    assert judge(tally, {A: EQUAL, "hushpost_wire.host not looked at": EQUAL}) == 0
    assert judge(tally, {A: EQUAL, stale: EQUAL}) == 1


@pytest.mark.parametrize(
    ("entries", "complaint"),
    [
        ('[[excused]]\nmutant = "m a"\nkind = "equal"\nreason = " "\n', "needs a reason"),
        ('[[excused]]\nmutant = "m a"\nkind = "tired"\nreason = "x"\n', "is of one kind"),
        ('[[excused]]\nmutant = "m a"\nkind = "equal"\nreason = "x"\n' * 2, "excused twice"),
    ],
)
def test_an_excuse_needs_kind_and_reason(tmp_path: Path, entries: str, complaint: str) -> None:
    """An entry without a reason, of no kind, or for a mutant that has one is refused."""
    file = tmp_path / "excused.toml"
    file.write_text(entries)
    with pytest.raises(ValueError, match=complaint):
        excuses.read(file)


def test_the_list_of_excuses_reads() -> None:
    """The list in the tree is well-formed, and every mutant in it exists."""
    excused = set(excuses.read())
    modules = {name.partition(" ")[0] for name in excused}
    looked_at = [path for path in files(None) if module_of(path) in modules]
    known = {mutant.name for path in looked_at for mutant in mutants_of(path, module_of(path))}
    assert excused <= known
