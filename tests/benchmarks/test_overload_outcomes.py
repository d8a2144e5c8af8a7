"""Tests of benchmarks.overload.outcomes and of what counts as told."""

import pytest

from benchmarks.overload.attackers import addresses, note_end, told
from benchmarks.overload.outcomes import TOLD, UNTOLD, Outcomes


def test_every_request_is_in_one_count_and_survives_the_pipe() -> None:
    """Answered, told, silent and open add up to sent, here and in the process that asked."""
    outcomes = Outcomes(sent=10)
    outcomes.answered(3)
    outcomes.told("REFUSED FULL", 4)
    outcomes.untold("the connection broke off", 2)
    assert outcomes.open_at_end == 1
    assert Outcomes.from_json(outcomes.to_json()) == outcomes


@pytest.mark.parametrize(
    ("closed", "way"),
    [
        ("closed with 4006 slow down", "close code 4006"),
        (
            "refused the upgrade: HTTP/1.1 503 Service Unavailable\r\nRetry-After: 60",
            "503, Retry-After",
        ),
        ("refused the upgrade: HTTP/1.1 503 Service Unavailable\r\n", ""),
        ("the connection broke off", ""),
        ("[Errno 104] Connection reset by peer", ""),
    ],
)
def test_silence_is_told_from_a_word(closed: str, way: str) -> None:
    """A close code tells, a 503 with its hint does; a reset and a hint that is missing do not."""
    assert told(closed) == way
    outcomes = Outcomes(sent=1)
    note_end(outcomes, closed)
    assert outcomes.counts == {TOLD if way else UNTOLD: 1}


def test_each_address_is_a_network_of_its_own() -> None:
    """A thousand attackers are a thousand /24, all of this machine."""
    source = addresses()
    networks = {next(source).rpartition(".")[0] for _ in range(1_000)}
    assert len(networks) == 1_000
    assert all(network.startswith("127.") for network in networks)
