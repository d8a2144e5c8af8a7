"""What a relay refuses by itself: a wrong TTL, a size that is no bucket, an id that lies."""

import pytest
from hushpost_wire.frames import RefusalReason, Submit
from hushpost_wire.identifiers import DropSecret, EnvelopeId, Route, envelope_id
from hushpost_wire.limits import Limits
from hushpost_wire.submit_rules import SubmitRules

HOUR = 3600
NOW = 480_000.0 * HOUR


def submit(envelope: bytes = bytes(4096), *, ttl: int = 2, hour: int = 480_024) -> Submit:
    """Make a submission that the rules let through unless an argument breaks it."""
    return Submit(
        ttl, 1, Route(bytes(16)), DropSecret(bytes(32)), envelope_id(envelope), hour, envelope
    )


@pytest.mark.parametrize("size", [4096, 16384])
def test_each_bucket_passes(size: int) -> None:
    """Both buckets go on to the drop."""
    assert SubmitRules(Limits()).judge(submit(bytes(size)), NOW) is None


@pytest.mark.parametrize("size", [0, 1, 1024, 4095, 4097, 16383, 16385, 65000])
def test_a_size_that_is_no_bucket_is_refused(size: int) -> None:
    """Any other size is BAD_ENVELOPE."""
    reason = SubmitRules(Limits()).judge(submit(bytes(size)), NOW)
    assert reason is RefusalReason.BAD_ENVELOPE


@pytest.mark.parametrize(
    ("size", "passes"), [(63, False), (64, True), (1024, True), (16384, True), (16385, False)]
)
def test_without_enforcement_sizes_are_still_bounded(size: int, passes: bool) -> None:
    """A relay for comparison runs takes 64 to 16384 bytes."""
    rules = SubmitRules(Limits(bucket_enforcement=False))
    assert (rules.judge(submit(bytes(size)), NOW) is None) is passes


@pytest.mark.parametrize("bit", range(128))
def test_an_id_that_differs_in_one_bit_is_refused(bit: int) -> None:
    """All 128 bits of the id are compared."""
    good = submit()
    wrong = bytearray(good.envelope_id)
    wrong[bit // 8] ^= 1 << bit % 8
    broken = good._replace(envelope_id=EnvelopeId(bytes(wrong)))
    assert SubmitRules(Limits()).judge(broken, NOW) is RefusalReason.BAD_ENVELOPE


@pytest.mark.parametrize(
    ("ttl", "hour"), [(5, 480_024), (2, 480_000), (2, 479_976), (2, 480_096), (2, 480_025)]
)
def test_a_bad_ttl_is_refused(ttl: int, hour: int) -> None:
    """Unknown class, now, past, too far and off its unit are BAD_TTL."""
    assert SubmitRules(Limits()).judge(submit(ttl=ttl, hour=hour), NOW) is RefusalReason.BAD_TTL


def test_the_window_follows_the_clock_both_ways() -> None:
    """A moved clock, forward or back, is judged by where it now stands."""
    rules = SubmitRules(Limits())
    assert rules.judge(submit(), NOW) is None
    assert rules.judge(submit(), NOW + 24 * HOUR) is RefusalReason.BAD_TTL
    assert rules.judge(submit(), NOW + 24 * HOUR - 1) is None
    assert rules.judge(submit(), NOW - 72 * HOUR) is RefusalReason.BAD_TTL


@pytest.mark.parametrize("now", [NOW - HOUR, NOW - 2 * HOUR, NOW - 3 * HOUR, 60.0])
def test_a_clock_set_back_is_taken_as_it_is(now: float) -> None:
    """Back by hours or to the first minute of 1970: lifetimes count from what it shows now."""
    rules = SubmitRules(Limits())
    assert rules.judge(submit(ttl=1, hour=480_001), NOW) is None
    shown = int(now // HOUR)
    assert rules.judge(submit(ttl=1, hour=shown + 1), now) is None
    for wrong in (shown, shown + 4, 480_004):
        bad = submit(ttl=1, hour=wrong)
        assert rules.judge(bad, now) is RefusalReason.BAD_TTL


def test_one_good_lifetime_admits_no_other() -> None:
    """After an envelope was let through, each class and hour is still judged by itself."""
    rules = SubmitRules(Limits())
    for good, bad in (
        (submit(), submit(ttl=5)),
        (submit(), submit(hour=480_025)),
        (submit(), submit(hour=0)),
        (submit(ttl=1, hour=480_001), submit(ttl=1, hour=480_004)),
        (submit(ttl=0, hour=480_001), submit(ttl=0, hour=0)),
        (submit(ttl=0, hour=480_001), submit(ttl=2, hour=480_001)),
    ):
        assert rules.judge(good, NOW) is None
        assert rules.judge(bad, NOW) is RefusalReason.BAD_TTL


def test_an_hour_ends_when_the_next_begins() -> None:
    """What is let through in the last moment of its life is refused in the next."""
    rules = SubmitRules(Limits())
    assert rules.judge(submit(ttl=1, hour=480_001), NOW + HOUR - 0.001) is None
    assert rules.judge(submit(ttl=1, hour=480_001), NOW + HOUR) is RefusalReason.BAD_TTL
