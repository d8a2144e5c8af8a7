"""Tests of benchmarks.soak.vital_signs, of this process and files of its own."""

import os
from pathlib import Path

from benchmarks.soak.vital_signs import MIB, Chart, Sign, read_signs


def test_what_a_process_holds_is_measured(tmp_path: Path) -> None:
    """Memory, descriptors and bytes of files that are taken show as such."""
    before = read_signs(os.getpid(), tmp_path)
    held = b"\xff" * (8 * MIB)
    (tmp_path / "relay.db").write_bytes(bytes(5_000))
    (tmp_path / "relay.db-wal").write_bytes(bytes(700))
    with (tmp_path / "relay.db").open("rb"):
        after = read_signs(os.getpid(), tmp_path)
    assert after[Sign.MEMORY] - before[Sign.MEMORY] > len(held) * 0.9
    assert after[Sign.DESCRIPTORS] == before[Sign.DESCRIPTORS] + 1
    assert after[Sign.DATABASE] == 5_000
    assert after[Sign.LOG] == 700
    assert after[Sign.THREADS] >= 1


def test_a_chart_gives_what_came_after_its_warm_up(tmp_path: Path) -> None:
    """Samples before a moment are left out."""
    chart = Chart("it", os.getpid(), tmp_path)
    for second in range(4):
        chart.note(float(second))
    assert [sample.second for sample in chart.since(Sign.MEMORY, 2.0)] == [2.0, 3.0]
