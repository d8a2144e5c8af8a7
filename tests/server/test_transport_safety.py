"""Tests of hushpost_server.transport_safety, with a certificate of the tests' own."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hushpost_server.clock import ManualClock
from hushpost_server.errors import TransportUnsafe
from hushpost_server.relay import RelayServer
from hushpost_server.transport_safety import tls_context
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from tests.server.conftest import quiet


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """Make a self-signed certificate for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "relay")])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    chain, secret = tmp_path / "chain.pem", tmp_path / "key.pem"
    chain.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return chain, secret


def test_loopback_and_proxies_may_be_plain() -> None:
    """Plain ws:// is for this machine, or behind a proxy that says it is there."""
    assert tls_context(quiet()) is None
    assert tls_context(quiet(listen_host="0.0.0.0", behind_proxy=True)) is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "relay.example"])
def test_anything_else_needs_tls(host: str) -> None:
    """The refusal names the three ways out."""
    with pytest.raises(TransportUnsafe, match=r"tls_certificate.*behind_proxy.*127\.0\.0\.1"):
        tls_context(quiet(listen_host=host))


def test_files_that_are_missing_or_no_pem_are_told(
    certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    """A certificate that cannot be used stops the relay before it listens."""
    chain, secret = certificate
    with pytest.raises(TransportUnsafe, match="does not exist"):
        tls_context(quiet(tls_certificate=chain, tls_key=tmp_path / "absent.pem"))
    secret.write_text("no key")
    with pytest.raises(TransportUnsafe, match="cannot be used"):
        tls_context(quiet(tls_certificate=chain, tls_key=secret))


async def test_tls_1_3_is_spoken_and_nothing_older(
    certificate: tuple[Path, Path], clock: ManualClock
) -> None:
    """A client gets TLS 1.3; one that stops at 1.2 gets no connection."""
    chain, secret = certificate
    async with RelayServer(quiet(tls_certificate=chain, tls_key=secret), clock=clock) as relay:
        assert relay.url.startswith("wss://")
        context = ssl.create_default_context(cafile=str(chain))
        async with connect(
            relay.url + "/v1/post",
            ssl=context,
            subprotocols=[Subprotocol("hushpost.v1")],
            proxy=None,
        ) as socket:
            assert socket.transport.get_extra_info("ssl_object").version() == "TLSv1.3"
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            async with connect(relay.url + "/v1/post", ssl=context, proxy=None):
                pass
