"""A posting and its verdict."""

from hushpost.transport_posting import Posting, Verdict
from hushpost_wire.frames import RefusalReason
from hushpost_wire.identifiers import DropSecret, EnvelopeId, Route


def test_a_verdict_without_reason_is_accepted() -> None:
    """Only a verdict without reason counts as accepted."""
    assert Verdict(None).accepted
    assert not Verdict(RefusalReason.FULL, 60).accepted


def test_a_posting_shows_no_secret() -> None:
    """Neither the drop's secret nor the envelope appears when a posting is printed."""
    posting = Posting(
        4, Route(bytes(16)), DropSecret(b"S" * 32), EnvelopeId(bytes(16)), 1, b"E" * 4096
    )
    assert "SSSS" not in repr(posting)
    assert "EEEE" not in repr(posting)
