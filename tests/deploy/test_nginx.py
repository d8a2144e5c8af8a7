"""The proxy of docs/deploy: a conversation through a real nginx, and what nginx wrote about it."""

import asyncio
import re
import shutil
import ssl
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from hushpost_proof.harness.certificates import Authority
from hushpost_proof.harness.relay_process import free_port, relay_process
from hushpost_proof.way_out.alone import talk
from hushpost_proof.way_out.headers import Answered, read_head

SAMPLE = Path(__file__).parents[2] / "docs" / "deploy" / "nginx.conf"
Require = Callable[[bool, str], None]
# Whoever dials from here, and asks for this, is unmistakable in any log.
ADDRESS = "127.9.8.7"
QUERY = "q4-unmistakable"
_BEHIND_PROXY = {
    "HUSHPOST_RELAY_BEHIND_PROXY": "true",
    "HUSHPOST_RELAY_PROXY_ADDRESS_HEADER": "X-Forwarded-For",
}
REQUESTS = ("/", f"/v1/inbox?{QUERY}", f"/{QUERY}", "/v1/post", "/health")


@dataclass(frozen=True, slots=True)
class Proxy:
    """A running nginx, all that it writes in one folder."""

    port: int
    folder: Path

    @property
    def written(self) -> bytes:
        """Everything that it wrote anywhere."""
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        return b"".join(path.read_bytes() for path in files if path.suffix != ".conf")


def changed(sample: str, changes: dict[str, str]) -> str:
    """Put a test's places into the sample; every one of them must be there."""
    for old, new in changes.items():
        assert old in sample, old
        sample = sample.replace(old, new)
    return sample


def configuration(folder: Path, port: int, relay_port: int, authority: Authority) -> str:
    """Give the sample as an operator would change it, with all files in a folder."""
    files = authority.issue("127.0.0.1")
    temporary = "".join(
        f"    {kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return changed(
        SAMPLE.read_text(),
        {
            "pid /run/nginx.pid;": f"pid {folder}/pid;\ndaemon off;",
            "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
            "        listen [::]:443 ssl;\n": "",
            "/etc/hushpost/relay.crt": str(files.certificate),
            "/etc/hushpost/relay.key": str(files.key),
            "127.0.0.1:8440": f"127.0.0.1:{relay_port}",
            "error_log stderr emerg;": f"error_log {folder}/error.log emerg;",
            "    server_tokens off;": f"    server_tokens off;\n{temporary}",
        },
    )


@asynccontextmanager
async def nginx(folder: Path, port: int, text: str) -> AsyncGenerator[Proxy]:
    """Run nginx with a configuration."""
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    path = folder / "nginx.conf"
    path.write_text(text)
    with (folder / "stderr").open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            *("nginx", "-p", str(folder), "-c", str(path), "-e", f"{folder}/start.log"),
            stderr=errors,
        )
    try:
        await _listens(process, port, folder)
        yield Proxy(port, folder)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _listens(process: asyncio.subprocess.Process, port: int, folder: Path) -> None:
    for _ in range(500):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            assert process.returncode is None, (folder / "stderr").read_text()
            await asyncio.sleep(0.02)
            continue
        writer.close()
        return
    raise TimeoutError("nginx does not listen")


async def probe(proxy: Proxy, context: ssl.SSLContext) -> list[Answered]:
    """Ask from an unmistakable address for all that is there and is not; give the answers."""
    answers: list[Answered] = []
    for path in REQUESTS:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", proxy.port, ssl=context, local_addr=(ADDRESS, 0)
        )
        head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nCookie: {QUERY}=1\r\n\r\n"
        writer.write(head.encode())
        answers.append(read_head(path, await reader.readuntil(b"\r\n\r\n")))
        writer.close()
    return answers


async def test_a_conversation_through_the_sample_leaves_no_trace(
    tmp_path: Path, require: Require
) -> None:
    """People meet and write through nginx; it writes no address, no request, and marks nobody."""
    require(shutil.which("nginx") is not None, "nginx (apt-get install nginx-light)")
    authority, port = Authority(tmp_path, "the test's own"), free_port()
    context = authority.client_context()
    async with relay_process(
        tmp_path, public_host=f"127.0.0.1:{port}", environment=_BEHIND_PROXY
    ) as relay:
        text = configuration(tmp_path / "proxy", port, relay.port, authority)
        async with nginx(tmp_path / "proxy", port, text) as proxy:
            assert await talk(f"wss://127.0.0.1:{port}", tmp_path, context) > 20
            answers = await probe(proxy, context)
            assert {one.status for one in answers} <= {400, 404, 426}
            names = {name.lower() for one in answers for name, _ in one.headers}
            assert not names & {"set-cookie", "etag", "x-powered-by", "last-modified"}
        for trace in (ADDRESS.encode(), QUERY.encode(), b"/v1/inbox", b"127.0.0.1"):
            assert trace not in proxy.written
        assert ADDRESS.encode() not in relay.log_path.read_bytes()


async def test_with_its_logs_on_the_same_nginx_writes_both(
    tmp_path: Path, require: Require
) -> None:
    """The control: the defaults of nginx put address and request into its files, and are found."""
    require(shutil.which("nginx") is not None, "nginx (apt-get install nginx-light)")
    authority, port = Authority(tmp_path, "the test's own"), free_port()
    folder = tmp_path / "proxy"
    text = configuration(folder, port, free_port(), authority)
    leaky = changed(
        text,
        {"access_log off;": f"access_log {folder}/access.log;", "error.log emerg;": "error.log;"},
    )
    async with nginx(folder, port, leaky) as proxy:
        await probe(proxy, authority.client_context())
    assert ADDRESS.encode() in proxy.written
    assert QUERY.encode() in proxy.written


def test_the_sample_takes_no_older_tls() -> None:
    """TLS 1.3 alone, no sessions kept, no version told."""
    sample = SAMPLE.read_text()
    assert re.findall(r"^\s*ssl_protocols (.*);", sample, re.MULTILINE) == ["TLSv1.3"]
    assert "server_tokens off;" in sample
    assert "ssl_session_tickets off;" in sample
