"""Runs one target under atheris: libFuzzer, guided by which lines of ours an input reaches.

`python -m tests.fuzz.coverage_driver TARGET SECONDS SEED FOLDER` ends with 0 where nothing was
found; else what found it is in FOLDER. Only where atheris has a wheel (see `pyproject.toml`).
"""

from __future__ import annotations

import importlib
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.fuzz.mutation import INPUT_BYTES_MAX, mutated

if TYPE_CHECKING:
    from tests.fuzz.target import Target

OURS = ["hushpost", "hushpost_crypto", "hushpost_wire", "hushpost_server", "hushpost_store"]
# One input; the plain driver's bound is finer.
TIMEOUT_SECONDS = 10
MEMORY_MIB_MAX = 2048


def main() -> None:
    """Fuzz until the time is over or something is found."""
    name, seconds, seed, folder = sys.argv[1:5]
    atheris: Any = importlib.import_module("atheris")
    with atheris.instrument_imports(include=OURS, enable_loader_override=False):
        targets = importlib.import_module("tests.fuzz.all_targets")
    corpus = importlib.import_module("tests.fuzz.corpus")
    target: Target = targets.TARGETS[name]
    found = Path(folder)
    grown = found / "grown"
    grown.mkdir(parents=True, exist_ok=True)
    folders = [place / name for place in (corpus.REGRESSIONS, corpus.CORPUS)]
    known = corpus.inputs_of(target)

    def mutate(data: bytes, size_max: int, chance_seed: int) -> bytes:
        chance = random.Random(chance_seed)
        if chance.random() < 0.5:
            return bytes(atheris.Mutate(data, size_max))
        return mutated(data, known, chance, text=target.text)[:size_max]

    atheris.Setup(
        [
            "fuzz",
            f"-max_total_time={seconds}",
            f"-seed={seed}",
            f"-artifact_prefix={found}/",
            f"-max_len={INPUT_BYTES_MAX}",
            f"-timeout={TIMEOUT_SECONDS}",
            f"-rss_limit_mb={MEMORY_MIB_MAX}",
            "-verbosity=0",
            "-print_final_stats=1",
            str(grown),
            *(str(folder) for folder in folders if folder.is_dir()),
        ],
        target.run,
        custom_mutator=mutate,
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
