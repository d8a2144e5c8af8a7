"""What a session's ratchet remembers between messages (docs/spec/pairwise.md, section 4).

    Ratchet -- RootRatchet     root key, ratchet keys, next header keys, KEM ratchet, links
            |- SendingChain    absent from a receiving step until something is sent
            |- ReceivingChain  absent until the peer's first message
            `- old chains      that still have skipped keys

Values only: `double_ratchet` turns one into the next.
"""

from dataclasses import dataclass

from hushpost_crypto.concealed import Concealed
from hushpost_crypto.kem_ratchet import KemRatchet
from hushpost_crypto.receiving_chain import ReceivingChain


@dataclass(frozen=True, slots=True, repr=False)
class SharedKeys(Concealed):
    """What a key agreement gives both sides to begin with (pairwise.md, 3)."""

    associated_data: bytes
    root_key: bytes
    initiator_header_key: bytes
    responder_next_header_key: bytes


@dataclass(frozen=True, slots=True, repr=False)
class SendingChain(Concealed):
    """``header`` is everything of the header but the message number: constant for the chain."""

    chain_key: bytes
    header_key: bytes
    header: bytes
    number: int


@dataclass(frozen=True, slots=True, repr=False)
class RootRatchet(Concealed):
    """What changes with a change of direction only.

    ``ratchet_secret`` is empty between a receiving step and the sending step that follows it.
    ``links`` are the last link secrets, the newest last; ``chains_received`` counts receiving
    steps.
    """

    associated_data: bytes
    root_key: bytes
    ratchet_secret: bytes
    remote_key: bytes
    next_sending_header_key: bytes
    next_receiving_header_key: bytes
    previous_length: int
    kem: KemRatchet
    links: tuple[bytes, ...]
    chains_received: int


@dataclass(frozen=True, slots=True, repr=False)
class Ratchet(Concealed):
    """One session's ratchet: the root, a chain each way, and chains whose late messages open."""

    root: RootRatchet
    sending: SendingChain | None
    receiving: ReceivingChain | None
    old: tuple[ReceivingChain, ...]
    messages: int

    def confirmed_link(self) -> bytes | None:
        """Give the link secret of the last root that the peer, too, has for certain."""
        links = self.root.links if self.sending is None else self.root.links[:-1]
        return links[-1] if links else None
