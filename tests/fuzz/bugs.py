"""A bug for every target, which the plain driver must find from the corpus in the tree.

Each puts a slip of the pen into the product, where the target's oracle should notice it.
"""

# pyright: reportPrivateUsage=false
# The slips are made inside, where the functions are.

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

from hushpost import vault_header
from hushpost.vault_sealing import Entry
from hushpost_crypto import address, primitives, recovery_words, snapshot
from hushpost_crypto.session import SessionBook
from hushpost_server import configuration_loading
from hushpost_server.frame_scanner import FrameScanner
from hushpost_wire import client_protocol, control, frames
from hushpost_wire.encoding import Reader
from hushpost_wire.frames import Acknowledge
from hushpost_wire.relay_events import Acknowledged
from hushpost_wire.relay_protocol import RelayProtocol

Slip = Callable[[], AbstractContextManager[Any]]


def _slip(owner: object, name: str, value: object) -> Slip:
    """Put something in the place of a part of the product."""
    return functools.partial(patch.object, owner, name, value)


def _yes(*_: object) -> bool:
    return True


def _nothing(*_: object) -> None:
    """Leave a check out."""


def _raise_key_error(*_: object) -> None:
    raise KeyError("a field that is not always there")


def _reads_blindly(function: Callable[..., Any], argument: int, place: int) -> object:
    """Touch a byte that may not be there."""

    def slip(*arguments: Any, **named: Any) -> Any:
        arguments[argument][place]
        return function(*arguments, **named)

    return slip


def _numbers_of_any_length(data: bytes) -> tuple[int, ...]:
    whole = data[: len(data) // 4 * 4]
    return frames._numbers(len(whole) // 4 - 1).unpack(whole)[3:]


def _acknowledged_again(machine: RelayProtocol, frame: Acknowledge) -> None:
    known = tuple(machine._sequences[tag] for tag in frame.tags if tag in machine._sequences)
    machine._events.append(Acknowledged(known))


def _form_read_blindly(form: bytes) -> tuple[int, int]:
    return form[0] % 4, int.from_bytes(form[2:4])


def _short_reads_lost(scanner: FrameScanner, data: bytes) -> object:
    return _feed(scanner, data) if len(data) != 3 else []


_feed = FrameScanner.feed

BUGS: dict[str, Slip] = {
    "frame_to_relay": _slip(frames, "_decode_numbers", _numbers_of_any_length),
    "frame_to_client": _slip(frames, "_decode_numbers", _numbers_of_any_length),
    "control_to_relay": _slip(control, "_complaint", _raise_key_error),
    "control_to_client": _slip(control, "_complaint", _raise_key_error),
    "records": _slip(Reader, "finish", _nothing),
    "relay_machine": _slip(RelayProtocol, "_receive_acknowledge", _acknowledged_again),
    "client_machine": _slip(
        client_protocol, "decode_to_client", _reads_blindly(frames.decode_to_client, 0, 2)
    ),
    "ratchet": _slip(SessionBook, "decrypt", _reads_blindly(SessionBook.decrypt, 1, 60)),
    "sealed_first": _slip(primitives, "hpke_open", _reads_blindly(primitives.hpke_open, 2, 1200)),
    "device_list": _slip(primitives, "ed25519_verify", _nothing),
    "prekeys": _slip(primitives, "ed25519_verify", _nothing),
    "stored_book": _slip(snapshot, "equal", _yes),
    "opening": _slip(primitives, "equal", _yes),
    "address": _slip(address, "BadAddress", ValueError),
    "words": _slip(recovery_words, "BadRecoveryWords", ValueError),
    "content": _slip(Reader, "finish", _nothing),
    "vault_header": _slip(vault_header, "equal", _yes),
    "passphrase_header": _slip(vault_header.Argon2Cost, "in_bounds", _yes),
    "vault_row": _slip(Entry, "read_form", staticmethod(_form_read_blindly)),
    "scanner": _slip(FrameScanner, "feed", _short_reads_lost),
    "socket": _slip(FrameScanner, "feed", _reads_blindly(_feed, 1, 90)),
    "configuration": _slip(configuration_loading, "_explain", _raise_key_error),
    "environment": _slip(configuration_loading, "ConfigurationInvalid", LookupError),
}
