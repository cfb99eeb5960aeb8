"""HTTP behind TLS over the chip: asyncio's streams at one end, http.server at the other."""

from __future__ import annotations

import asyncio
import http.server
import os
import ssl
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from e2e_chips import NEIGHBOUR, certificate, ready_chip
from e2e_waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DEADLINE = 30
BODY = os.urandom(150_000)


class Pages(http.server.BaseHTTPRequestHandler):
    """Answers GET with BODY, and POST with what came, backwards."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(BODY)

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["Content-Length"]))[::-1])

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def web(context: ssl.SSLContext) -> Iterator[int]:
    """A server on a port of this machine."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        server.daemon_threads = False
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


async def fetch(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: str, body: bytes = b""
) -> bytes:
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    writer.write(f"{head} HTTP/1.1\r\nHost: localhost\r\n{length}\r\n".encode() + body)
    await writer.drain()
    lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    assert lines[0] == "HTTP/1.1 200 OK"
    size = next(int(line.split()[1]) for line in lines if line.startswith("Content-Length"))
    return await reader.readexactly(size)


@pytest.mark.parametrize("sockets", [1, 4])
async def test_pages(tmp_path: Path, sockets: int) -> None:
    """Several over one connection, one large each way."""
    server, client = certificate(tmp_path)
    async with ready_chip(tmp_path, sockets=sockets) as (_lan, chip):
        with web(server) as port:
            reader, writer = await chip.open_connection(
                NEIGHBOUR, port, ssl=client, server_hostname="localhost"
            )
            async with asyncio.timeout(DEADLINE):
                assert await fetch(reader, writer, "GET /") == BODY
                sent = os.urandom(60_000)
                assert await fetch(reader, writer, "POST /", sent) == sent[::-1]
                assert await fetch(reader, writer, "GET /again") == BODY
            assert writer.get_extra_info("peername") == (NEIGHBOUR, port)
            assert writer.get_extra_info("ssl_object").version().startswith("TLSv1.")
            writer.close()
            await writer.wait_closed()


async def test_somebody_else_s_certificate_is_refused(tmp_path: Path) -> None:
    """And the connection is not left open."""
    server, client = certificate(tmp_path)
    async with ready_chip(tmp_path) as (lan, chip):
        with web(server) as port:

            async def connect(name: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
                return await chip.open_connection(NEIGHBOUR, port, ssl=client, server_hostname=name)

            with pytest.raises(ssl.SSLCertVerificationError):
                await connect("example.org")
            await until(lambda: all(each.session is None for each in lan.sim.sockets))
            _reader, writer = await connect("localhost")
            writer.close()
            await writer.wait_closed()
