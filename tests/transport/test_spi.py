"""The SPI bus over a simulator's wire, its errors in words, and the thread behind it."""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from chiplink.exceptions import LocalMisuseError, PortError
from chiplink.sim import Ch392Sim, Ch392Times, SpiWire
from chiplink.transport import holders, spi
from chiplink.transport.holders import Holder
from chiplink.transport.spi import SpiBus, SpiOptions, SpiPort, read_bufsiz
from chiplink.transport.worker import Worker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

DEADLINE = 20
EXIST = bytes.fromhex("06 57")
STATUS = bytes.fromhex("2C")


@asynccontextmanager
async def bus(folder: Path, options: SpiOptions | None = None) -> AsyncIterator[SpiBus]:
    """A bus to a simulated chip."""
    sim = Ch392Sim(times=Ch392Times.instant())
    try:
        async with SpiWire(sim, folder / "wire") as wire:
            opened = await SpiPort(wire.path, options, wire=True).open()
            try:
                yield opened
            finally:
                await opened.close()
    finally:
        sim.close()


@asynccontextmanager
async def scripted(
    folder: Path, answer: Callable[[socket.socket], None]
) -> AsyncIterator[tuple[SpiBus, threading.Thread]]:
    """A bus to a thread that does something by hand."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "wire"))
        listener.listen()

        def serve() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.settimeout(DEADLINE)
                answer(peer)

        thread = threading.Thread(target=serve)
        thread.start()
        opened = await SpiPort(str(folder / "wire"), wire=True).open()
        try:
            yield opened, thread
        finally:
            await opened.close()
            await asyncio.to_thread(thread.join, DEADLINE)


def read_exactly(peer: socket.socket, count: int) -> bytes:
    got = b""
    while len(got) < count:
        got += peer.recv(count - len(got))
    return got


async def test_replies_in_order(tmp_path: Path) -> None:
    async with bus(tmp_path) as opened:
        assert await opened.run([EXIST, b"\x22\xc0\xa8\x01\x02", STATUS]) == [b"\xa8", b"", b"\0"]
        assert await opened.run([]) == []
        assert (opened.max_write, opened.max_read) == (4096, 4096)
        (data,) = await opened.run([bytes.fromhex("3C 00 00 10")])
        assert data == bytes(4096)


async def test_calls_at_once_do_not_interleave(tmp_path: Path) -> None:
    async with bus(tmp_path) as opened:
        calls = [opened.run([bytes([0x06, number]), STATUS]) for number in range(40)]
        assert await asyncio.gather(*calls) == [
            [bytes([number ^ 0xFF]), b"\0"] for number in range(40)
        ]


async def test_gapless(tmp_path: Path) -> None:
    async with bus(tmp_path, SpiOptions(speed=800_000, gapless=True)) as opened:
        assert await opened.run([EXIST, STATUS]) == [b"\xa8", b"\0"]


async def test_gaps_are_the_callers_unless_the_user_set_them(tmp_path: Path) -> None:
    sim = Ch392Sim(times=Ch392Times.instant())
    async with SpiWire(sim, tmp_path / "wire") as wire:
        for options, gap, answer in (
            (SpiOptions(), 2, b"\0"),
            (SpiOptions(), 0, b"\x2c"),
            (SpiOptions(gap=3), 0, b"\0"),
            (SpiOptions(gap=0), 2, b"\x2c"),
        ):
            opened = await SpiPort(wire.path, options, wire=True).open(gap=gap, turn=gap)
            assert await opened.run([STATUS]) == [answer]
            await opened.close()
    sim.close()


@pytest.mark.parametrize(
    "commands", [[b"\x04"], [STATUS, b"\x06"], [b""], [b"\x39\x00\x01\x00"], [STATUS] * 65]
)
async def test_what_is_no_command(tmp_path: Path, commands: list[bytes]) -> None:
    async with bus(tmp_path) as opened:
        with pytest.raises(ValueError, match=r"\w"):
            await opened.run(commands)
        assert await opened.run([STATUS]) == [b"\0"]


async def test_too_many_bytes_at_once(tmp_path: Path) -> None:
    async with bus(tmp_path) as opened:
        with pytest.raises(ValueError, match="output buffer"):
            await opened.run([bytes.fromhex("3C 00 00 10")] * 17)
        assert len(await opened.run([bytes.fromhex("3C 00 00 10")] * 16)) == 16


async def test_closed(tmp_path: Path) -> None:
    async with bus(tmp_path) as opened:
        await opened.close()
        await opened.close()
        with pytest.raises(PortError, match="the bus is closed"):
            await opened.run([STATUS])


async def test_opened_again(tmp_path: Path) -> None:
    sim = Ch392Sim(times=Ch392Times.instant())
    async with SpiWire(sim, tmp_path / "wire") as wire:
        port = SpiPort(wire.path, wire=True, name="lan")
        assert port.name == "lan"
        for _ in range(3):
            opened = await port.open()
            assert await opened.run([STATUS]) == [b"\0"]
            await opened.close()
    sim.close()


async def test_the_simulator_hangs_up(tmp_path: Path) -> None:
    def answer(peer: socket.socket) -> None:
        read_exactly(peer, 5)  # the clock

    async with scripted(tmp_path, answer) as (opened, thread):
        await asyncio.to_thread(thread.join, DEADLINE)
        with pytest.raises(PortError, match="the simulator is gone"):
            await opened.run([STATUS])


async def test_lost_in_the_middle(tmp_path: Path) -> None:
    def answer(peer: socket.socket) -> None:
        read_exactly(peer, 5 + 15)  # the clock; L, T and the code, D, T and a byte, H
        peer.sendall(b"\xff")

    async with scripted(tmp_path, answer) as (opened, _):
        with pytest.raises(PortError, match="the simulator is gone"):
            await opened.run([STATUS])


async def test_wrong_bytes(tmp_path: Path) -> None:
    asked = threading.Event()

    def answer(peer: socket.socket) -> None:
        read_exactly(peer, 5 + 15)
        peer.sendall(b"\xff\x00\x00")
        asked.wait(DEADLINE)

    async with scripted(tmp_path, answer) as (opened, _):
        assert await opened.run([STATUS]) == [b"\0"]
        with pytest.raises(PortError, match="what nobody asked for"):
            await opened.run([STATUS])
        asked.set()


async def test_a_silent_wire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spi, "WIRE_DEADLINE_MS", 20)
    done = threading.Event()
    async with scripted(tmp_path, lambda peer: done.wait(DEADLINE) and None) as (opened, _):
        with pytest.raises(PortError, match="does not answer"):
            await opened.run([STATUS])
        done.set()


async def test_a_controller_that_never_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spi, "RUN_DEADLINE", 0.02)
    done = threading.Event()
    async with scripted(tmp_path, lambda peer: done.wait(DEADLINE) and None) as (opened, _):
        with pytest.raises(PortError, match="does not answer"):
            await opened.run([STATUS])
        done.set()


async def test_a_bound_on_what_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spi, "MAX_WAITING", 2)
    async with bus(tmp_path) as opened:
        calls = [asyncio.ensure_future(opened.run([STATUS])) for _ in range(3)]
        done = await asyncio.gather(*calls, return_exceptions=True)
        assert done[:2] == [[b"\0"], [b"\0"]]
        assert isinstance(done[2], LocalMisuseError)


async def test_nobody_there(tmp_path: Path) -> None:
    path = tmp_path / "wire"
    with pytest.raises(PortError, match=f"chiplink sim ch392 --spi {path}"):
        await SpiPort(str(path), wire=True).open()
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
        with pytest.raises(PortError, match="no simulator there"):
            await SpiPort(str(path), wire=True).open()


async def test_an_overlay_that_is_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spi, "DEV", tmp_path)
    port = SpiPort(str(tmp_path / "spidev0.0"))
    with pytest.raises(PortError, match=r"dtparam=spi=on in /boot/firmware/config\.txt"):
        await port.open()
    (tmp_path / "spidev1.0").write_text("")
    with pytest.raises(PortError, match=r"there is \S+/spidev1\.0"):
        await port.open()


async def test_no_spi_device(tmp_path: Path) -> None:
    (tmp_path / "spidev0.0").write_text("")
    with pytest.raises(PortError, match="this is no SPI device"):
        await SpiPort(str(tmp_path / "spidev0.0")).open()


async def test_held_by_another_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holders, "holders_of", lambda path: (Holder(7, "flashrom"),))
    with pytest.raises(PortError, match=r"flashrom \(pid 7\); stop it first"):
        await SpiPort(str(tmp_path / "spidev0.0")).open()


async def test_a_buffer_that_is_too_small(tmp_path: Path) -> None:
    (tmp_path / "bufsiz").write_text("1024")
    port = SpiPort(str(tmp_path / "spidev0.0"), bufsiz=tmp_path / "bufsiz")
    with pytest.raises(PortError, match="1024 bytes and 2048 are needed"):
        await port.open()


@pytest.mark.parametrize(
    ("text", "size"),
    [("4096\n", 4096), ("65536", 65536), ("1000000", 65536), ("many", 4096), (None, 4096)],
)
def test_bufsiz(tmp_path: Path, text: str | None, size: int) -> None:
    if text is not None:
        (tmp_path / "bufsiz").write_text(text)
    assert read_bufsiz(tmp_path / "bufsiz") == size


def test_an_error_that_nobody_foresaw() -> None:
    error = SpiPort("/dev/spidev0.0").explain(OSError(errno.ENOMEM, "Cannot allocate memory"))
    assert str(error) == "/dev/spidev0.0: Cannot allocate memory"


async def test_what_is_cancelled_while_it_waits_is_not_called() -> None:
    worker = Worker("test")
    go = threading.Event()
    called: list[int] = []
    first = worker.call(lambda: go.wait(DEADLINE))
    second = worker.call(lambda: called.append(2))
    third = worker.call(lambda: called.append(3))
    second.cancel()
    go.set()
    async with asyncio.timeout(DEADLINE):
        await first
        await third
    worker.stop()
    assert called == [3]


async def test_an_error_goes_to_its_caller_alone() -> None:
    worker = Worker("test")
    async with asyncio.timeout(DEADLINE):
        with pytest.raises(ZeroDivisionError):
            await worker.call(lambda: 1 / 0)
        assert await worker.call(lambda: 1) == 1
    worker.stop()
