"""The pseudo-terminal as programs see it, opened with pyserial."""

import asyncio
from pathlib import Path

import pytest
import serial
from sim_support import until

from chiplink.sim import Ch9329Sim, PtyLine, events

GET_INFO = bytes.fromhex("57 AB 00 01 00 03")
INFO = bytes.fromhex("57 AB 00 81 08 30 01 00 00 00 00 00 00 BC")
KEY_A = bytes.fromhex("57 AB 00 02 08 00 00 04 00 00 00 00 00 10")


def target(link: Path) -> str | None:
    """What a link points to, None if there is none."""
    return str(link.readlink()) if link.is_symlink() else None


def names(directory: Path) -> list[str]:
    return [entry.name for entry in directory.iterdir()]


def ask(port: str, data: bytes, size: int = 14, baud: int = 9600) -> bytes:
    with serial.Serial(port, baud, timeout=20) as line:
        line.write(data)
        return line.read(size)


async def test_open_again_and_again(sim: Ch9329Sim) -> None:
    async with PtyLine(sim) as line:
        for _ in range(3):
            assert await asyncio.to_thread(ask, line.path, GET_INFO) == INFO
        assert (line.received, line.sent, line.dropped, line.garbled) == (18, 42, 0, 0)


async def test_dtr_and_rts_may_be_lowered_before_opening(sim: Ch9329Sim) -> None:
    def careful(port: str) -> bytes:
        line = serial.Serial(baudrate=9600, timeout=20)
        line.port, line.dtr, line.rts = port, False, False
        with line:
            line.write(GET_INFO)
            return line.read(14)

    async with PtyLine(sim) as line:
        assert await asyncio.to_thread(careful, line.path) == INFO


async def test_every_byte_value_crosses_unchanged(sim: Ch9329Sim) -> None:
    frame = bytearray.fromhex("57 AB 00 06 40")
    async with PtyLine(sim) as line:
        for start in range(0, 256, 64):
            raw = frame + bytes(range(start, start + 64))
            raw.append(sum(raw) & 0xFF)
            answer = await asyncio.to_thread(ask, line.path, bytes(raw), 7)
            assert answer == bytes.fromhex("57 AB 00 86 01 00 89")
    assert b"".join(sim.pc.hid_received) == bytes(range(256))


@pytest.mark.parametrize("baud", [115200, 14400, 19200, 4800])
async def test_a_wrong_speed_garbles_what_the_program_says(sim: Ch9329Sim, baud: int) -> None:
    seen: list[events.Event] = []
    sim.observe(seen.append)
    async with PtyLine(sim) as line:
        with serial.Serial(line.path, baud, timeout=20) as port:
            await asyncio.to_thread(port.write, GET_INFO)
            await until(sim, lambda: line.garbled == len(GET_INFO))
            # Zero bytes end what the garbage may have begun.
            port.baudrate = 9600
            await asyncio.to_thread(port.write, bytes(80) + GET_INFO)
            assert await asyncio.to_thread(port.read, 14) == INFO
    frames = [event for event in seen if isinstance(event, events.FrameReceived)]
    assert [frame.command for frame in frames] == [0x01]


async def test_a_wrong_speed_garbles_what_the_chip_says(sim: Ch9329Sim) -> None:
    async with PtyLine(sim) as line:
        with serial.Serial(line.path, 115200, timeout=20) as port:
            sim.pc.send_hid(b"hello")
            assert line.garbled == 11
            heard = await asyncio.to_thread(port.read, line.sent)
            assert heard
            assert b"hello" not in heard


async def test_the_speed_check_can_be_switched_off(sim: Ch9329Sim) -> None:
    async with PtyLine(sim, check_speed=False) as line:
        assert await asyncio.to_thread(ask, line.path, GET_INFO, 14, 115200) == INFO


async def test_a_paced_line(sim: Ch9329Sim) -> None:
    async with PtyLine(sim, pace=True) as line:
        assert await asyncio.to_thread(ask, line.path, GET_INFO) == INFO


async def test_what_nobody_reads_is_bounded_and_counted(sim: Ch9329Sim) -> None:
    async with PtyLine(sim) as line:
        with serial.Serial(line.path, 9600, timeout=20) as port:
            for _ in range(20000):
                line.send(INFO)
            assert line.dropped > 0
            got = 0
            async with asyncio.timeout(20):
                while got < 20000 * 14 - line.dropped:
                    got += len(await asyncio.to_thread(port.read, port.in_waiting or 1))
            assert line.sent == got
        assert await asyncio.to_thread(ask, line.path, GET_INFO) == INFO


async def test_the_link(sim: Ch9329Sim, tmp_path: Path) -> None:
    path = tmp_path / "kvm"
    path.symlink_to("/nowhere")
    async with PtyLine(sim, link=path) as line:
        assert line.path == str(path)
        assert target(path) == line.port
        assert await asyncio.to_thread(ask, str(path), GET_INFO) == INFO
    assert names(tmp_path) == []


async def test_the_link_of_another_stays(sim: Ch9329Sim, tmp_path: Path) -> None:
    path = tmp_path / "kvm"
    async with PtyLine(sim, link=path):
        path.unlink()
        path.symlink_to("/dev/null")
    assert target(path) == "/dev/null"


async def test_what_is_no_link_stays(sim: Ch9329Sim, tmp_path: Path) -> None:
    path = tmp_path / "kvm"
    path.write_text("precious")
    with pytest.raises(FileExistsError, match="no symbolic link"):
        async with PtyLine(sim, link=path):
            pass
    assert path.read_text() == "precious"
    with pytest.raises(FileNotFoundError, match="missing"):
        async with PtyLine(sim, link=tmp_path / "missing" / "kvm"):
            pass
    assert names(tmp_path) == ["kvm"]


async def test_hang_up_and_come_back(sim: Ch9329Sim, tmp_path: Path) -> None:
    def read_to_the_end(port: serial.Serial) -> None:
        while True:
            port.read(1)

    path = tmp_path / "kvm"
    async with PtyLine(sim, link=path) as line:
        sim.faults.watch(line.on_fault)
        with serial.Serial(str(path), 9600, timeout=20) as port:
            reader = asyncio.create_task(asyncio.to_thread(read_to_the_end, port))
            sim.faults.switch_on("hangup")
            assert target(path) is None
            with pytest.raises((serial.SerialException, OSError)):
                await asyncio.wait_for(reader, 20)
            sim.pc.send_hid(b"lost")
            sim.faults.switch_off("hangup")
        assert target(path) == line.port
        assert await asyncio.to_thread(ask, str(path), GET_INFO) == INFO
    assert target(path) is None


async def test_the_new_speed_counts_after_a_reset(sim: Ch9329Sim) -> None:
    sim.core.stored.parameters = sim.core.stored.parameters.with_baud(115200)
    async with PtyLine(sim) as line:
        reset = bytes.fromhex("57 AB 00 0F 00 11")
        await asyncio.to_thread(ask, line.path, reset, 7)
        await until(sim, lambda: sim.running and sim.pc.enumerated)
        assert await asyncio.to_thread(ask, line.path, GET_INFO, 14, 115200) == INFO
