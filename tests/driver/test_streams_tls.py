"""TLS over a chip's connection: this host shakes hands, the chip carries bytes."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from chiplink.driver import stream_tls
from chiplink.driver.streams import Streams
from driver.driver_script import moment
from driver.fake_stack import FakeStack, Network
from driver.throwaway_modem_worlds import WORLDS
from driver.virtual_clock import VirtualLoop, virtual

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="openssl makes the certificate")

SERVER = "10.0.0.9"
PORT = 443


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate and its key in one file, for `broker.example` and SERVER."""
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=broker.example"),
            *("-addext", f"subjectAltName=DNS:broker.example,IP:{SERVER}"),
            *("-addext", "keyUsage=critical,digitalSignature,keyCertSign"),
            *("-keyout", str(path), "-out", str(path.with_suffix(".crt"))),
        ],
        check=True,
        capture_output=True,
    )
    path.write_text(path.read_text() + path.with_suffix(".crt").read_text())
    return path


class World:
    """A client's chip and a server's, and what they need."""

    def __init__(self, certificate: Path) -> None:
        network = Network()
        self.near = FakeStack(network)
        self.far = FakeStack(network, SERVER)
        self.client = Streams(self.near)
        self.server = Streams(self.far)
        self.here = ssl.create_default_context(cafile=certificate.with_suffix(".crt"))
        self.there = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.there.load_cert_chain(certificate)


