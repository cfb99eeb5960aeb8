"""What the benchmarks stand on: a terminal that answers at once, a broker, the programs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import socket
import subprocess
import sys
import tempfile
import threading
import time
import tty
from pathlib import Path
from typing import TYPE_CHECKING, Self

from chiplink.demo.broker import OwnBroker

if TYPE_CHECKING:
    from collections.abc import Iterator

BARE = str(Path(__file__).with_name("bare.py"))
INFO = bytes.fromhex("57 AB 00 81 08 30 01 00 00 00 00 00 00 BC")
HEAD = bytes.fromhex("57 AB 00")
GET_INFO, KEYBOARD = 0x01, 0x02


class Terminal:
    """A pseudo-terminal with an instant CH9329 behind it; `seen` is when a report began to come."""

    def __init__(self) -> None:
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.path = os.ttyname(self._slave)
        self.reports = 0
        self.seen: list[int] = []
        self._rest = b""
        self._stop = False
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop = True
        self._thread.join()
        os.close(self._master)
        os.close(self._slave)

    def _serve(self) -> None:
        while not self._stop:
            if not select.select([self._master], [], [], 0.1)[0]:
                continue
            now = time.perf_counter_ns()
            commands = self._commands(os.read(self._master, 4096))
            if KEYBOARD in commands:
                self.seen.append(now)
            self.reports += commands.count(KEYBOARD)
            os.write(self._master, b"".join(map(_answer, commands)))

    def _commands(self, data: bytes) -> list[int]:
        """Cut the commands out of what came; a torn one waits for its rest."""
        self._rest += data
        commands: list[int] = []
        while (at := self._rest.find(HEAD)) >= 0:
            frame = self._rest[at:]
            if len(frame) < 6 or len(frame) < 6 + frame[4]:
                self._rest = frame
                return commands
            commands.append(frame[3])
            self._rest = frame[6 + frame[4] :]
        self._rest = self._rest[-2:]
        return commands


def _answer(command: int) -> bytes:
    if command == GET_INFO:
        return INFO
    frame = HEAD + bytes((command | 0x80, 1, 0))
    return frame + bytes((sum(frame) & 0xFF,))


@contextlib.contextmanager
def broker(settings: tuple[str, ...] = ()) -> Iterator[OwnBroker]:
    """Run mosquitto."""
    loop = asyncio.new_event_loop()
    own = OwnBroker(settings=settings)
    loop.run_until_complete(own.start())
    try:
        yield own
    finally:
        loop.run_until_complete(own.stop())
        loop.close()


@contextlib.contextmanager
def bridge(url: str, port: str, extra: str = "", pace_ms: int = 0) -> Iterator[int]:
    """Run `chiplink run` and yield its process id."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "chiplink.toml"
        config.write_text(
            f'[node]\nid = "bench"\n[mqtt]\nurl = "{url}"\n{extra}\n[device.kvm]\nchip = "ch9329"\n'
            f'port = "{port}?baud=115200"\narmed = "always"\npace_ms = {pace_ms}\n'
        )
        with program([sys.executable, "-m", "chiplink", "run", "-c", str(config)]) as pid:
            yield pid


@contextlib.contextmanager
def program(command: list[str]) -> Iterator[int]:
    """Run a program and yield its process id."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(10)


class Publisher:
    """The leanest MQTT 3.1.1 client: QoS 1 publishes on a plain socket."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(bytes.fromhex("10 13 00 04 4D515454 04 02 FFFF 0007") + b"benches")
        if self._socket.recv(4) != bytes.fromhex("20 02 00 00"):
            raise RuntimeError("the broker refused")
        self._mid = 0

    def publish(self, topic: str, payload: bytes) -> None:
        """Publish and leave; call `settle` to read the acknowledgement."""
        self._mid = self._mid % 60000 + 1
        name = topic.encode()
        body = len(name).to_bytes(2) + name + self._mid.to_bytes(2) + payload
        length, digits = len(body), bytearray()
        while True:
            length, digit = divmod(length, 128)
            digits.append(digit | (0x80 if length else 0))
            if not length:
                break
        self._socket.sendall(b"\x32" + bytes(digits) + body)

    def settle(self) -> None:
        """Read the PUBACK."""
        self._socket.recv(4)

    def close(self) -> None:
        """Leave."""
        self._socket.close()


def wait_for(condition: object, what: str, seconds: float = 20) -> None:
    """Wait until `condition()` holds."""
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.005)


def cpu_ns(pid: int) -> int:
    """Nanoseconds that all threads of a process have run."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` of all lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def verdict(name: str, ratio: float, limit: float) -> bool:
    """Print a ratio beside its limit; whether it holds."""
    good = ratio <= limit
    print(f"  {name}: {ratio:.2f} (at most {limit:g}) {'good' if good else 'TOO MUCH'}")
    return good
