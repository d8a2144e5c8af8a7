"""What a relay announces on every connection (docs/spec/wire.md, section 4)."""

from dataclasses import dataclass, field

from hushpost_wire.control import Hello, ProtocolRange, Registration, Role
from hushpost_wire.host import Host
from hushpost_wire.identifiers import RelayPublicKey
from hushpost_wire.limits import PROTOCOL_VERSION_MAX, PROTOCOL_VERSION_MIN, Limits
from hushpost_wire.submit_rules import SubmitRules
from hushpost_wire.ttl import HOUR_SECONDS


@dataclass(frozen=True, slots=True)
class Terms:
    """What a relay announces on every connection, and the rules that follow from it."""

    host: Host
    relay_key: RelayPublicKey
    registration: Registration
    handovers: tuple[bytes, ...] = ()
    limits: Limits = field(default_factory=Limits)
    rules: SubmitRules = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rules", SubmitRules(self.limits))

    def hello(self, role: Role, nonce: bytes, now: float) -> Hello:
        """Make the first message of a connection; `nonce` is 32 fresh random bytes."""
        return Hello(
            protocol=ProtocolRange(min=PROTOCOL_VERSION_MIN, max=PROTOCOL_VERSION_MAX),
            role=role,
            host=self.host,
            relay_key=self.relay_key,
            handovers=self.handovers,
            nonce=nonce,
            hour=int(now // HOUR_SECONDS),
            limits=self.limits,
            registration=self.registration,
        )

    @staticmethod
    def speaks(protocol: int) -> bool:
        """Say whether a client may choose this version."""
        return PROTOCOL_VERSION_MIN <= protocol <= PROTOCOL_VERSION_MAX
