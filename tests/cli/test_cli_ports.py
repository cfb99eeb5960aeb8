"""`chiplink ports`: what there is and who holds it, without touching any of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from chiplink.cli import main, ports_command
from chiplink.transport.holders import Holder, Scan
from chiplink.transport.listing import ListedPort

if TYPE_CHECKING:
    from cli_support import Desk

USB = ListedPort(
    "/dev/ttyUSB0",
    "serial",
    description="USB Serial",
    probably="CH340 adapter",
    usb="1a86:7523",
    stable="/dev/serial/by-id/usb-1a86",
)
UART = ListedPort("/dev/ttyAMA0", "serial", description="n/a", probably="the board's own UART")
SPI = ListedPort("/dev/spidev0.0", "spi", probably="an SPI device, for a CH392")
UNIT = "serial-getty@ttyAMA0"
GETTY = Holder(412, "agetty", UNIT)
MANAGER = Holder(812, "ModemManager", "ModemManager")


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> None:
    def scan(devices: list[str]) -> Scan:
        assert devices == [port.device for port in (USB, UART, SPI)]
        held = {USB.device: (MANAGER, Holder(9, "cat")), UART.device: (GETTY,), SPI.device: ()}
        return Scan(held, 3)

    monkeypatch.setattr(ports_command, "list_ports_and_spi", lambda: [USB, UART, SPI])
    monkeypatch.setattr(ports_command, "scan", scan)


@pytest.mark.usefixtures("table")
def test_ports_and_their_holders(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ports"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "/dev/ttyUSB0 [1a86:7523]  CH340 adapter; USB Serial",
        "  better: /dev/serial/by-id/usb-1a86",
        "  held by ModemManager (pid 812); stop it or mark the port with ID_MM_PORT_IGNORE",
        "  held by another program, cat (pid 9); stop it first",
        "/dev/ttyAMA0  the board's own UART",
        f"  held by a login console ({UNIT}): sudo systemctl disable --now {UNIT}",
        "/dev/spidev0.0  an SPI device, for a CH392",
        "3 processes of other users could not be looked into; root sees them",
    ]


@pytest.mark.usefixtures("table")
def test_ports_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ports", "--json"]) == 0
    usb, uart, spi = json.loads(capsys.readouterr().out)["ports"]
    assert (usb["device"], usb["usb"], usb["stable"]) == (USB.device, USB.usb, USB.stable)
    assert [holder["pid"] for holder in usb["holders"]] == [812, 9]
    assert uart["holders"][0]["unit"] == "serial-getty@ttyAMA0"
    assert "systemctl disable" in uart["holders"][0]["advice"]
    assert (spi["kind"], spi["holders"], spi["usb"]) == ("spi", [], None)


def test_no_port_at_all(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ports_command, "list_ports_and_spi", list)
    assert main(["ports"]) == 0
    assert "no serial port" in capsys.readouterr().out
    assert main(["ports", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"ports": []}


def test_hostile_words_of_an_adapter(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    evil = ListedPort("/dev/ttyUSB9", "serial", description="\x1b[2J\nevil")
    monkeypatch.setattr(ports_command, "list_ports_and_spi", lambda: [evil])
    assert main(["ports"]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "�[2J⏎evil" in out


async def test_nothing_is_written_to_a_port(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    port = ListedPort(desk.line.path, "serial")
    monkeypatch.setattr(ports_command, "list_ports_and_spi", lambda: [port])
    ended = await desk.run("ports")
    assert ended.code == 0
    assert desk.line.path in ended.out
    assert (await desk.run("configure", "--port", desk.port)).code == 0
    before = desk.line.received
    await desk.run("ports", "--json")
    assert desk.line.received == before


def test_this_machine(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ports", "--json"]) == 0
    for port in json.loads(capsys.readouterr().out)["ports"]:
        assert port["device"].startswith("/dev/")


def test_wrong_usage() -> None:
    with pytest.raises(SystemExit) as end:
        main(["ports", "/dev/ttyUSB0"])
    assert end.value.code == 2
