"""Tests of hushpost_server.requests: the dispatch knows every request there is."""

from __future__ import annotations

import inspect
from typing import get_args

from hushpost_proof.harness.device import TestDevice, dial
from hushpost_server import requests
from hushpost_server.relay import RelayServer
from hushpost_wire.control import (
    CountPrekeys,
    DeleteAccount,
    DeviceLists,
    Done,
    Error,
    ErrorCode,
    FetchDeviceList,
    PrekeyCount,
    PublishDeviceList,
    PublishPrekeys,
    Request,
    RevokeDrop,
    TakePrekeys,
)
from hushpost_wire.identifiers import DropHash, Signature


def test_every_request_of_the_protocol_has_its_arm() -> None:
    """A request that is added to the wire and forgotten here fails this test."""
    source = inspect.getsource(requests.serve)
    for kind in get_args(Request):
        assert f"control.{kind.__name__}()" in source


async def test_each_request_is_answered_by_what_serves_it(relay: RelayServer) -> None:
    """Every kind gets the answer, or the refusal, that only its own service gives."""
    device = TestDevice(relay.url)
    async with device.inbox(create=True) as inbox, dial(relay.url, "/v1/post") as post:
        await device.open_drop(inbox)
        revoke = RevokeDrop(id=inbox.id(), drop_hash=DropHash(bytes(32)))
        await inbox.ask(revoke, Done)
        publish = PublishPrekeys(id=inbox.id(), one_time=(device.prekey(),))
        assert (await inbox.ask(publish, PrekeyCount)).left == 1
        count = CountPrekeys(id=inbox.id())
        assert (await inbox.ask(count, PrekeyCount)).left == 1
        first = device.lists[0]
        newer = device.make_list(2, first.head())
        listed = PublishDeviceList(id=inbox.id(), device_list=newer.to_bytes())
        await inbox.ask(listed, Done)
        fetch = FetchDeviceList(id=post.id(), account=device.account_id, after_version=1)
        assert len((await post.ask(fetch, DeviceLists)).lists) == 1
        take = TakePrekeys(id=post.id(), account=type(device.account_id)(bytes(32)))
        assert (await post.ask(take, Error)).code is ErrorCode.NO_ACCOUNT
        delete = DeleteAccount(id=inbox.id(), signature=Signature(bytes(64)))
        assert (await inbox.ask(delete, Error)).code is ErrorCode.BAD_SIGNATURE
