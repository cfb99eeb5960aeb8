"""Ports as they are written."""

from __future__ import annotations

import pytest

from chiplink.exceptions import ConfigError
from chiplink.ports import make_interrupt, make_port, make_spi_port
from chiplink.transport.interrupt import GpioInterrupt, SocketInterrupt
from chiplink.transport.spi import SpiOptions
from chiplink.transport.url import parse_port


def test_a_serial_port_with_an_interrupt() -> None:
    port = parse_port("serial:///dev/ttyAMA0?baud=115200&int=gpiochip0:25")
    assert (port.scheme, port.path, port.baud) == ("serial", "/dev/ttyAMA0", 115200)
    assert port.interrupt == "gpiochip0:25"
    assert not port.is_spi
    interrupt = make_interrupt(port)
    assert isinstance(interrupt, GpioInterrupt)
    assert interrupt.name == "gpiochip0:25"


def test_a_bare_path_has_none() -> None:
    port = parse_port("/dev/ttyUSB0")
    assert port.interrupt == ""
    assert make_interrupt(port) is None


def test_spi_as_it_is() -> None:
    port = parse_port("spi:///dev/spidev0.0")
    assert port.spi == SpiOptions(speed=8_000_000, mode=0, gap=None, gapless=False)
    assert (port.path, port.interrupt, port.identity) == (
        "/dev/spidev0.0",
        "",
        "spi:/dev/spidev0.0",
    )
    assert make_spi_port(port).name == "/dev/spidev0.0"


def test_spi_with_everything() -> None:
    text = "spi:///dev//spidev0.0?speed=4000000&mode=3&int=/dev/gpiochip4:07&gap=5"
    port = parse_port(text)
    assert port.spi == SpiOptions(speed=4_000_000, mode=3, gap=5)
    assert port.interrupt == "gpiochip4:7"
    assert port.options["int"] == "/dev/gpiochip4:07"
    assert port.identity == parse_port("spi:///dev/spidev0.0").identity


def test_gapless_has_a_clock_of_its_own() -> None:
    assert parse_port("spi:///dev/spidev0.0?gapless=1").spi == SpiOptions(
        speed=800_000, gapless=True
    )
    assert parse_port("spi:///dev/spidev0.0?gapless=0").spi == SpiOptions()


def test_a_simulators_wire() -> None:
    port = parse_port("spi+unix:///run/user/1000/lan")
    assert (port.path, port.interrupt) == ("/run/user/1000/lan", "/run/user/1000/lan.int")
    assert isinstance(make_interrupt(port), SocketInterrupt)
    assert parse_port("spi+unix:///run/lan?int=/run/pin").interrupt == "/run/pin"
    assert parse_port("spi+unix:///run/lan?int=none").interrupt == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("spi:///dev/spidev0.0?sped=1", "'sped'; did you mean speed=?"),
        ("spi:///dev/spidev0.0?baud=9600", "known: speed, mode, int, gap, gapless"),
        ("spi:///dev/spidev0.0?mode=0&mode=3", "'mode' is there twice"),
        ("spi:///dev/spidev0.0?mode=1", "mode=0 or mode=3"),
        ("spi:///dev/spidev0.0?speed=8000001", "up to 8000000; write speed=8000000"),
        ("spi:///dev/spidev0.0?speed=0", "is no clock in Hz"),
        ("spi:///dev/spidev0.0?speed=1e6", "is no clock in Hz"),
        ("spi:///dev/spidev0.0?gapless=1&speed=1000001", "up to 1000000; write speed=800000"),
        ("spi:///dev/spidev0.0?gapless=yes", "gapless=1 or leave it out"),
        ("spi:///dev/spidev0.0?gapless=1&gap=2", "exclude each other"),
        ("spi:///dev/spidev0.0?gap=10001", "microseconds up to 10000; write gap=2"),
        ("spi:///dev/spidev0.0?gap=", "microseconds"),
        ("spi:///dev/spidev0.0?int=25", "int=gpiochip0:25"),
        ("spi:///dev/spidev0.0?int=gpiochip0:", "int=gpiochip0:25"),
        ("spi://dev/spidev0.0", "three slashes: spi:///dev/…"),
        ("spi+unix://lan", "three slashes: spi+unix:///path"),
        ("spi+unix:///" + "x" * 107, "too long for a socket"),
        ("spi+unix:///" + "x" * 104, "too long for a socket"),
        ("/dev/spidev0.0", "write spi:///dev/spidev0.0"),
        ("spidev:///dev/spidev0.0", "did you mean spi://?"),
        ("serial:///dev/ttyS0?int=gpiochip:1", "int=gpiochip0:25"),
        ("serial:///dev/ttyS0?speed=1", "known: baud, int"),
        ("sim://?int=gpiochip0:25", "known: baud"),
        ("spi:///dev/a%00b", "is no port"),
        ("spi:///dev/" + "x" * 5000, "characters"),
    ],
)
def test_what_is_wrong_and_what_is_right(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_port(text)
    assert words in str(caught.value)
    assert len(caught.value.problems) == 1
    assert "\n" not in str(caught.value)


def test_spi_where_bytes_are_wanted_and_the_other_way_round() -> None:
    with pytest.raises(ConfigError, match="not driven over SPI"):
        make_port(parse_port("spi:///dev/spidev0.0"), "ch9329", "spi:///dev/spidev0.0")
    with pytest.raises(ConfigError, match="serial:// is no SPI bus"):
        make_spi_port(parse_port("/dev/ttyUSB0"))
