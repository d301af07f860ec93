"""An HTTP server of the tests' own, which does what a path says and remembers what it got."""

from __future__ import annotations

import asyncio
import gzip
import json
import ssl
import subprocess
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import anyio._backends._asyncio  # noqa: F401 - now: loaded in the middle of a test, pytest rewrites it, which Python 3.11 may refuse
import pytest
from ee_activity_http.activity import HttpActivity
from ee_activity_http.settings import read_settings

from ee_core.local.env import SystemEnv
from ee_core.testing.activity import new_context

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path


@dataclass
class Received:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Server:
    """Answers by the path; `open` counts connections on which an answer is awaited."""

    port: int = 0
    scheme: str = "http"
    received: list[Received] = field(default_factory=list)
    open: int = 0
    written: int = 0  # bytes of an endless body

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.port}{path}"

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await self._read(reader)
            self.received.append(request)
            self.open += 1
            try:
                await self._answer(request, reader, writer)
            finally:
                self.open -= 1
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> Received:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ")
        headers = {}
        for line in filter(None, lines[1:]):
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        return Received(method, target, headers, body)

    async def _answer(  # noqa: C901, PLR0912 - one branch for each path
        self, request: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        url = urlsplit(request.target)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        match url.path:
            case "/echo":
                value = {
                    "method": request.method,
                    "headers": request.headers,
                    "text": request.body.decode(),
                    "query": query,
                }
                self._write(writer, 200, json.dumps(value).encode(), {"content-type": "application/json"})
            case "/body":
                body = bytes.fromhex(query.get("hex", ""))
                self._write(writer, 200, body, {"content-type": query.get("type", "text/plain")})
            case "/status":
                headers = {"retry-after": query["after"]} if "after" in query else {}
                self._write(writer, int(query["code"]), query.get("text", "").encode(), headers)
            case "/redirect":
                self._write(writer, int(query.get("code", "302")), b"", {"location": query["to"]})
            case "/large":
                self._write(writer, 200, b"a" * int(query["bytes"]), {"content-type": "text/plain"})
            case "/endless":
                await self._write_much(writer, int(query["bytes"]))
            case "/gzip":
                body = gzip.compress(b"a" * int(query["bytes"]))
                self._write(
                    writer,
                    200,
                    body,
                    {"content-type": "text/plain", "content-encoding": query.get("as", "gzip")},
                )
            case "/slow":  # until the client goes away
                await reader.read()
            case "/half":
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345")
                await writer.drain()
            case "/hang":
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345")
                await reader.read()
            case "/close":
                return
            case _:
                self._write(writer, 404, b"no such thing", {"content-type": "text/plain"})
        await writer.drain()

    async def _write_much(self, writer: asyncio.StreamWriter, count: int) -> None:
        writer.write(f"HTTP/1.1 200 OK\r\ncontent-length: {count}\r\n\r\n".encode())
        chunk = bytes(65_536)
        while self.written < count:
            writer.write(chunk)
            await writer.drain()
            self.written += len(chunk)

    def _write(self, writer: asyncio.StreamWriter, status: int, body: bytes, headers: dict[str, str]) -> None:
        lines = [f"HTTP/1.1 {status} Word", f"content-length: {len(body)}", "connection: close"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)


@dataclass
class Proxy(Server):
    """Answers what it is asked for without TLS by itself, and opens tunnels to one server, whatever name is said."""

    tunnel_to: int = 0
    refusal: int = 0

    async def _answer(
        self, request: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if self.refusal:
            self._write(writer, self.refusal, b"", {})
            await writer.drain()
        elif request.method == "CONNECT":
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            there, to = await asyncio.open_connection("127.0.0.1", self.tunnel_to)
            await asyncio.gather(_pump(reader, to), _pump(there, writer))
        else:
            await super()._answer(request, reader, writer)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


Listener = TypeVar("Listener", Server, Proxy)


@asynccontextmanager
async def listening(made: Listener, certificate: Path | None = None) -> AsyncIterator[Listener]:
    """Let a server or proxy listen on a free port; with a certificate it speaks TLS."""
    context = None
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
    opened = await asyncio.start_server(made.handle, "127.0.0.1", 0, ssl=context)
    made.port = opened.sockets[0].getsockname()[1]
    async with opened:
        yield made


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    async with listening(Proxy()) as made:
        yield made


@pytest.fixture
async def tls_proxy(certificate: Path) -> AsyncIterator[Proxy]:
    async with listening(Proxy(scheme="https"), certificate) as made:
        yield made


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with listening(Server()) as made:
        yield made


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for the name localhost, with its key; made here, so that no key is kept anywhere."""
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test"
    )
    options = [
        "-addext",
        "subjectAltName=DNS:localhost",
        "-keyout",
        str(path),
        "-out",
        str(path.with_suffix(".crt")),
    ]
    try:
        subprocess.run([*command.split(), *options], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("no openssl command to make a certificate with")
    path.write_bytes(path.read_bytes() + path.with_suffix(".crt").read_bytes())
    return path


@pytest.fixture
async def tls_server(certificate: Path) -> AsyncIterator[Server]:
    async with listening(Server(scheme="https"), certificate) as made:
        yield made


@pytest.fixture
def make_activity() -> Callable[..., HttpActivity]:
    def make(**settings: object) -> HttpActivity:
        return HttpActivity(read_settings({"allow": ["127.0.0.0/8"], **settings}), SystemEnv())

    return make


@pytest.fixture
def fetch(make_activity: Callable[..., HttpActivity]) -> Callable[..., Awaitable[Any]]:
    """Carry out one attempt: keywords beginning with ``set_`` are settings, the others the input."""

    async def fetch(url: str, **more: object) -> Any:
        settings = {
            name.removeprefix("set_"): value for name, value in more.items() if name.startswith("set_")
        }
        value = {name: value for name, value in more.items() if not name.startswith("set_")}
        return await make_activity(**settings).run(new_context(), {"url": url, **value})

    return fetch
