"""The line to the broker, with a broker that says what a test wants, byte by byte."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from chiplink.mqtt.connection import Connection
from chiplink.mqtt.connection_events import Connected, Disconnected, Event
from chiplink.mqtt.message import Incoming, Message
from chiplink.mqtt.url import Broker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

DEADLINE = 20

CONNACK = bytes.fromhex("20 03 00 00 00")
CONNACK_200 = bytes.fromhex("20 08 00 00 05 27 000000C8")
"""Success; the second with the property 27H, Maximum Packet Size: 200."""

PINGRESP = bytes.fromhex("D0 00")

PUBLISH = bytes.fromhex("30 05 0001 74 00 78")
"""QoS 0, topic `t`, no properties, payload `x`."""


class FakeBroker:
    """Answers CONNECT with `hello` and keeps what it is sent."""

    def __init__(self, hello: bytes) -> None:
        self.hello = hello
        self.heard = bytearray()
        self._closing: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._closing.append(writer)
        await reader.read(1024)
        writer.write(self.hello)
        while data := await reader.read(1024):
            self.heard += data

    async def close(self) -> None:
        for writer in self._closing:
            writer.close()


class Bench:
    """A connection to a fake broker, and what it told; `react` is called first."""

    def __init__(self, port: int, **tls: Any) -> None:
        self.events: list[Event] = []
        self.react: Callable[[Event], None] = lambda _event: None
        self._changed = asyncio.Event()
        broker = Broker(host="127.0.0.1", port=port, **tls)
        self.connection = Connection(broker, "chiplink-test", None, self._take)

    def _take(self, event: Event) -> None:
        self.events.append(event)
        self._changed.set()
        self.react(event)

    async def until(self, kind: type[Event]) -> Event:
        async with asyncio.timeout(DEADLINE):
            while not (found := [event for event in self.events if isinstance(event, kind)]):
                self._changed.clear()
                await self._changed.wait()
        return found[0]

    def break_line(self) -> None:
        """From now on every write fails."""
        client = self.connection._client
        assert client is not None
        line = client.socket()
        assert isinstance(line, socket.socket)
        line.shutdown(socket.SHUT_WR)


@pytest.fixture
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    broker = FakeBroker(getattr(request, "param", CONNACK + PUBLISH))
    server = await asyncio.start_server(broker.serve, "127.0.0.1", 0)
    made = Bench(server.sockets[0].getsockname()[1])
    made.connection.start()
    yield made
    await made.connection.stop()
    await broker.close()
    server.close()


async def test_a_write_that_fails_within_a_callback_ends_the_connection_and_nothing_else(
    bench: Bench,
) -> None:
    def speak(event: Event) -> None:
        if isinstance(event, Incoming):
            bench.break_line()
            bench.connection.publish(Message("t", b"answer"))

    bench.react = speak
    assert isinstance(await bench.until(Disconnected), Disconnected)


@pytest.mark.parametrize(
    ("bench", "limit"), [(CONNACK, None), (CONNACK_200, 200)], indirect=["bench"]
)
async def test_the_longest_packet_that_the_broker_takes_is_told(
    bench: Bench, limit: int | None
) -> None:
    assert await bench.until(Connected) == Connected(5, limit)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """The folder of `cert.pem`, which is its own authority, and `key.pem`."""
    if not shutil.which("openssl"):
        pytest.skip("openssl makes the certificate")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "2"),
            *("-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    return tmp_path


async def test_what_comes_behind_a_packet_that_tells_nothing_does_not_wait(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both came in one TLS record: the socket does not become readable again."""
    monkeypatch.setattr("chiplink.mqtt.connection.TICK", 2 * DEADLINE)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    broker = FakeBroker(CONNACK + PINGRESP * 3 + PUBLISH)
    server = await asyncio.start_server(broker.serve, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    bench = Bench(port, tls=True, ca_file=str(certificate / "cert.pem"))
    bench.connection.start()
    try:
        await bench.until(Incoming)
    finally:
        await bench.connection.stop()
        await broker.close()
        server.close()
