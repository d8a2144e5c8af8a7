"""What a recorded relay had promised at each point of its tape.

A promise is made when the bytes that say so leave the relay. It ends when a client's word that ends
it reaches the relay: from then on the relay may have carried it out or not.
"""

from dataclasses import dataclass, field

from hushpost_wire.account_records import DeviceList, Genesis
from hushpost_wire.control import (
    AccountCreated,
    ControlToRelay,
    CreateAccount,
    DeleteAccount,
    Done,
    DropKind,
    Hello,
    Login,
    PrekeyCount,
    Prekeys,
    PublishDeviceList,
    PublishPrekeys,
    RegisterDrop,
    RevokeDrop,
    Role,
    Welcome,
    decode_control_to_client,
    decode_control_to_relay,
)
from hushpost_wire.frames import (
    Accepted,
    Deliver,
    Submit,
    decode_to_client,
    decode_to_relay,
)

from hushpost_proof.power.conversations import Message, conversations
from hushpost_proof.power.recording import Tape

NEVER = 1 << 62


@dataclass(slots=True)
class Promise:
    """Something that holds from `begins` until `ends`, both positions of the tape."""

    begins: int
    ends: int = NEVER

    def holds_at(self, position: int) -> bool:
        """Say whether it was made and not ended before a position."""
        return self.begins < position <= self.ends


@dataclass(slots=True)
class Kept(Promise):
    """An accepted envelope that nobody has acknowledged."""

    route: bytes = b""
    envelope_id: bytes = b""
    envelope: bytes = b""


@dataclass(slots=True)
class Held(Promise):
    """An account, its mailbox and the newest list that the relay has confirmed."""

    account_id: bytes = b""
    route: bytes = b""
    version: int = 1


@dataclass(slots=True)
class OpenDrop(Promise):
    """A registered drop, until somebody asked to revoke it."""

    route: bytes = b""
    hashed: bytes = b""
    kind: DropKind = DropKind.CONTACT
    revoked: int = NEVER


@dataclass(slots=True)
class Promises:
    """All promises of a tape."""

    envelopes: list[Kept] = field(default_factory=list[Kept])
    accounts: list[Held] = field(default_factory=list[Held])
    deleted: dict[bytes, int] = field(default_factory=dict[bytes, int])
    drops: list[OpenDrop] = field(default_factory=list[OpenDrop])
    # One-time records: when they were confirmed, and when they left in a bundle.
    stocked: dict[bytes, int] = field(default_factory=dict[bytes, int])
    handed_out: dict[bytes, int] = field(default_factory=dict[bytes, int])
    identity: tuple[int, bytes] | None = None
    generation: tuple[int, bytes] | None = None

    @property
    def positions(self) -> list[int]:
        """Where promises were made or ended."""
        made = [one for every in (self.envelopes, self.accounts, self.drops) for one in every]
        found = {one.begins for one in made} | {one.ends for one in made}
        found |= {*self.handed_out.values(), *self.deleted.values()}
        return sorted(found - {NEVER})


@dataclass(slots=True)
class _Connection:
    role: Role = Role.INBOX
    account_id: bytes = b""
    asked: dict[int, ControlToRelay] = field(default_factory=dict[int, ControlToRelay])
    submitted: dict[int, Submit] = field(default_factory=dict[int, Submit])
    delivered: dict[int, Deliver] = field(default_factory=dict[int, Deliver])


def read_promises(tape: Tape) -> Promises:
    """Read what the relay of a tape has promised."""
    reader = _Reader()
    for message in conversations(tape):
        reader.read(message)
    return reader.promises


