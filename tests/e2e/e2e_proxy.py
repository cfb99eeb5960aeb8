"""A wire between bridge and broker that can be cut, held, or grow deaf to MQTT 5."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Literal, Self

CONNECT = 0x10
REFUSED_VERSION = bytes.fromhex("20 02 00 01")
"""CONNACK of MQTT 3.1.1, table 3.1: "unacceptable protocol version"."""


class Proxy:
    """Listens on a port of its own and passes on to the broker's.

    `levels` are the protocol levels of the CONNECT packets that came. With mute_first the
    broker says CONNACK and nothing more over the first connection.
    """

    def __init__(
        self,
        broker_port: int,
        *,
        refuse_5: Literal["no", "connack", "close"] = "no",
        mute_first: bool = False,
    ) -> None:
        self.levels: list[int] = []
        self._times: list[float] = []
        self.passing = asyncio.Event()
        self.passing.set()
        self._broker_port = broker_port
        self._refuse_5 = refuse_5
        self._mute_next = mute_first
        self._streams: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._upward: set[asyncio.StreamWriter] = set()
        self._frozen: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._server.close()
        self.passing.set()
        while self._tasks:
            self.cut()
            await asyncio.wait(self._tasks, timeout=0.1)
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    @property
    def haste(self) -> float:
        """Attempts a second, from the first to the last; a slow machine only lowers it."""
        return (len(self._times) - 1) / (self._times[-1] - self._times[0])

    def cut(self, last_words: bytes = b"") -> None:
        """Close every connection; `last_words` are the broker's."""
        for stream in self._streams:
            if stream not in self._upward:
                stream.write(last_words)
            stream.close()

    def freeze(self) -> None:
        """Pass nothing on any more over what is connected now, and say nothing."""
        self._frozen |= self._streams

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self._streams.add(writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await self._serve(reader, writer)
        await self._close(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await _connect_packet(reader)
        self.levels.append(_level(head))
        self._times.append(asyncio.get_running_loop().time())
        if self._refuse_5 != "no" and _level(head) == 5:
            if self._refuse_5 == "connack":
                writer.write(REFUSED_VERSION)
                await writer.drain()
            return
        await self.passing.wait()
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._broker_port)
        self._streams.add(up_writer)
        self._upward.add(up_writer)
        up_writer.write(head)
        ways = [
            asyncio.create_task(self._pass(reader, up_writer)),
            asyncio.create_task(self._pass(up_reader, writer, once=self._mute_next)),
        ]
        self._mute_next = False
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            await self._close(up_writer)

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, once: bool = False
    ) -> None:
        while data := await reader.read(65536):
            if writer not in self._frozen:
                writer.write(data)
                await writer.drain()
            if once:
                self._frozen.add(writer)

    async def _close(self, writer: asyncio.StreamWriter) -> None:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        self._streams.discard(writer)
        self._upward.discard(writer)


async def _connect_packet(reader: asyncio.StreamReader) -> bytes:
    """The whole CONNECT packet: fixed header, remaining length, rest."""
    head = await reader.readexactly(1)
    assert head[0] == CONNECT
    length = shift = 0
    while True:
        byte = await reader.readexactly(1)
        head += byte
        length |= (byte[0] & 0x7F) << shift
        shift += 7
        if not byte[0] & 0x80:
            return head + await reader.readexactly(length)


def _level(packet: bytes) -> int:
    """The protocol level stands behind the name MQTT."""
    return packet[packet.index(b"MQTT") + 4]
