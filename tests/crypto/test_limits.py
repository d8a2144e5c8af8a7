"""The limits are those of the specification, and hold together."""

import re
from pathlib import Path

from hushpost_crypto import limits

SPEC = Path(__file__).resolve().parents[2] / "docs" / "spec" / "pairwise.md"


def test_trials_stay_within_their_bound() -> None:
    """Sessions times header keys is at most the trials an envelope may cost."""
    each = 1 + 2 + limits.OLD_HEADER_KEYS_MAX
    assert limits.SESSIONS_MAX * each <= limits.HEADER_TRIALS_MAX


def test_limits_are_the_specified_ones() -> None:
    """Each number of the specification's table is the code's."""
    table = SPEC.read_text(encoding="utf-8").split("## 10. Limits")[1].split("## 11.")[0]
    rows = dict(re.findall(r"^\| ([^|]+) \| ([^|]+) \|", table, re.MULTILINE))

    def first(name: str) -> int:
        (found, *_) = re.findall(r"[\d,]+", rows[name])
        return int(found.replace(",", ""))

    assert first("skipped keys of a session") == limits.SKIPPED_KEYS_MAX
    assert first("age of a skipped key") == limits.SKIPPED_KEY_DAYS_MAX
    assert first("skip in one chain by one message") == limits.JUMP_MAX
    assert first("old header keys of a session") == limits.OLD_HEADER_KEYS_MAX
    assert first("sessions with a device") == limits.SESSIONS_MAX
    assert first("header trials of an envelope") == limits.HEADER_TRIALS_MAX
    assert first("seal keys tried") == limits.SEAL_TRIALS_MAX
    assert first("link secrets of a session") == limits.LINK_SECRETS_MAX
    assert rows["KEM step"] == (
        f"{limits.KEM_STEP_MESSAGES} messages, {limits.KEM_STEP_SECONDS:,} s"
    )
    assert limits.CHAIN_MESSAGES_MAX == 2**32 - 1
    assert limits.RESTART_SECONDS == limits.UNANSWERED_SECONDS == limits.SECONDS_A_DAY == 24 * 3600
    assert first("generation ahead of the clock") == limits.GENERATION_AHEAD_MAX
