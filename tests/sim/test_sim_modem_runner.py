"""The simulated modems as the command line runs them."""

import asyncio
import json
from pathlib import Path

import pytest
import serial
from sim_ch392 import port_of, tcp_server
from sim_modem import PEER

from chiplink.cli import main
from chiplink.sim import run_sim


@pytest.mark.parametrize(
    ("chip", "answer"),
    [
        ("sim800", b"SIM800 R14.18"),
        ("sim7028", b"Model: SIMCOM_SIM7028"),
        ("gseries", b"Kingcom_G3524"),
    ],
)
async def test_run_until_cancelled(tmp_path: Path, chip: str, answer: bytes) -> None:
    path = tmp_path / chip
    lines: list[str] = []
    started = asyncio.Event()
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def log(line: str) -> None:
        lines.append(line)
        if json.loads(line)["event"] == "started":
            started.set()

    task = asyncio.create_task(
        run_sim(chip, link=path, faults=["double-cr=#1"], log=log, on_ready=ready.set_result)
    )

    def ask() -> bytes:
        with serial.Serial(str(path), 115200, timeout=20) as port:
            port.write(b"ATE0\r")
            port.read_until(b"\r\nOK\r\n")
            port.write(b"ATI\r")
            return port.read_until(b"\r\nOK\r\n")

    async with asyncio.timeout(20):
        assert await ready == f"ready {path}"
        await started.wait()
        heard = await asyncio.to_thread(ask)
    assert answer + b"\r\r\n" in heard
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not path.is_symlink()
    seen = [json.loads(line) for line in lines]
    assert {"event": "line", "text": "ATI", "fault": ""}.items() <= {
        key: value for line in seen if line.get("text") == "ATI" for key, value in line.items()
    }.items()


async def test_a_network_is_mapped(tmp_path: Path) -> None:
    started = asyncio.Event()
    task = asyncio.create_task(
        run_sim(
            "gseries",
            link=tmp_path / "cell",
            maps=[f"{PEER}=127.0.0.1"],
            log=lambda line: started.set() if '"attached": true' in line else None,
        )
    )

    def connect(port: int) -> bytes:
        with serial.Serial(str(tmp_path / "cell"), 115200, timeout=20) as line:
            for command in (b'AT+CGDCONT=1,"IP","x"', b"AT+CGACT=1,1"):
                line.write(command + b"\r")
                line.read_until(b"\r\nOK\r\n")
            line.write(f'AT+CIPSTART="TCP","{PEER}",{port}\r'.encode())
            return line.read_until(b"\r\nCONNECT OK\r\n")

    async with asyncio.timeout(20):
        await started.wait()
        with tcp_server() as server:
            assert (await asyncio.to_thread(connect, port_of(server))).endswith(b"CONNECT OK\r\n")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_keyboard_has_no_network(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no network"):
        await run_sim("ch9329", link=tmp_path / "kvm", rtt=0.1)


def test_a_wrong_map(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", "sim800", "--map", "here=there"]) == 2
    assert "no IPv4 address" in capsys.readouterr().err


@pytest.mark.parametrize("chip", ["sim800", "sim7028", "gseries"])
def test_the_list_of_faults(chip: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", chip, "--fault", "list"]) == 0
    listed = capsys.readouterr().out
    for name in ("urc-inside-reply", "closed-during-send", "pin-needed", "restart", "lose-in"):
        assert f"{name} " in listed