async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Greet, then answer in capitals until the end."""
    writer.write(b"hello\n")
    while line := await reader.readline():
        writer.write(line.upper())
        await writer.drain()
    writer.close()


@virtual
async def test_both_sides(certificate: Path) -> None:
    it = World(certificate)
    async with await it.server.start_server(shout, PORT, ssl=it.there) as server:
        reader, writer = await it.client.open_connection(
            SERVER, PORT, ssl=it.here, server_hostname="broker.example"
        )
        assert await reader.readline() == b"hello\n"
        writer.write(b"x" * 50_000 + b"\n")
        assert await reader.readline() == b"X" * 50_000 + b"\n"
        assert writer.get_extra_info("ssl_object").version() == "TLSv1.3"
        assert writer.get_extra_info("peername") == (SERVER, PORT)
        assert not any(b"xxxx" in piece for each in it.near.sockets for piece in each.sent)
        writer.close()
        await writer.wait_closed()
        server.close()
    assert (it.near.open, it.far.open) == ([], [])


@pytest.mark.parametrize("chip", WORLDS)
@virtual
async def test_over_every_chip(certificate: Path, chip: str) -> None:
    context = ssl.create_default_context(cafile=certificate.with_suffix(".crt"))
    async with WORLDS[chip]() as it:
        server = Streams(FakeStack(it.network, SERVER))
        async with await server.start_server(shout, PORT, ssl=World(certificate).there):
            reader, writer = await it.streams.open_connection(SERVER, PORT, ssl=context)
            assert await reader.readline() == b"hello\n"
            writer.write(b"x" * 20_000 + b"\n")
            assert await reader.readline() == b"X" * 20_000 + b"\n"
            writer.close()
            await writer.wait_closed()


@virtual
async def test_the_address_is_verified_when_no_name_is_given(certificate: Path) -> None:
    it = World(certificate)
    async with await it.server.start_server(shout, PORT, ssl=it.there):
        reader, writer = await it.client.open_connection(SERVER, PORT, ssl=it.here)
        assert await reader.readline() == b"hello\n"
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"server_hostname": "other.example"}, "Hostname mismatch"),
        ({"ssl": True}, "self-signed|self signed"),
    ],
)
@virtual
async def test_who_is_not_trusted(certificate: Path, options: dict[str, Any], why: str) -> None:
    it = World(certificate)
    async with await it.server.start_server(shout, PORT, ssl=it.there):
        with pytest.raises(ssl.SSLCertVerificationError, match=why):
            await it.client.open_connection(SERVER, PORT, **{"ssl": it.here, **options})
        await moment()
        assert it.near.open == []


@virtual
async def test_a_stream_is_upgraded_on_the_way(certificate: Path) -> None:
    it = World(certificate)

    async def upgrade(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readline() == b"STARTTLS\n"
        writer.write(b"go\n")
        await writer.start_tls(it.there)
        await shout(reader, writer)

    async with await it.server.start_server(upgrade, PORT):
        reader, writer = await it.client.open_connection(SERVER, PORT)
        writer.write(b"STARTTLS\n")
        assert await reader.readline() == b"go\n"
        await writer.start_tls(it.here, server_hostname="broker.example")
        assert await reader.readline() == b"hello\n"
        writer.write(b"secret\n")
        assert await reader.readline() == b"SECRET\n"
        writer.close()
        await writer.wait_closed()


@virtual
async def test_nothing_comes_before_the_connection(certificate: Path) -> None:
    """The greeting may come in one piece with the end of the handshake."""
    told = []

    class Watcher(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            told.append(type(transport).__name__)

        def data_received(self, data: bytes) -> None:
            told.append(data.decode())

        def eof_received(self) -> None:
            told.append("end")

        def connection_lost(self, exc: Exception | None) -> None:
            told.append(repr(exc))

    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        writer.close()

    it = World(certificate)
    async with await it.server.start_server(greet, PORT, ssl=it.there):
        transport, protocol = await it.client.create_connection(Watcher, SERVER, PORT, ssl=it.here)
        assert transport.get_protocol() is protocol
        await moment()
    assert told == ["_SSLProtocolTransport", "hello", "end", "None"]


@virtual
async def test_early_words_are_kept_in_order() -> None:
    told: list[object] = []

    class Watcher(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            told.append("made")

        def data_received(self, data: bytes) -> None:
            told.append(data)

        def eof_received(self) -> None:
            told.append("end")

        def connection_lost(self, exc: Exception | None) -> None:
            told.append(exc)

    gate = stream_tls._Gate(Watcher())
    gate.data_received(b"early")
    gate.eof_received()
    gate.connection_lost(None)
    assert told == []
    gate.open(asyncio.Transport())
    assert told == ["made", b"early", "end", None]
    gate.data_received(b"late")
    assert told[4:] == [b"late"]


@virtual
async def test_a_chip_lost_during_the_handshake(certificate: Path) -> None:
    it = World(certificate)
    async with await it.server.start_server(shout, PORT, ssl=it.there) as server:
        it.far.stall(sending=True)
        opening = asyncio.ensure_future(it.client.open_connection(SERVER, PORT, ssl=it.here))
        await asyncio.sleep(1)
        it.near.lose("unplugged")
        with pytest.raises(ConnectionResetError, match="unplugged"):
            await opening
        server.abort_clients()


@virtual
async def test_a_chip_lost_later(certificate: Path) -> None:
    it = World(certificate)
    async with await it.server.start_server(shout, PORT, ssl=it.there) as server:
        reader, writer = await it.client.open_connection(SERVER, PORT, ssl=it.here)
        await reader.readline()
        it.near.lose("unplugged")
        with pytest.raises(ConnectionResetError, match="unplugged"):
            await reader.read()
        with pytest.raises(ConnectionResetError, match="unplugged"):
            await writer.wait_closed()
        server.abort_clients()


@virtual
async def test_a_handshake_that_takes_too_long(certificate: Path) -> None:
    it = World(certificate)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await it.server.start_server(silent, PORT):
        with pytest.raises(TimeoutError, match="not within 5 s"):
            await it.client.open_connection(SERVER, PORT, ssl=it.here, timeout=5)
        await moment()
        assert it.near.open == []


@virtual
async def test_a_caller_without_tls_is_turned_away(certificate: Path) -> None:
    it = World(certificate)
    async with await it.server.start_server(shout, PORT, ssl=it.there):
        reader, writer = await it.client.open_connection(SERVER, PORT)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        assert await reader.read(1) in (b"\x15", b"")  # an alert, or the end
        writer.close()
        await writer.wait_closed()


@virtual
async def test_a_protocol_that_fails_at_once_costs_one_connection(certificate: Path) -> None:
    class Bad(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            raise RuntimeError("a defect")

    it = World(certificate)
    async with await it.server.create_server(Bad, PORT, ssl=it.there):
        reader, writer = await it.client.open_connection(SERVER, PORT, ssl=it.here)
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    assert [each["message"] for each in loop.complaints] == ["a connection could not begin"]
    loop.complaints.clear()


@virtual
async def test_closing_all_sends_what_a_server_wrote(certificate: Path) -> None:
    it = World(certificate)
    written = asyncio.Event()

    def write(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _piece in range(3):
            writer.write(bytes(100_000))
        written.set()

    server = await it.server.start_server(write, PORT, ssl=it.there)
    reader, writer = await it.client.open_connection(
        SERVER, PORT, ssl=it.here, server_hostname="broker.example", limit=1_000_000
    )
    reading = asyncio.create_task(reader.read())
    await written.wait()
    server.close()
    server.close_clients()
    assert len(await reading) == 300_000
    writer.close()
    await server.wait_closed()
    assert it.far.open == []


@virtual
async def test_a_server_that_is_closed_while_shaking_hands(certificate: Path) -> None:
    it = World(certificate)
    server = await it.server.start_server(shout, PORT, ssl=it.there)
    _reader, writer = await it.client.open_connection(SERVER, PORT)
    await moment()
    server.close()
    server.abort_clients()
    await server.wait_closed()
    assert it.far.open == []
    writer.close()
    await writer.wait_closed()


def test_what_is_asked_for() -> None:
    context = ssl.create_default_context()
    wanted = stream_tls.client_tls(context, None, "a.example")
    assert wanted == (context, False, "a.example")
    unnamed = stream_tls.client_tls(True, "", "a.example")
    assert unnamed is not None
    assert (unnamed.hostname, unnamed.context.check_hostname) == ("", False)
    named = stream_tls.client_tls(True, None, "a.example")
    assert named is not None
    assert named.context.check_hostname
    assert stream_tls.client_tls(None, None, "a.example") is None
    with pytest.raises(ValueError, match="only meaningful with ssl"):
        stream_tls.client_tls(None, "b.example", "a.example")
