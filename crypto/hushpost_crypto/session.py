"""Sessions with one remote device, as one value (docs/spec/pairwise.md, sections 8 and 9).

Most of the time a book holds one session. It holds more when both sides began at once, when a first
message was sent again under a fresh bundle, or when a session was renewed; messages of all of them
open, and both sides choose the same one for sending: the highest generation, and of equal ones the
lowest session id.

    start() ---> unanswered: every message is sealed, with the first header
                     | the peer's first message opens
                     v
    accept() --> answered: plain ratchet messages

A book is a frozen value. The caller stores the new book in the same transaction as what came with
it, before a ciphertext leaves or a plaintext is shown, and keeps one book for each remote device.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto

from hushpost_wire.records import ListHead, PrekeyId

from hushpost_crypto import double_ratchet
from hushpost_crypto.concealed import Concealed
from hushpost_crypto.device_list import verify_device_list
from hushpost_crypto.errors import NoSession, PeerFault, Undecryptable
from hushpost_crypto.first_message import FirstHeader, FirstMessage, SealTarget
from hushpost_crypto.keys import Random
from hushpost_crypto.limits import (
    GENERATION_AHEAD_MAX,
    RESTART_SECONDS,
    SECONDS_A_DAY,
    SECONDS_A_MINUTE,
    SESSIONS_MAX,
    UNANSWERED_SECONDS,
)
from hushpost_crypto.pqxdh import (
    Bundle,
    LinkSecret,
    LocalDevice,
    RemoteDevice,
    initiate,
    respond,
)
from hushpost_crypto.prekeys import PrekeySecret
from hushpost_crypto.primitives import HPKE_OVERHEAD_BYTES, sha256
from hushpost_crypto.ratchet_state import Ratchet

# A message to one device that is sealed, linked and names a one-time prekey, from an account of one
# device: the most that a single-device sender ever adds.
FIRST_OVERHEAD_BYTES_MAX = HPKE_OVERHEAD_BYTES + 1931 + double_ratchet.ORDINARY_OVERHEAD_BYTES


class SessionStart(Enum):
    """What an accepted first message says about the sessions before it."""

    NEW = auto()
    """There was none before, or both sides began at once."""
    LINKED = auto()
    """It proves knowledge of the session before: the same device, its state intact."""
    RETRIED = auto()
    """The peer sent its first message again before it had heard from this device."""
    RESTARTED = auto()
    """It should prove knowledge of the session before and does not: tell the person."""


@dataclass(frozen=True, slots=True)
class SessionOrigin:
    """How a session began; never changes. ``first_hash`` is SHA-256 of its first header."""

    initiator: bool
    linked: bool
    generation: int
    started_at: int
    first_hash: bytes


@dataclass(frozen=True, slots=True)
class Unanswered:
    """What an initiator repeats with every message until the first reply."""

    first_header: bytes
    target: SealTarget


@dataclass(frozen=True, slots=True, repr=False)
class Session(Concealed):
    """One session: where it comes from, its ratchet, and what is still to be repeated."""

    origin: SessionOrigin
    ratchet: Ratchet
    unanswered: Unanswered | None

    @property
    def session_id(self) -> bytes:
        """SHA-256 of the transcript: equal on both sides and on no other session."""
        return self.ratchet.root.associated_data

    def rank(self) -> tuple[int, bytes]:
        """Sorts the session to send in first."""
        return (-self.origin.generation, self.session_id)

    def peer_can_link(self) -> bool:
        """Whether the peer provably received in this session, and so holds a link secret."""
        return self.ratchet.root.chains_received >= (1 if self.origin.initiator else 2)


@dataclass(frozen=True, slots=True)
class Reception:
    """What this device brings to a first message.

    ``signed`` and ``one_time`` are the secrets that the message names, None for one that is erased
    or was not named. ``own_heads`` maps the versions of this account's lists to their heads;
    ``seen`` tells whether a 32-byte `Decrypted.reencapsulation` is remembered.
    """

    local: LocalDevice
    signed: PrekeySecret | None
    one_time: PrekeySecret | None
    own_heads: Mapping[int, ListHead]
    seen: Callable[[bytes], bool]


@dataclass(frozen=True, slots=True, repr=False)
class Decrypted(Concealed):
    """What a message gave. All of it is authenticated.

    ``sender``, ``start``, ``one_time_used`` and ``reencapsulation`` come from `SessionBook.accept`:
    erase the one-time secret and remember the 32 bytes (until the used prekey's erase day) in the
    transaction that stores the book. ``answered`` marks the peer's first reply in a session that
    this side began.
    """

    plaintext: bytes
    session_id: bytes
    answered: bool = False
    sender: RemoteDevice | None = None
    start: SessionStart | None = None
    one_time_used: PrekeyId | None = None
    reencapsulation: bytes | None = None


@dataclass(frozen=True, slots=True, repr=False)
class SessionBook(Concealed):
    """All sessions with one remote device, the one to send in first.

    ``restarted_at`` is when the last restart was accepted; None for never.
    """

    sessions: tuple[Session, ...] = ()
    restarted_at: int | None = None

    def wants_session(self, now: float) -> bool:
        """Whether to fetch prekeys and `start`: no session, or none that will be answered."""
        if not self.sessions:
            return True
        active = self.sessions[0]
        if active.unanswered is None:
            return False
        overdue = now - active.origin.started_at >= UNANSWERED_SECONDS
        return overdue or int(now) // SECONDS_A_DAY > active.unanswered.target.expiry_day

    def start(
        self,
        local: LocalDevice,
        bundle: Bundle,
        *,
        now: float,
        random: Random,
        patience_seconds: int = 0,
    ) -> "SessionBook":
        """Begin a session with a bundle that the caller has verified; raises `BadKey`.

        The new session is the one to send in. It is linked to the last one that the peer has
        provably received in, unless a linked start has gone unanswered for ``patience_seconds``:
        then the peer may have lost its state, and its app is told of a restart.
        """
        generation = max(self._highest_generation() + 1, int(now) // SECONDS_A_MINUTE)
        link = self._link_for_start(now - patience_seconds)
        keys, opening = initiate(local, bundle, generation=generation, link=link, random=random)
        header = FirstHeader(
            RemoteDevice(local.genesis, local.device_list, local.entry),
            bundle.device.device_list.version,
            bundle.signed.prekey_id,
            bundle.one_time.prekey_id if bundle.one_time else None,
            opening,
        ).to_bytes()
        origin = SessionOrigin(True, link is not None, generation, int(now), sha256(header))
        ratchet = double_ratchet.start_initiator(
            keys, bundle.signed.x25519_key, now=now, random=random
        )
        unanswered = Unanswered(header, SealTarget.from_record(bundle.seal))
        return self._with(Session(origin, ratchet, unanswered))

    def overhead_bytes(self, now: float) -> int:
        """How much longer than its plaintext the next `encrypt` at this ``now`` makes a message."""
        session = self._active()
        overhead = double_ratchet.overhead_bytes(session.ratchet, now)
        if session.unanswered is None:
            return overhead
        return overhead + HPKE_OVERHEAD_BYTES + len(session.unanswered.first_header)

    def encrypt(
        self, plaintext: bytes, *, commitment: bytes, now: float, random: Random
    ) -> tuple["SessionBook", bytes]:
        """Seal one padded plaintext; the result follows the commitment in the envelope."""
        session = self._active()
        ratchet, message = double_ratchet.encrypt(
            session.ratchet, plaintext, commitment=commitment, now=now, random=random
        )
        unanswered = session.unanswered
        after = Session(session.origin, ratchet, unanswered)
        if unanswered is not None:
            message = unanswered.target.seal(unanswered.first_header, message)
        return SessionBook((after, *self.sessions[1:]), self.restarted_at), message

    def decrypt(
        self, message: bytes, *, commitment: bytes, now: float
    ) -> tuple["SessionBook", Decrypted]:
        """Open a message in whichever session it belongs to, or raise `Undecryptable`."""
        for index, session in enumerate(self.sessions):
            try:
                return self._decrypt_in(index, session, message, commitment, now)
            except Undecryptable:
                continue
        raise Undecryptable

    def accept(
        self, first: FirstMessage, reception: Reception, *, now: float
    ) -> tuple["SessionBook", Decrypted]:
        """Open a first message: a further one of a session held already, or a new session.

        Raises `Undecryptable` for every cause, nothing changed.
        """
        first_hash = sha256(first.header_bytes)
        for index, session in enumerate(self.sessions):
            if session.origin.first_hash == first_hash:
                book, decrypted = self._decrypt_in(
                    index, session, first.message, first.commitment, now
                )
                return book, _from_sender(decrypted, first.header.sender)
        try:
            return self._begin(first, reception, now)
        except PeerFault:
            raise Undecryptable from None

    def forget_expired(self, now: float) -> "SessionBook":
        """Drop skipped keys that were kept for 30 days; call this once a day."""
        sessions = tuple(
            Session(s.origin, double_ratchet.without_expired(s.ratchet, now), s.unanswered)
            for s in self.sessions
        )
        return SessionBook(sessions, self.restarted_at)

    def _active(self) -> Session:
        if not self.sessions:
            raise NoSession("no session with this device yet; fetch its prekeys and call start")
        return self.sessions[0]

    def _with(self, session: Session) -> "SessionBook":
        sessions = sorted((session, *self.sessions), key=Session.rank)
        return SessionBook(tuple(sessions[:SESSIONS_MAX]), self.restarted_at)

    def _link_for_start(self, unanswered_since: float) -> LinkSecret | None:
        active = self.sessions[0] if self.sessions else None
        if (
            active
            and active.unanswered
            and active.origin.linked
            and active.origin.started_at <= unanswered_since
        ):
            return None
        for session in self.sessions:
            secret = session.ratchet.confirmed_link()
            if secret is not None:
                return LinkSecret(secret)
        return None

    def _find_link(self, link_id: bytes) -> LinkSecret | None:
        if not link_id:
            return None
        for session in self.sessions:
            for secret in session.ratchet.root.links:
                link = LinkSecret(secret)
                if link.link_id() == link_id:
                    return link
        raise Undecryptable

    def _decrypt_in(
        self, index: int, session: Session, message: bytes, commitment: bytes, now: float
    ) -> tuple["SessionBook", Decrypted]:
        ratchet, plaintext = double_ratchet.decrypt(
            session.ratchet, message, commitment=commitment, now=now
        )
        after = Session(session.origin, ratchet, None)
        sessions = (*self.sessions[:index], after, *self.sessions[index + 1 :])
        answered = session.unanswered is not None
        decrypted = Decrypted(plaintext, session.session_id, answered)
        return SessionBook(sessions, self.restarted_at), decrypted

    def _begin(
        self, first: FirstMessage, reception: Reception, now: float
    ) -> tuple["SessionBook", Decrypted]:
        header = first.header
        signed = _check_reception(header, reception, now)
        link = self._find_link(header.opening.link_id)
        start = self._classify(link, header.opening.generation)
        if start is SessionStart.RESTARTED and self._restarted_lately(now):
            raise Undecryptable
        keys, reencapsulation = respond(
            reception.local,
            header.sender.party(),
            header.opening,
            own_head=reception.own_heads[header.responder_list_version],
            signed=signed,
            one_time=reception.one_time,
            link=link,
        )
        if reception.seen(reencapsulation):
            raise Undecryptable
        ratchet, plaintext = double_ratchet.decrypt(
            double_ratchet.start_responder(keys, signed.x25519_secret, now=now),
            first.message,
            commitment=first.commitment,
            now=now,
        )
        generation, first_hash = header.opening.generation, sha256(first.header_bytes)
        origin = SessionOrigin(False, link is not None, generation, int(now), first_hash)
        session = Session(origin, ratchet, None)
        restarted = start is SessionStart.RESTARTED
        book = SessionBook((session,), int(now)) if restarted else self._with(session)
        return book, Decrypted(
            plaintext,
            session.session_id,
            sender=header.sender,
            start=start,
            one_time_used=header.one_time_id,
            reencapsulation=reencapsulation,
        )

    def _highest_generation(self) -> int:
        return max((session.origin.generation for session in self.sessions), default=0)

    def _classify(self, link: LinkSecret | None, generation: int) -> SessionStart:
        if link is not None:
            return SessionStart.LINKED
        if any(session.peer_can_link() for session in self.sessions):
            # Begun before the session that the peer is known to have: late, or kept back until now.
            if generation <= self._highest_generation():
                raise Undecryptable
            return SessionStart.RESTARTED
        if any(not session.origin.initiator for session in self.sessions):
            return SessionStart.RETRIED
        return SessionStart.NEW

    def _restarted_lately(self, now: float) -> bool:
        return self.restarted_at is not None and now - self.restarted_at < RESTART_SECONDS


def _check_reception(header: FirstHeader, reception: Reception, now: float) -> PrekeySecret:
    """Check the claimed sender and that the named prekeys are at hand; give the signed one."""
    sender, signed, one_time = header.sender, reception.signed, reception.one_time
    verify_device_list(
        sender.device_list,
        sender.genesis,
        sender.account_id(),
        today=int(now) // SECONDS_A_DAY,
    )
    if sender.entry == reception.local.entry:
        raise Undecryptable
    if signed is None or signed.prekey_id != header.signed_id:
        raise Undecryptable
    if (one_time.prekey_id if one_time else None) != header.one_time_id:
        raise Undecryptable
    if header.responder_list_version not in reception.own_heads:
        raise Undecryptable
    if header.opening.generation > int(now) // SECONDS_A_MINUTE + GENERATION_AHEAD_MAX:
        raise Undecryptable
    return signed


def _from_sender(decrypted: Decrypted, sender: RemoteDevice) -> Decrypted:
    return Decrypted(decrypted.plaintext, decrypted.session_id, decrypted.answered, sender)
