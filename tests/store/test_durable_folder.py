"""Folders are made with every name above them made durable."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hushpost_store.durable_folder import make_folder, sync_folder


def test_each_folder_that_is_made_is_synced_in_the_one_above(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three new levels are three syncs, outermost first; a folder that is there is left alone."""
    synced: list[str] = []
    real = os.fsync

    def noted(descriptor: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        real(descriptor)

    if not Path("/proc/self/fd").is_dir():
        pytest.skip("names of open files are read from /proc")
    monkeypatch.setattr(os, "fsync", noted)
    make_folder(tmp_path / "a" / "b" / "c", 0o700)
    assert synced == [str(tmp_path), str(tmp_path / "a"), str(tmp_path / "a" / "b")]
    assert (tmp_path / "a" / "b" / "c").stat().st_mode & 0o777 == 0o700
    make_folder(tmp_path / "a" / "b" / "c")
    assert len(synced) == 3


def test_a_file_in_the_way_is_an_error(tmp_path: Path) -> None:
    """Neither a folder of that name nor one below it can be made or synced."""
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "inner"):
        with pytest.raises(OSError, match="file"):
            make_folder(path)
    with pytest.raises(FileNotFoundError):
        sync_folder(tmp_path / "absent")
