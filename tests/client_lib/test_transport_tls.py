"""TLS between the client and a real relay, with certificates made for the test."""

import asyncio
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from time import time

import pytest
from hushpost.errors import RelayUnreachable
from hushpost.transport_dial import Dial
from hushpost.transport_inbox import Delivery
from hushpost.transport_link import open_link
from hushpost.transport_post import PostOffice
from hushpost_crypto.primitives import random_bytes
from hushpost_proof.harness.certificates import Authority, Files, self_signed
from hushpost_server.configuration import Configuration
from hushpost_server.relay import RelayServer
from hushpost_wire.control import Role
from hushpost_wire.host import Host

from tests.client_lib.transport_people import MemoryPins, person, posting

ADDRESS = "127.0.0.1"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Make the authority that the client trusts."""
    return Authority(tmp_path, "trusted")


@asynccontextmanager
async def relay_over_tls(files: Files) -> AsyncGenerator[Host, None]:
    """Run a relay that terminates TLS itself with this certificate."""
    configuration = Configuration(
        listen_port=0,
        store="memory",
        metrics=False,
        tls_certificate=files.certificate,
        tls_key=files.key,
    )
    async with RelayServer(configuration) as relay:
        yield Host(relay.host)


@asynccontextmanager
async def bare_server(context: ssl.SSLContext | None) -> AsyncGenerator[tuple[Host, bytearray]]:
    """Run a server that is no relay; gives its host and every byte of a client it could read."""
    heard = bytearray()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.extend(await reader.read(1 << 16))
        if context is None:
            writer.write(b"not TLS at all\r\n\r\n")
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(listen, ADDRESS, 0, ssl=context) as server:
        yield Host(f"{ADDRESS}:{server.sockets[0].getsockname()[1]}"), heard


async def refused(host: Host, context: ssl.SSLContext) -> str:
    """Try to open a connection that must be refused; give what the app is told."""
    with pytest.raises(RelayUnreachable, match=r"TLS 1\.3|check the host name") as told:
        await open_link(
            host, Role.POST, dial=Dial(tls=context), pins=MemoryPins(), random=random_bytes
        )
    return str(told.value)


async def test_a_message_travels_over_tls_1_3(authority: Authority) -> None:
    """With an authority of the app's own, login, post and delivery work, and it is TLS 1.3."""
    dial = Dial(tls=authority.client_context())
    async with relay_over_tls(authority.issue(ADDRESS)) as host, person(host, dial) as bob:
        office = PostOffice(pins=MemoryPins(), dial=dial, random=random_bytes)
        sent = posting(await bob.make_drop(), time())
        verdict = await office.submit(b"bob", host, sent)
        await bob.ear.until_heard(Delivery)
        (delivery,) = bob.ear.deliveries()
        assert delivery.deliver.envelope == sent.envelope
        bob.inbox.acknowledge(delivery)
        assert (await verdict).accepted
        link = await open_link(host, Role.POST, dial=dial, pins=MemoryPins(), random=random_bytes)
        socket = link._socket.transport  # pyright: ignore[reportPrivateUsage]  # asks TLS itself
        assert socket.get_extra_info("ssl_object").version() == "TLSv1.3"
        await link.close()
        await office.close()


async def test_a_certificate_nobody_vouches_for_is_refused(
    tmp_path: Path, authority: Authority
) -> None:
    """A self-signed certificate and one of another authority are refused, and nothing is sent."""
    stranger = Authority(tmp_path, "stranger")
    for files in (self_signed(tmp_path, ADDRESS), stranger.issue(ADDRESS)):
        async with bare_server(files.server_context()) as (host, heard):
            assert "CERTIFICATE_VERIFY_FAILED" in await refused(host, authority.client_context())
            assert heard == b""


async def test_the_systems_authorities_are_the_default(tmp_path: Path) -> None:
    """Without a context of the app's own a self-signed relay elsewhere would be refused too."""
    context = Dial().tls_for(Host("relay.example"))
    assert context is not None
    files = self_signed(tmp_path, ADDRESS)
    async with relay_over_tls(files) as host:
        assert "CERTIFICATE_VERIFY_FAILED" in await refused(host, context)


async def test_a_certificate_for_another_host_or_time_is_refused(authority: Authority) -> None:
    """The trusted authority's word for another address, or of the past, does not count."""
    for files in (authority.issue("127.0.0.9"), authority.issue(ADDRESS, expired=True)):
        async with relay_over_tls(files) as host:
            assert "CERTIFICATE_VERIFY_FAILED" in await refused(host, authority.client_context())


async def test_a_server_of_tls_1_2_is_refused(authority: Authority) -> None:
    """A server that speaks nothing newer than TLS 1.2 is told apart, and hears nothing."""
    context = authority.issue(ADDRESS).server_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    async with bare_server(context) as (host, heard):
        assert "TLS 1.3" in await refused(host, authority.client_context())
        assert heard == b""


async def test_a_server_without_tls_is_refused(authority: Authority) -> None:
    """A plain server is refused in the handshake, before a word of the protocol."""
    async with bare_server(None) as (host, heard):
        await refused(host, authority.client_context())
        assert b"hushpost" not in heard
        assert b"GET" not in heard
