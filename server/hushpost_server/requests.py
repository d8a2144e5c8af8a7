"""Which function serves which control request."""

from __future__ import annotations

from hushpost_wire import control
from hushpost_wire.control import Request

from hushpost_server import inbox, login, post
from hushpost_server.session import Session


async def serve(session: Session, request: Request) -> None:
    """Serve one request; raises `RequestRefused` or a `StoreFault`, which the session answers."""
    match request:
        case control.CreateAccount():
            await login.create_account(session, request)
        case control.Login():
            await login.log_in(session, request)
        case control.RegisterDrop():
            await inbox.register_drop(session, request)
        case control.RevokeDrop():
            await inbox.revoke_drop(session, request)
        case control.PublishPrekeys():
            await inbox.publish_prekeys(session, request)
        case control.CountPrekeys():
            await inbox.count_prekeys(session, request)
        case control.PublishDeviceList():
            await inbox.publish_device_list(session, request)
        case control.DeleteAccount():
            await inbox.delete_account(session, request)
        case control.TakePrekeys():
            await post.take_prekeys(session, request)
        case control.FetchDeviceList():
            await post.fetch_device_list(session, request)
