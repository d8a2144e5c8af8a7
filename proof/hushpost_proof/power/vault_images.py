"""A disk that a power loss left, its vault opened by the real library, and held against the tape.

What a client promises: to its app, that a text is taken, that a message is there until it was read;
to the network, that what it posted is the only thing it will ever post in that place of the stream,
that it remembers what it acknowledged, and that it can open what its published keys invite.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from hushpost.engine.outbox import OutboxEntry
from hushpost.engine.shelf import Shelf
from hushpost.errors import HushpostError, VaultLocked
from hushpost.vault import Row, Table, Vault
from hushpost.vault_header import KeychainKey
from hushpost_crypto import snapshot
from hushpost_wire.control import PublishPrekeys, Role, decode_control_to_relay
from hushpost_wire.frames import (
    Accepted,
    Deliver,
    Submit,
    decode_to_client,
    decode_to_relay,
)
from hushpost_wire.prekey_records import PrekeyRecord

from hushpost_proof.power.conversations import Message, conversations
from hushpost_proof.power.recording import Kind
from hushpost_proof.power.relay_images import integrity
from hushpost_proof.power.vault_scene import ADDRESS, KEY, NEW_KEY, REKEYED, SENT, VaultScene

NEVER = 1 << 62
_ENTRIES = Shelf(Table.OUTBOX, OutboxEntry)
Standing = dict[bytes, tuple[int, int]]
"""For each session how many chains it has received, and how many it sent in the present one."""


@dataclass(slots=True)
class ClientPromises:
    """What the client had promised, each with the position from which it holds."""

    posted: dict[bytes, tuple[int, int]] = field(default_factory=dict[bytes, tuple[int, int]])
    acknowledged: dict[bytes, int] = field(default_factory=dict[bytes, int])
    signed_prekeys: dict[bytes, int] = field(default_factory=dict[bytes, int])
    sent: dict[str, int] = field(default_factory=dict[str, int])
    address: int = NEVER
    rekeyed: int = NEVER

    @property
    def positions(self) -> list[int]:
        """Where promises were made."""
        found = {made for made, _ in self.posted.values()}
        found |= {*self.acknowledged.values(), *self.sent.values(), *self.signed_prekeys.values()}
        return sorted((found | {self.address, self.rekeyed}) - {NEVER})


def read_client_promises(scene: VaultScene) -> ClientPromises:
    """Read what the client of a tape has promised."""
    promises = ClientPromises()
    for position, operation in enumerate(scene.tape.operations):
        if operation.kind is not Kind.NOTED:
            continue
        word, _, rest = operation.first.partition(" ")
        if word == SENT:
            promises.sent[rest] = position
        elif word == ADDRESS:
            promises.address = position
        elif word == REKEYED:
            promises.rekeyed = position
    submitted: dict[tuple[int, int], bytes] = {}
    delivered: dict[tuple[int, int], bytes] = {}
    for message in conversations(scene.tape):
        if message.is_text:
            _read_control(message, promises)
        elif message.is_sent:
            _read_sent(message, promises, submitted, delivered)
        else:
            _read_received(message, promises, submitted, delivered)
    return promises


def _read_control(message: Message, promises: ClientPromises) -> None:
    if not message.is_sent or b'"publish_prekeys"' not in message.data:
        return
    request = decode_control_to_relay(message.data, Role.INBOX)
    if isinstance(request, PublishPrekeys) and request.signed is not None:
        prekey_id = bytes(PrekeyRecord.from_bytes(request.signed).prekey_id)
        promises.signed_prekeys.setdefault(prekey_id, message.position)


def _read_sent(
    message: Message,
    promises: ClientPromises,
    submitted: dict[tuple[int, int], bytes],
    delivered: dict[tuple[int, int], bytes],
) -> None:
    frame = decode_to_relay(message.data)
    if isinstance(frame, Submit):
        envelope = bytes(frame.envelope)
        submitted[message.connection, frame.request] = envelope
        if frame.ttl_class:
            promises.posted.setdefault(envelope, (message.position, NEVER))
    else:
        for tag in frame.tags:
            key = delivered[message.connection, tag]
            promises.acknowledged.setdefault(key, message.position)


def _read_received(
    message: Message,
    promises: ClientPromises,
    submitted: dict[tuple[int, int], bytes],
    delivered: dict[tuple[int, int], bytes],
) -> None:
    frame = decode_to_client(message.data)
    if isinstance(frame, Deliver):
        key = bytes(frame.drop_ref) + bytes(frame.envelope_id)
        delivered[message.connection, frame.tag] = key
    elif isinstance(frame, Accepted):
        for request in frame.requests:
            envelope = submitted[message.connection, request]
            made, _ = promises.posted.get(envelope, (NEVER, NEVER))
            promises.posted[envelope] = (made, message.position)


@dataclass(slots=True)
class VaultInspector:
    """Looks at the images of one tape, in order."""

    promises: ClientPromises
    vault: str
    # How far each session had come when an envelope of it was in an outbox or beyond.
    least: Standing = field(default_factory=Standing)

    async def inspect(self, folder: Path, position: int, *, is_least: bool) -> list[str]:
        """Return a complaint for each promise that the vault breaks."""
        path = folder / self.vault
        if not path.exists():
            return ["the vault is lost"] if self.promises.address < position else []
        try:
            vault = await self._open(path, position)
        except HushpostError as error:
            return [f"the vault does not open: {type(error).__name__}"]
        try:
            complaints = list(self._look(vault, position, is_least=is_least))
        except HushpostError as error:
            complaints = [f"the vault cannot be read: {type(error).__name__}"]
        finally:
            await vault.close()
        return complaints + integrity(path)

    async def _open(self, path: Path, position: int) -> Vault:
        try:
            return await Vault.open(path, KeychainKey(NEW_KEY))
        except VaultLocked:
            if self.promises.rekeyed < position:
                raise
            return await Vault.open(path, KeychainKey(KEY))

    def _look(self, vault: Vault, position: int, *, is_least: bool) -> Iterator[str]:
        promises = self.promises
        rows = {table: vault.rows(table) for table in Table}
        if promises.address < position and not rows[Table.ACCOUNT]:
            yield "the account's keys are lost after its address was handed out"
        outbox = {_ENTRIES.load(row.value).envelope for row in rows[Table.OUTBOX]}
        for envelope, (posted, accepted) in promises.posted.items():
            if posted < position <= accepted and envelope not in outbox:
                yield "an envelope that was posted is not in the outbox"
        seen = {row.key for row in rows[Table.SEEN_ENVELOPES]}
        for key, acknowledged in promises.acknowledged.items():
            if acknowledged < position and key not in seen:
                yield "an acknowledged envelope is not remembered"
        prekeys = {row.key for row in rows[Table.SIGNED_PREKEYS]}
        for prekey_id, published in promises.signed_prekeys.items():
            if published < position and prekey_id not in prekeys:
                yield "the secret of a published prekey is lost"
        messages = {row.key.hex() for row in rows[Table.MESSAGES]}
        for message_id, sent in promises.sent.items():
            if sent < position and not any(message_id in key for key in messages):
                yield "a text that was taken is lost"
        yield from self._ratchets(rows[Table.SESSIONS], is_least=is_least)

    def _ratchets(self, sessions: list[Row], *, is_least: bool) -> Iterator[str]:
        standing: Standing = {}
        for row in sessions:
            for session in snapshot.load(row.value).sessions:
                sending = session.ratchet.sending
                number = -1 if sending is None else sending.number
                standing[session.session_id] = (session.ratchet.root.chains_received, number)
        for session_id, reached in self.least.items():
            if standing.get(session_id, (-1, -1)) < reached:
                yield "a ratchet went back behind what was certain before"
        if is_least:
            self.least.update(standing)
