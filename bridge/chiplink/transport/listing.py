"""The serial ports and SPI devices of this host; nothing is opened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serial.tools import list_ports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

DEV = Path("/dev")
SYS = Path("/sys")

MAX_WORDS = 80
"""Characters of a description: an adapter chooses its own."""

ADAPTERS = {
    (0x0403, 0x6001): "FT232R adapter",
    (0x0403, 0x6010): "FT2232 adapter, two ports",
    (0x0403, 0x6011): "FT4232 adapter, four ports",
    (0x0403, 0x6014): "FT232H adapter",
    (0x0403, 0x6015): "FT230X or FT231X adapter",
    (0x067B, 0x2303): "PL2303 adapter",
    (0x067B, 0x23A3): "PL2303GC adapter",
    (0x10C4, 0xEA60): "CP210x adapter",
    (0x1A86, 0x5523): "CH341 adapter",
    (0x1A86, 0x7522): "CH340K adapter",
    (0x1A86, 0x7523): "CH340 adapter, usual on CH9329 cables",
    (0x1A86, 0x55D3): "CH343 adapter",
    (0x1A86, 0x55D4): "CH9102 adapter",
}
"""USB identities of adapters that chips are sold with."""

VENDORS = {0x0403: "FTDI adapter", 0x1A86: "WCH adapter", 0x1E0E: "SIMCom modem"}
"""What can be said by the vendor alone."""

BUILT_IN = {
    "ttyAMA": "the board's own UART",
    "ttyS": "a built-in serial port",
    "rfcomm": "a Bluetooth serial port",
    "ttyACM": "a USB device that is a serial port itself",
}
"""What can be said by the name of the device alone."""


@dataclass(frozen=True, slots=True)
class ListedPort:
    """A port as a configuration can name it; `stable` survives replugging where there is one."""

    device: str
    kind: str
    description: str = ""
    probably: str = ""
    usb: str = ""
    stable: str = ""


def list_ports_and_spi(
    dev: Path = DEV, sys: Path = SYS, comports: Callable[[], Iterable[Any]] = list_ports.comports
) -> list[ListedPort]:
    """Return every serial port that is there, then every SPI device."""
    links = _links(dev)
    found = {info.device: _listed(info, links) for info in comports()}
    for path in _platform_uarts(dev, sys):
        found.setdefault(path, _built_in(path, links))
    for path in _absent_uarts(found, sys):
        del found[path]
    serial = [found[device] for device in sorted(found)]
    spi = [
        ListedPort(str(path), "spi", probably=f"an SPI device, for a CH392: spi://{path}")
        for path in sorted(dev.glob("spidev*"))
    ]
    return serial + spi


def _listed(info: Any, links: dict[str, str]) -> ListedPort:
    stable = links.get(info.device, "")
    if info.vid is None or info.pid is None:
        return _built_in(info.device, links)
    described = _clean(info.description or info.product or "")
    name = ADAPTERS.get((info.vid, info.pid)) or VENDORS.get(info.vid) or _by_name(info.device)
    usb = f"{info.vid:04x}:{info.pid:04x}"
    return ListedPort(info.device, "serial", described, name, usb, stable)


def _built_in(device: str, links: dict[str, str]) -> ListedPort:
    stable = links.get(device, "")
    return ListedPort(device, "serial", probably=_by_name(device), stable=stable)


def _by_name(device: str) -> str:
    name = Path(device).name
    return next((words for start, words in BUILT_IN.items() if name.startswith(start)), "")


def _links(dev: Path) -> dict[str, str]:
    """Return the name of each device that stays when it is plugged in again or renumbered."""
    named = [dev / "serial0", dev / "serial1", *sorted((dev / "serial/by-id").glob("*"))]
    return {str(link.resolve()): str(link) for link in named if link.is_symlink()}


def _platform_uarts(dev: Path, sys: Path) -> list[str]:
    """Return built-in UARTs that pyserial leaves out as "platform", a Raspberry Pi's among them."""
    names = [path.name for path in sorted((sys / "class/tty").glob("ttyS*"))]
    return [str(dev / name) for name in names if _uart_type(sys, name) not in ("", "0")]


def _absent_uarts(devices: Iterable[str], sys: Path) -> list[str]:
    """Return ttyS devices without a chip behind them: the driver makes them beforehand."""
    return [device for device in devices if _uart_type(sys, Path(device).name) == "0"]


def _uart_type(sys: Path, name: str) -> str:
    """Return the driver's number for the UART's kind, "0" for none."""
    try:
        return (sys / "class/tty" / name / "type").read_text().strip()
    except OSError:
        return ""


def _clean(text: str) -> str:
    return "".join(letter if letter.isprintable() else "�" for letter in text)[:MAX_WORDS]
