"""A serial port as a Transport, on pseudo-terminals."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import subprocess
import sys
import termios
import threading
import tty
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
import serial as pyserial

from chiplink.exceptions import PortError
from chiplink.transport import holders
from chiplink.transport import serial as transport_serial
from chiplink.transport.base import MAX_QUEUED
from chiplink.transport.holders import Holder
from chiplink.transport.serial import SerialPort, explain

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from chiplink.transport.serial import SerialTransport

DEADLINE = 20


class Far:
    """The far end of a line, and what the near end told."""

    def __init__(self) -> None:
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        self.path = os.ttyname(self.slave)
        self.heard = bytearray()
        self.lost: list[PortError] = []
        self.changed = asyncio.Event()

    def listen(self, line: SerialTransport) -> None:
        line.start(self._take, self._lose)

    def _take(self, data: bytes) -> None:
        self.heard += data
        self.changed.set()

    def _lose(self, error: PortError) -> None:
        self.lost.append(error)
        self.changed.set()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(DEADLINE):
            while len(self.heard) < count and not self.lost:
                await self.changed.wait()
                self.changed.clear()

    async def read(self, count: int) -> bytes:
        """Read what the near end wrote."""

        def work() -> bytes:
            data = b""
            while len(data) < count:
                data += os.read(self.master, count - len(data))
            return data

        return await asyncio.wait_for(asyncio.to_thread(work), DEADLINE)

    def hang_up(self) -> None:
        os.close(self.slave)
        os.close(self.master)
        self.master = self.slave = -1

    def close(self) -> None:
        if self.master >= 0:
            self.hang_up()


@pytest_asyncio.fixture
async def far() -> AsyncIterator[Far]:
    end = Far()
    yield end
    end.close()


@pytest_asyncio.fixture
async def line(far: Far) -> AsyncIterator[SerialTransport]:
    opened = await SerialPort(far.path).open(9600)
    yield opened
    await opened.close()


@contextmanager
def other_program(path: str, *, exclusive: bool) -> Iterator[int]:
    """Another process that holds the port; its pid."""
    lock = "fcntl.ioctl(f, termios.TIOCEXCL); " if exclusive else ""
    program = (
        "import fcntl, sys, termios; f = open(sys.argv[1], 'rb', 0); "
        f"{lock}print(flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process.pid
        finally:
            process.communicate()


# Bytes both ways


async def test_every_byte_crosses_both_ways(far: Far, line: SerialTransport) -> None:
    everything = bytes(range(256))
    far.listen(line)
    line.write(everything)
    assert await far.read(256) == everything
    os.write(far.master, everything)
    await far.until(256)
    assert bytes(far.heard) == everything


async def test_what_the_line_does_not_take_waits_in_order(far: Far, line: SerialTransport) -> None:
    whole = b"".join(bytes([n]) * 1000 for n in range(50))
    far.listen(line)
    for at in range(0, len(whole), 1000):
        line.write(whole[at : at + 1000])
    assert await far.read(len(whole)) == whole


async def test_what_waits_is_bounded(far: Far, line: SerialTransport) -> None:
    far.listen(line)
    for _ in range(7):
        line.write(bytes(MAX_QUEUED // 8))
    with pytest.raises(PortError, match="takes no data"):
        line.write(bytes(MAX_QUEUED))
    # What was taken before is not lost by the refusal.
    assert await far.read(7 * MAX_QUEUED // 8) == bytes(7 * MAX_QUEUED // 8)


async def test_the_rate_can_be_changed(line: SerialTransport) -> None:
    assert line.baud == 9600
    await line.set_baud(115200)
    assert line.baud == 115200
    with pytest.raises(PortError, match="cannot do -1 baud"):
        await line.set_baud(-1)


# The end


async def test_a_line_that_hangs_up_is_told_once(far: Far, line: SerialTransport) -> None:
    far.listen(line)
    far.hang_up()
    await far.until(1)
    assert len(far.lost) == 1
    assert str(far.lost[0]).startswith(f"{far.path}: the adapter")
    with pytest.raises(PortError, match="closed"):
        line.write(b"x")
    await line.close()
    assert len(far.lost) == 1


async def test_a_closed_port_takes_nothing_and_may_be_closed_again(
    far: Far, line: SerialTransport
) -> None:
    far.listen(line)
    await line.close()
    await line.close()
    assert far.lost == []
    with pytest.raises(PortError, match="closed"):
        line.write(b"x")


async def test_a_driver_that_does_not_close_is_not_waited_for(
    line: SerialTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    going_on = threading.Event()
    close = transport_serial._close

    def hang(device: pyserial.Serial) -> None:
        assert going_on.wait(DEADLINE)
        close(device)

    monkeypatch.setattr(transport_serial, "_close", hang)
    monkeypatch.setattr(transport_serial, "CLOSE_DEADLINE", 0.1)
    try:
        async with asyncio.timeout(DEADLINE / 2):
            await line.close()
    finally:
        going_on.set()


async def test_a_port_can_be_opened_again_and_again(far: Far) -> None:
    port = SerialPort(far.path)
    for _ in range(3):
        line = await port.open(9600)
        line.write(b"again")
        assert await far.read(5) == b"again"
        await line.close()


# Who else is there


async def test_it_is_held_for_this_process_alone(far: Far, line: SerialTransport) -> None:
    assert fcntl.ioctl(far.slave, transport_serial.TIOCGEXCL, bytes(4)) == b"\1\0\0\0"
    await line.close()
    assert fcntl.ioctl(far.slave, transport_serial.TIOCGEXCL, bytes(4)) == bytes(4)


async def test_a_port_that_another_program_holds_is_refused_to_root_too(far: Far) -> None:
    with other_program(far.path, exclusive=True) as pid:
        with pytest.raises(PortError, match=rf"another program, .*\(pid {pid}\)"):
            await SerialPort(far.path).open(115200)
        speed = termios.tcgetattr(far.slave)[4]
        assert speed != termios.B115200
    fcntl.ioctl(far.slave, termios.TIOCNXCL)
    line = await SerialPort(far.path).open(9600)
    await line.close()


async def test_a_port_that_is_only_open_elsewhere_can_be_had(far: Far) -> None:
    with other_program(far.path, exclusive=False):
        line = await SerialPort(far.path).open(9600)
        await line.close()


async def test_a_hold_that_nobody_has_any_more_is_no_bar_to_root(far: Far) -> None:
    fcntl.ioctl(far.slave, termios.TIOCEXCL)
    try:
        os.close(os.open(far.path, os.O_RDWR | os.O_NOCTTY))
    except OSError:
        pytest.skip("the kernel refuses it to those who are not root")
    line = await SerialPort(far.path).open(9600)
    await line.close()


async def test_a_login_console_is_refused(far: Far, monkeypatch: pytest.MonkeyPatch) -> None:
    console = Holder(412, "agetty", "serial-getty@ttyAMA0")
    monkeypatch.setattr(holders, "holders_of", lambda _path: (Holder(9, "cat"), console))
    with pytest.raises(PortError) as raised:
        await SerialPort(far.path).open(9600)
    assert str(raised.value) == (
        f"{far.path}: held by a login console (serial-getty@ttyAMA0):"
        " sudo systemctl disable --now serial-getty@ttyAMA0"
    )


def busy(monkeypatch: pytest.MonkeyPatch, manager: Holder | None) -> None:
    """The kernel refuses, and /proc shows nobody: so it looks to those who are not root."""

    def refuse(device: pyserial.Serial) -> None:
        raise pyserial.SerialException(errno.EBUSY, f"could not open port {device.port}")

    monkeypatch.setattr(pyserial.Serial, "open", refuse)
    monkeypatch.setattr(holders, "holders_of", lambda _path: ())
    monkeypatch.setattr(holders, "modem_manager", lambda: manager)


async def test_who_cannot_be_seen_is_guessed(far: Far, monkeypatch: pytest.MonkeyPatch) -> None:
    busy(monkeypatch, Holder(812, "ModemManager"))
    with pytest.raises(PortError, match=r"perhaps ModemManager \(pid 812\).*ID_MM_PORT_IGNORE"):
        await SerialPort(far.path).open(9600)


async def test_who_cannot_be_guessed_is_left_to_root(
    far: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy(monkeypatch, None)
    with pytest.raises(PortError, match="another program holds the port; as root"):
        await SerialPort(far.path).open(9600)


# What cannot be opened


async def test_a_port_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PortError, match="no such port"):
        await SerialPort(str(tmp_path / "none")).open(9600)


async def test_a_file_that_is_no_port(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(PortError, match="not a serial port"):
        await SerialPort(str(file)).open(9600)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EACCES, "usermod -aG dialout"),
        (errno.EPERM, "usermod -aG dialout"),
        (errno.ENODEV, "plug it in again"),
        (errno.EBUSY, "another program"),
        (errno.EMFILE, os.strerror(errno.EMFILE)),
    ],
)
def test_errors_name_the_port_and_the_way_out(number: int, words: str) -> None:
    nested = pyserial.SerialException(number, f"could not open port: {OSError(number, 'x')}")
    for error in (OSError(number, "x"), nested):
        told = str(explain("/dev/ttyUSB0", error))
        assert told.startswith("/dev/ttyUSB0: ")
        assert words in told
        assert "\n" not in told


def test_an_error_without_a_number_is_told_as_it_is() -> None:
    assert str(explain("/dev/x", pyserial.SerialException("odd"))) == "/dev/x: odd"
