"""Control messages of every kind, whole and mutilated, in every state, on real sockets.

`HUSHPOST_FUZZ_CASES` sets how many cases are tried; a failure names its seed.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import random
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hushpost_proof.harness.device import TestDevice, Wire, dial, envelope_for
from hushpost_server.clock import ManualClock
from hushpost_server.relay import RelayServer
from hushpost_wire.close_codes import CloseCode
from hushpost_wire.control_types import encode_base64url
from hushpost_wire.frames import encode_acknowledge, encode_submit
from websockets.exceptions import ConnectionClosed

from tests.server.conftest import quiet
from tests.wire.control_examples import TO_CLIENT, TO_RELAY, filled

CASES = int(os.environ.get("HUSHPOST_FUZZ_CASES", "120"))
UNLIMITED = {
    f"{who}_per_{unit}": 0
    for who, unit in (
        ("connection_submits", "second"),
        ("connection_controls", "second"),
        ("prefix_submits", "second"),
        ("prefix_connects", "second"),
        ("prefix_logins", "second"),
        ("prefix_accounts", "hour"),
        ("prefix_takes", "minute"),
        ("account_takes", "hour"),
    )
}
# What a peer can bring about by what it sends.
CLOSES = {
    CloseCode.NORMAL,
    CloseCode.PROTOCOL_ERROR,
    CloseCode.UNKNOWN_VERSION,
    CloseCode.LOGIN_FAILED,
    CloseCode.ACCOUNT_GONE,
    CloseCode.TOO_BIG,
}
ODD: tuple[Any, ...] = (
    *(None, True, -1, 0, 2**32 - 1, 2**32, 2**70, 1.5, 1e300, "", "A", "A" * 43, "=" * 22, "\0"),
    *("é", "\ud7ff", "x" * 70_000, [], [0] * 50, {}, {"type": "login"}, ["A" * 2278] * 21),
)


ALLOWED = {
    "post": ("take_prekeys", "fetch_device_list"),
    "inbox": ("create_account", "login"),
    "logged in": ("register_drop", "revoke_drop", "count_prekeys", "publish_prekeys",
                  "publish_device_list", "delete_account"),
}  # fmt: skip


def mutilated(draw: random.Random, device: TestDevice, state: str) -> str:
    """Give a control message, mostly one that the state allows, often with a defect or two."""
    every = TO_RELAY + TO_CLIENT
    allowed = [message for message in TO_RELAY if message["type"] in ALLOWED[state]]
    message: dict[str, Any] = dict(filled(draw.choice(allowed if draw.random() < 0.9 else every)))
    if draw.random() < 0.6:
        message["id"] = draw.randrange(5000)
        return json.dumps(message)
    if draw.random() < 0.5 and "account" in message:
        message["account"] = encode_base64url(device.account_id)
    if "id" in message:
        message["id"] = draw.randrange(50)
    for _ in range(draw.randrange(3)):
        key = draw.choice([*message, "unknown"])
        action = draw.randrange(5)
        if action == 0:
            message.pop(key, None)
        elif action == 1 and isinstance(message.get(key), str) and message[key]:
            text = message[key]
            place = draw.randrange(len(text))
            message[key] = text[:place] + draw.choice("Aa_-+/= \n") + text[place + 1 :]
        else:
            message[key] = draw.choice(ODD)
    text = json.dumps(message, ensure_ascii=draw.random() < 0.5)
    if draw.random() < 0.1:
        text = text[: draw.randrange(len(text))] + draw.choice(["", "}", "\\", '"', "NaN"])
    return text


def frame(draw: random.Random, device: TestDevice, secret: bytes) -> bytes:
    """Give a frame of the data plane: whole, cut, changed or random."""
    whole = draw.choice(
        [
            encode_submit(envelope_for(device.route, secret, request=draw.randrange(9))),
            encode_submit(envelope_for(b"?" * 16, secret, request=draw.randrange(9))),
            encode_acknowledge([draw.randrange(5)]),
            encode_acknowledge(list(range(1, 200))),
            draw.randbytes(draw.randrange(200)),
        ]
    )
    if draw.random() < 0.3:
        return whole[: draw.randrange(len(whole) + 1)]
    if draw.random() < 0.3 and whole:
        place = draw.randrange(min(len(whole), 80))
        return whole[:place] + draw.randbytes(1) + whole[place + 1 :]
    return whole


@asynccontextmanager
async def in_state(state: str, device: TestDevice) -> AsyncGenerator[Wire, None]:
    """Connect as a stranger to either endpoint, or log in."""
    if state == "logged in":
        async with device.inbox() as wire:
            yield wire
    else:
        async with dial(device.url, f"/v1/{state}") as wire:
            yield wire


async def provoke(
    wire: Wire, draw: random.Random, device: TestDevice, secret: bytes, state: str
) -> int:
    """Send up to eleven messages, then close; give the code with which the connection ended.

    Everything that comes back decodes as what the specification lets a relay send.
    """
    with contextlib.suppress(ConnectionClosed):
        for _ in range(draw.randrange(1, 12)):
            text = draw.random() < 0.8
            await wire.socket.send(
                mutilated(draw, device, state) if text else frame(draw, device, secret)
            )
        await (await wire.socket.ping())
        await wire.socket.close()
    return await wire.ended()


@pytest.mark.parametrize("state", ["post", "inbox", "logged in"])
@pytest.mark.parametrize("store", ["memory", "sqlite"])
async def test_whatever_is_sent_is_answered_as_documented(
    clock: ManualClock,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    store: str,
    state: str,
) -> None:
    """Documented answers and close codes alone; no fault of our own, nobody else disturbed."""
    caplog.set_level(logging.DEBUG, "hushpost.relay")
    configuration = quiet(store=store, data_folder=tmp_path, **UNLIMITED)
    seen: Counter[int] = Counter()
    async with RelayServer(configuration, clock=clock) as relay:
        device, bystander = TestDevice(relay.url), TestDevice(relay.url)
        async with bystander.inbox(create=True) as inbox:
            async with device.inbox(create=True) as own:
                secret = await device.open_drop(own)
            for seed in range(CASES):
                draw = random.Random(seed)
                async with in_state(state, device) as wire:
                    code = await provoke(wire, draw, device, secret, state)
                assert code in CLOSES, f"seed {seed}: closed with {code}"
                seen[code] += 1
            await bystander.open_drop(inbox)
        assert not [task for task in relay.services.tasks if not task.done()]
        assert len(relay.services.presence) <= 1
    assert seen[CloseCode.PROTOCOL_ERROR] > CASES // 10, seen
    assert state == "inbox" or seen[CloseCode.NORMAL] > CASES // 20, seen
    messages = [record.getMessage() for record in caplog.records]
    assert not [text for text in messages if "connection_failed" in text]
    assert not [text for text in messages if "commit_failed" in text]
