"""A history on disk holds what its writer claimed, whatever became of the writer."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hushpost_proof.harness.journal import (
    HistoryDamaged,
    Journal,
    What,
    digest,
    next_incarnation,
    read_histories,
)

WRITER = """
import sys
from pathlib import Path
from hushpost_proof.harness.journal import Journal, What
with Journal(Path(sys.argv[1]), "anna", 1) as journal:
    number = 0
    while True:
        number += 1
        journal.write(What.ACCEPTED, message_id=str(number))
        sys.stdout.write("%d\\n" % number)
        sys.stdout.flush()
"""


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    """Events come back in order, with the digest of the body, and a life that ended says so."""
    with Journal(tmp_path, "anna", 1) as journal:
        journal.write(What.SENDING, peer="berta", number=7, body=b"words")
        journal.write(What.SENT, peer="berta", number=7, message_id="id")
        journal.write(What.ENDED)
    (life,) = read_histories(tmp_path)
    sending, sent, _ = life.events
    assert (sending.peer, sending.number, sending.body) == ("berta", 7, digest(b"words"))
    assert (sent.message_id, sent.body) == ("id", "")
    assert 0 < sending.at <= sent.at
    assert not life.was_killed


def test_signal_9_takes_nothing_that_was_claimed(tmp_path: Path) -> None:
    """Every line whose `write` returned is there after signal 9."""
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    claimed = [int(writer.stdout.readline()) for _ in range(500)]
    writer.kill()
    claimed += [int(line) for line in writer.stdout.read().split(b"\n")[:-1]]
    writer.stdout.close()
    writer.wait()
    (life,) = read_histories(tmp_path)
    kept = [int(event.message_id) for event in life.events]
    assert kept[: len(claimed)] == claimed
    assert life.was_killed


def test_lives_are_counted_and_kept_apart(tmp_path: Path) -> None:
    """Each life has a file of its own, and the next number follows from what is there."""
    assert next_incarnation(tmp_path, "anna") == 1
    for number in (1, 2):
        with Journal(tmp_path, "anna", number) as journal:
            journal.write(What.ENDED)
    assert next_incarnation(tmp_path, "anna") == 3
    assert [life.number for life in read_histories(tmp_path)] == [1, 2]
    with pytest.raises(FileExistsError):
        Journal(tmp_path, "anna", 2)


def test_a_line_without_its_end_claims_nothing(tmp_path: Path) -> None:
    """What was being written at the death of the process is left out."""
    with Journal(tmp_path, "anna", 1) as journal:
        journal.write(What.ACCEPTED, message_id="whole")
    path = tmp_path / "anna.1.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:-1])
    (life,) = read_histories(tmp_path)
    assert [event.message_id for event in life.events] == ["whole"]


@pytest.mark.parametrize("line", [b"{}", b"not json", b'["accepted"]', b'["eaten","",0,"","",1]'])
def test_a_damaged_line_is_an_error(tmp_path: Path, line: bytes) -> None:
    """A line that is no event stops the check instead of being passed over."""
    (tmp_path / "anna.1.jsonl").write_bytes(line + os.linesep.encode())
    with pytest.raises(HistoryDamaged, match="line 1"):
        read_histories(tmp_path)
