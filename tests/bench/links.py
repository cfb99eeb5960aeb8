"""Links over a CH392: the share of its line that is payload, and CPU time from chip to MQTT.

The simulated chip is a process of its own at 921,600 baud, its pseudo-terminal paced; the far
side of its connections are plain sockets in a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import statistics
import sys
import tempfile
import threading
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import paho.mqtt.client as mqtt
from tests.bench.rig import BARE, broker, cpu_ns, program, verdict, wait_for

from chiplink.chips import ch392

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

BAUD = 921_600
LINE = BAUD / 10
"""Bytes a second: start bit, eight data bits, stop bit."""

NEIGHBOUR = "203.0.113.5"
BULK = 100 * 2144
ROUNDS = 5
SETTLE = 10 * 2144
"""Bytes of a round, rounds, and bytes before them: windows are full then."""

MARKS = [SETTLE + number * BULK for number in range(ROUNDS + 1)]
"""Where rounds begin and end."""

LAP = 2.0
"""Seconds of a round in which several send at once."""

SHARE = 0.9
TURNAROUNDS = 2.05
"""At least; at most two, and one between rounds."""

MESSAGE = 2048
"""Bytes the bare program publishes at once."""

CPU_BULK = 200_000
CPU_ROUNDS = 5

RECEIVE, SEND = b"r", b"s"
"""What the far side is to do for a connection."""


def run() -> bool:
    """Print shares, turnarounds and CPU times."""
    return asyncio.run(_shares()) & _cpu()


# The share of the line


async def _shares() -> bool:
    print(f"links: {BULK} bytes at {BAUD} baud, the best of {ROUNDS} rounds")
    good = True
    for sockets, window in ((1, 2144), (4, 536)):
        marks = _Marks()
        with _far(partial(_serve, marks.tell)) as port, _chip() as url:
            found = await _measure(url, port, sockets, marks)
        for way, rounds in found.items():
            print(f"  {way} in windows of {window} bytes:")
            good &= _shown(rounds, window, limited=sockets == 1)
    shares = await _together(4)
    best, median = max(shares), statistics.median(shares)
    print(f"  sent over 4 at once: {best:.1%} of the line, {median:.1%} in the median")
    return good


def _shown(rounds: Rounds, window: int, *, limited: bool) -> bool:
    """Print the figures; whether they keep the limits, if any are set for them."""
    shares = [share for share, _turns in rounds]
    share = f"    {max(shares):.1%} of the line, {statistics.median(shares):.1%} in the median"
    turns = statistics.median(turns for _share, turns in rounds) * window
    if not limited:
        print(f"{share}, {turns:.2f} turnarounds each")
        return True
    held = max(shares) >= SHARE
    print(f"{share} (at least {SHARE:.0%})", "good" if held else "TOO LITTLE")
    return verdict("  turnarounds each", turns, TURNAROUNDS) and held


Rounds = list[tuple[float, float]]
"""Of each round the share of the line, and turnarounds a byte."""


class _Marks:
    """What the far side has at each mark, and when; told beside the chip, not over it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.told: asyncio.Queue[tuple[int, float]] = asyncio.Queue()

    def tell(self, count: int) -> None:
        """Note it; called on the far side's thread."""
        mark = (count, time.perf_counter())
        self._loop.call_soon_threadsafe(self.told.put_nowait, mark)


async def _measure(url: str, port: int, sockets: int, marks: _Marks) -> dict[str, Rounds]:
    """Move bytes both ways, one after the other."""
    found = {}
    async with ch392(url, ip="203.0.113.60", sockets=sockets) as chip:
        await chip.ready(10)
        clock = _Clock(chip._device.counters())
        sending = partial(_send, marks)
        for name, way, bulk in (("received", RECEIVE, _receive), ("sent", SEND, sending)):
            reader, writer = await chip.open_connection(NEIGHBOUR, port)
            writer.write(way)
            found[name] = await bulk(reader, writer, clock)
            writer.close()
            await writer.wait_closed()
    return found


async def _together(sockets: int) -> list[float]:
    """Send over `sockets` connections at once; the shares of the line of all, round by round."""
    taken = [0]

    def take(connection: socket.socket) -> None:
        while data := connection.recv(65536):
            taken[0] += len(data)

    with _far(take) as port, _chip() as url:
        async with ch392(url, ip="203.0.113.60", sockets=sockets) as chip:
            await chip.ready(10)
            pairs = [await chip.open_connection(NEIGHBOUR, port) for _ in range(sockets)]
            pouring = [asyncio.create_task(_pour(writer, BULK * 100)) for _reader, writer in pairs]
            shares = [await _share(taken) for _ in range(ROUNDS + 1)]
            for task in pouring:
                task.cancel()
            for _reader, writer in pairs:
                writer.transport.abort()
    return shares[1:]


async def _share(taken: list[int]) -> float:
    """Return the share of the line in the next seconds."""
    count, begun = taken[0], time.perf_counter()
    await asyncio.sleep(LAP)
    return (taken[0] - count) / (time.perf_counter() - begun) / LINE


class _Clock:
    """Takes the figures of a round, from one lap to the next."""

    def __init__(self, counters: Mapping[str, int]) -> None:
        self._counters = counters
        self._count, self._time, self._turns = 0, 0.0, 0

    def lap(self, count: int, now: float) -> tuple[float, float]:
        """Note that `count` bytes had come by `now`."""
        turns = self._counters["turnarounds"]
        size = count - self._count
        lap = size / (now - self._time) / LINE, (turns - self._turns) / size
        self._count, self._time, self._turns = count, now, turns
        return lap