class _Reader:
    def __init__(self) -> None:
        self.promises = Promises()
        self._connections: dict[int, _Connection] = {}
        self._by_envelope: dict[bytes, Kept] = {}
        self._ended: dict[bytes, int] = {}
        self._accounts: dict[bytes, Held] = {}
        self._drops: dict[bytes, OpenDrop] = {}

    def read(self, message: Message) -> None:
        connection = self._connections.setdefault(message.connection, _Connection())
        if message.is_text and message.is_sent:
            self._told(message, connection)
        elif message.is_text:
            self._asked(message, connection)
        elif message.is_sent:
            self._frame_sent(message, connection)
        else:
            self._frame_received(message, connection)

    # -- envelopes -------------------------------------------------------------------------------

    def _frame_received(self, message: Message, connection: _Connection) -> None:
        frame = decode_to_relay(message.data)
        if isinstance(frame, Submit):
            connection.submitted[frame.request] = frame
        else:
            for tag in frame.tags:
                known_as = bytes(connection.delivered[tag].envelope_id)
                self._ended.setdefault(known_as, message.position)
                if known_as in self._by_envelope:
                    self._by_envelope[known_as].ends = self._ended[known_as]

    def _frame_sent(self, message: Message, connection: _Connection) -> None:
        frame = decode_to_client(message.data)
        if isinstance(frame, Deliver):
            connection.delivered[frame.tag] = frame
        elif isinstance(frame, Accepted):
            for request in frame.requests:
                submit = connection.submitted[request]
                known_as = bytes(submit.envelope_id)
                kept = Kept(
                    message.position,
                    self._ended.get(known_as, NEVER),
                    bytes(submit.route),
                    known_as,
                    bytes(submit.envelope),
                )
                if known_as not in self._by_envelope:
                    self._by_envelope[known_as] = kept
                    self.promises.envelopes.append(kept)

    # -- control ---------------------------------------------------------------------------------

    def _asked(self, message: Message, connection: _Connection) -> None:
        request = decode_control_to_relay(message.data, connection.role)
        number: int = getattr(request, "id", 0)
        connection.asked[number] = request
        if isinstance(request, Login):
            connection.account_id = bytes(request.account)
        elif isinstance(request, RevokeDrop):
            self._drops[bytes(request.drop_hash)].ends = message.position
        elif isinstance(request, DeleteAccount):
            self._end_account(connection.account_id, message.position)

    def _end_account(self, account_id: bytes, position: int) -> None:
        held = self._accounts[account_id]
        for account in self.promises.accounts:
            if account.account_id == account_id:
                account.ends = min(account.ends, position)
        for kept in self.promises.envelopes:
            if kept.route == held.route:
                kept.ends = min(kept.ends, position)
        for drop in self.promises.drops:
            if drop.route == held.route:
                drop.ends = min(drop.ends, position)

    def _told(self, message: Message, connection: _Connection) -> None:
        answer = decode_control_to_client(message.data)
        promises, position = self.promises, message.position
        if isinstance(answer, Hello):
            connection.role = answer.role
            if promises.identity is None:
                promises.identity = (position, bytes(answer.relay_key))
        elif isinstance(answer, Welcome) and promises.generation is None:
            promises.generation = (position, bytes(answer.generation))
        elif isinstance(answer, Prekeys):
            for bundle in answer.bundles:
                if bundle.one_time is not None:
                    promises.handed_out.setdefault(bytes(bundle.one_time), position)
        elif isinstance(answer, AccountCreated | Done | PrekeyCount):
            self._done(connection.asked[answer.id], connection, position)

    def _done(self, request: ControlToRelay, connection: _Connection, position: int) -> None:
        promises = self.promises
        if isinstance(request, CreateAccount):
            account_id = bytes(Genesis.from_bytes(request.genesis).account_id())
            held = Held(position, NEVER, account_id, bytes(request.route))
            self._accounts[account_id] = held
            promises.accounts.append(held)
        elif isinstance(request, PublishDeviceList):
            before = self._accounts[connection.account_id]
            version = DeviceList.from_bytes(request.device_list).version
            held = Held(position, NEVER, connection.account_id, before.route, version)
            self._accounts[connection.account_id] = held
            promises.accounts.append(held)
        elif isinstance(request, RegisterDrop):
            route = self._accounts[connection.account_id].route
            drop = OpenDrop(position, NEVER, route, bytes(request.drop_hash), request.kind)
            self._drops[drop.hashed] = drop
            promises.drops.append(drop)
        elif isinstance(request, RevokeDrop):
            self._drops[bytes(request.drop_hash)].revoked = position
        elif isinstance(request, PublishPrekeys):
            for record in request.one_time:
                promises.stocked.setdefault(bytes(record), position)
        elif isinstance(request, DeleteAccount):
            promises.deleted[connection.account_id] = position
