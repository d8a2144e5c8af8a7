"""Tests of hushpost_server.file_inventory."""

from __future__ import annotations

from hushpost_server.file_inventory import BACKUP, DATA, FILES, names_in


def test_a_backup_holds_less_than_the_data_folder() -> None:
    """Database and identity, and none of what a running relay has beside them."""
    assert names_in(BACKUP) == {"relay.db", "identity.json"}
    assert names_in(BACKUP) < names_in(DATA)


def test_every_file_says_what_why_and_until_when() -> None:
    """Names are given once a folder."""
    assert len({(file.folder, file.name) for file in FILES}) == len(FILES)
    for file in FILES:
        assert file.purpose
        assert file.retention
        assert all(key.purpose for key in file.keys)
