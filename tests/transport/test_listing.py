"""What ports there are, from folders made by hand and from what pyserial would list."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from chiplink.transport.listing import ListedPort, list_ports_and_spi

if TYPE_CHECKING:
    from pathlib import Path


class Host:
    """A /dev and a /sys, and what pyserial finds there."""

    def __init__(self, root: Path) -> None:
        self.dev, self.sys = root / "dev", root / "sys"
        (self.dev / "serial/by-id").mkdir(parents=True)
        self.infos: list[SimpleNamespace] = []

    def add(
        self, name: str, vid: int | None = None, pid: int | None = None, description: str = "n/a"
    ) -> str:
        path = self.dev / name
        path.write_text("")
        self.infos.append(
            SimpleNamespace(
                device=str(path), vid=vid, pid=pid, description=description, product=None
            )
        )
        return str(path)

    def uart(self, name: str, kind: int) -> None:
        (self.sys / "class/tty" / name).mkdir(parents=True)
        (self.sys / "class/tty" / name / "type").write_text(f"{kind}\n")

    def listed(self) -> list[ListedPort]:
        return list_ports_and_spi(self.dev, self.sys, lambda: self.infos)


@pytest.fixture
def machine(tmp_path: Path) -> Host:
    return Host(tmp_path.resolve())


def test_nothing(machine: Host) -> None:
    assert machine.listed() == []


@pytest.mark.parametrize(
    ("vid", "pid", "words"),
    [
        (0x1A86, 0x7523, "CH340"),
        (0x1A86, 0x55D4, "CH9102"),
        (0x0403, 0x6001, "FT232R"),
        (0x10C4, 0xEA60, "CP210x"),
        (0x067B, 0x2303, "PL2303"),
        (0x1A86, 0x0001, "WCH"),
        (0x1E0E, 0x9001, "SIMCom"),
    ],
)
def test_adapters_are_known(machine: Host, vid: int, pid: int, words: str) -> None:
    machine.add("ttyUSB0", vid, pid, "USB Serial")
    (port,) = machine.listed()
    assert words in port.probably
    assert port.usb == f"{vid:04x}:{pid:04x}"
    assert (port.kind, port.description, port.stable) == ("serial", "USB Serial", "")


def test_the_name_that_stays(machine: Host) -> None:
    device = machine.add("ttyUSB3", 0x1A86, 0x7523)
    link = machine.dev / "serial/by-id/usb-1a86_USB_Serial-if00-port0"
    link.symlink_to("../../ttyUSB3")
    other = machine.add("ttyAMA0")
    (machine.dev / "serial0").symlink_to("ttyAMA0")
    assert {port.device: port.stable for port in machine.listed()} == {
        device: str(link),
        other: str(machine.dev / "serial0"),
    }


def test_an_unknown_adapter_is_told_by_its_device(machine: Host) -> None:
    machine.add("ttyACM0", 0xFFFF, 0x0001, "Some\x1b[2JThing" + "x" * 200)
    (port,) = machine.listed()
    assert port.probably == "a USB device that is a serial port itself"
    assert port.description.startswith("Some�[2JThing")
    assert len(port.description) == 80


def test_uarts_of_the_board_and_those_without_a_chip(machine: Host) -> None:
    amba = machine.add("ttyAMA0")
    real = machine.add("ttyS0")
    machine.add("ttyS1")
    hidden = str(machine.dev / "ttyS2")
    for name, kind in (("ttyS0", 4), ("ttyS1", 0), ("ttyS2", 15), ("ttyS3", 0)):
        machine.uart(name, kind)
    assert [(port.device, port.probably) for port in machine.listed()] == [
        (amba, "the board's own UART"),
        (real, "a built-in serial port"),
        (hidden, "a built-in serial port"),
    ]


def test_spi_comes_last(machine: Host) -> None:
    for name in ("spidev0.1", "spidev0.0"):
        (machine.dev / name).write_text("")
    serial = machine.add("ttyUSB0", 0x1A86, 0x7523)
    ports = machine.listed()
    assert [(port.device, port.kind) for port in ports] == [
        (serial, "serial"),
        (str(machine.dev / "spidev0.0"), "spi"),
        (str(machine.dev / "spidev0.1"), "spi"),
    ]
