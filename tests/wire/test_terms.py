"""What a relay announces is made once and said on every connection."""

from hushpost_wire.control import Registration, Role
from hushpost_wire.host import Host
from hushpost_wire.identifiers import RelayPublicKey
from hushpost_wire.limits import Limits
from hushpost_wire.submit_rules import SubmitRules
from hushpost_wire.terms import Terms

TERMS = Terms(
    host=Host("relay.example:8440"),
    relay_key=RelayPublicKey(b"k" * 32),
    registration=Registration.TOKEN,
    handovers=(bytes(136),),
    limits=Limits(submits_in_flight_max=7),
)


def test_hello_says_the_terms_and_the_hour() -> None:
    """Role, nonce and hour are the connection's; the rest is the relay's."""
    hello = TERMS.hello(Role.POST, b"n" * 32, 7205.0)
    assert (hello.role, hello.nonce, hello.hour) == (Role.POST, b"n" * 32, 2)
    assert (hello.host, hello.relay_key) == (TERMS.host, TERMS.relay_key)
    assert (hello.handovers, hello.limits) == (TERMS.handovers, TERMS.limits)
    assert hello.registration is Registration.TOKEN
    assert (hello.protocol.min, hello.protocol.max) == (1, 1)


def test_terms_carry_their_rules() -> None:
    """All connections of a relay share one set of rules."""
    assert isinstance(TERMS.rules, SubmitRules)
    assert TERMS.rules is TERMS.rules


def test_one_version_is_spoken() -> None:
    """Neither an older nor a newer one is taken for it."""
    assert [version for version in range(4) if Terms.speaks(version)] == [1]


def test_terms_are_what_was_announced() -> None:
    """Two relays that announce the same have equal terms, and the rules stand in no repr."""

    def made() -> Terms:
        return Terms(Host("a.example"), RelayPublicKey(bytes(32)), Registration.OPEN)

    assert made() == made()
    assert "SubmitRules" not in repr(made())