async def _receive(
    reader: asyncio.StreamReader, _writer: asyncio.StreamWriter, clock: _Clock
) -> Rounds:
    laps = []
    for count in MARKS:
        await reader.readexactly(SETTLE if not laps else BULK)
        laps.append(clock.lap(count, time.perf_counter()))
    return laps[1:]


async def _send(
    marks: _Marks, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter, clock: _Clock
) -> Rounds:
    pouring = asyncio.create_task(_pour(writer, MARKS[-1]))
    laps = [clock.lap(*await marks.told.get()) for _mark in MARKS]
    await pouring
    return laps[1:]


async def _pour(writer: asyncio.StreamWriter, count: int) -> None:
    piece = bytes(16384)
    for at in range(0, count, len(piece)):
        writer.write(piece[: count - at])
        await writer.drain()


@contextlib.contextmanager
def _chip() -> Iterator[str]:
    """A simulated chip, paced, as a process; its port."""
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder) / "lan"
        command = [sys.executable, "-m", "chiplink", "sim", "ch392", "--pace", "--link", str(link)]
        with program([*command, "--map", f"{NEIGHBOUR}=127.0.0.1"]):
            wait_for(link.exists, "the simulated chip did not start")
            yield f"serial://{link}?baud={BAUD}"


@contextlib.contextmanager
def _far(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server of this machine that gives or takes; its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_accept, args=(server, serve), daemon=True)
        thread.start()
        yield server.getsockname()[1]


def _accept(server: socket.socket, serve: Callable[[socket.socket], None]) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, _address = server.accept()
            threading.Thread(target=_ended, args=(connection, serve), daemon=True).start()


def _ended(connection: socket.socket, serve: Callable[[socket.socket], None]) -> None:
    with connection, contextlib.suppress(OSError):
        serve(connection)


def _serve(tell: Callable[[int], None], connection: socket.socket) -> None:
    """Give bytes, or take them and tell at each mark how many."""
    if connection.recv(1) == RECEIVE:
        connection.sendall(os.urandom(MARKS[-1]))
    else:
        count = 0
        for mark in MARKS:
            while count < mark:
                data = connection.recv(65536)
                if not data:
                    return
                count += len(data)
            tell(count)
    connection.recv(1)


# From chip to MQTT


class Subscriber:
    """Counts the payload of what comes."""

    def __init__(self, port: int) -> None:
        self.count = 0
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self._client.on_message = self._note
        self._client.on_connect = lambda *_: self._client.subscribe(
            [("chiplink/bench/lan/link/plc/rx", 1), ("bare/rx", 1)]
        )
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def _note(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        self.count += len(message.payload)

    def passes(self, count: int) -> None:
        """Wait until so many bytes more have come."""
        end = self.count + count
        wait_for(lambda: self.count >= end, f"{count} bytes did not come", 60)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def _cpu() -> bool:
    """Let both publish the same stream, one after the other, and print the CPU time of each."""
    with broker() as own:
        subscriber = Subscriber(own.port)
        with _far(_pump) as port, _chip() as url, _bridge(own.url, url, port) as pid:
            ours = _least(subscriber, pid)
        with tempfile.TemporaryDirectory() as folder:
            link = f"{folder}/stream"
            with program([sys.executable, BARE, "stream", link, str(BAUD)]):
                wait_for(Path(link).exists, "the stream did not start")
                plain = [sys.executable, BARE, "publisher", link, str(BAUD), str(own.port)]
                with program([*plain, str(MESSAGE)]) as pid:
                    theirs = _least(subscriber, pid)
        subscriber.close()
    print(f"links: CPU from chip to MQTT, {CPU_BULK} bytes, the least of {CPU_ROUNDS}")
    print(f"  bridge: {ours:.0f} ms a megabyte")
    print(f"  pyserial and paho alone, {MESSAGE} bytes a message: {theirs:.0f} ms a megabyte")
    print(f"  ratio: {ours / theirs:.2f}")
    return True


def _least(subscriber: Subscriber, pid: int) -> float:
    """Return milliseconds of CPU a megabyte."""
    subscriber.passes(SETTLE)
    found = []
    for _round in range(CPU_ROUNDS):
        before, begun = cpu_ns(pid), subscriber.count
        subscriber.passes(CPU_BULK)
        found.append((cpu_ns(pid) - before) / (subscriber.count - begun))
    return min(found)


def _pump(connection: socket.socket) -> None:
    """Give bytes for ever."""
    data = os.urandom(65536)
    while True:
        connection.sendall(data)


@contextlib.contextmanager
def _bridge(broker_url: str, port: str, far_port: int) -> Iterator[int]:
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "chiplink.toml"
        config.write_text(
            f'[node]\nid = "bench"\n[mqtt]\nurl = "{broker_url}"\n'
            f'[device.lan]\nchip = "ch392"\nport = "{port}"\ndhcp = false\n'
            'ip = "203.0.113.60"\nnetmask = "255.255.255.0"\n'
            f'[device.lan.link.plc]\nkind = "tcp-client"\nremote = "{NEIGHBOUR}:{far_port}"\n'
        )
        with program([sys.executable, "-m", "chiplink", "run", "-c", str(config)]) as pid:
            yield pid
