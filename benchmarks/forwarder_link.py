"""Connections of the load to a forwarder."""

from benchmarks.client_frames import FIN_BINARY, client_frame
from benchmarks.errors import LoadFailure
from benchmarks.link import Link


async def open_forwarded(url: str, route: bytes) -> Link:
    """Connect to a forwarder as the recipient `route`, or with b"" as a sender alone."""
    link = await Link.connect(url)
    link.receive_messages()
    link.write(client_frame(FIN_BINARY, route))
    if await link.message() != b"ready":
        raise LoadFailure("this is no forwarder")
    return link
