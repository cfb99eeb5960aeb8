"""Programs of others, as they are, on simulated modems: sim800l-gsm-module, python-gsmmodem-new."""

from __future__ import annotations

import asyncio
import warnings
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import serial
from sim_support import until

from chiplink.sim import Ether, GSeriesSim, ModemTimes, PtyLine, Sim800Sim, Sim7028Sim
from chiplink.sim.modem_events import Said

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from chiplink.sim.events import Event
    from chiplink.sim.modem import ModemSim

with warnings.catch_warnings():
    # Their sources hold escapes that newer Pythons warn of.
    warnings.simplefilter("ignore")
    from gsmmodem.exceptions import IncorrectPinError, PinRequiredError
    from gsmmodem.modem import GsmModem
    from sim800l import SIM800L


@asynccontextmanager
async def port_of_modem(kind: type[ModemSim], *faults: str) -> AsyncIterator[tuple[ModemSim, str]]:
    """A modem that has booted, and the path of its port."""
    ether = Ether(hosts={"plc.example": "203.0.113.5", "nowhere.example": ""})
    sim = kind(ether=ether, times=ModemTimes.instant())
    said: list[Event] = []
    sim.observe(said.append)
    try:
        async with PtyLine(sim) as line:
            # What it says before a program has set its speed would be garbage to that program.
            await until(sim, lambda: sim.radio.attached and Said("urc", "SMS Ready") in said)
            for fault in faults:
                sim.faults.switch_on(fault)
            yield sim, line.path
    finally:
        sim.close()


def set_up(path: str) -> SIM800L:
    # With the echo on, its first set-up hears itself and fails.
    with serial.Serial(path, 115200, timeout=20) as port:
        port.write(b"ATE0\r")
        port.read_until(b"\r\nOK\r\n")
    modem = SIM800L(path, 115200, timeout=20)
    assert modem.setup()
    return modem


async def test_sim800l_asks_who_is_there() -> None:
    def ask(path: str) -> dict[str, object]:
        modem = set_up(path)
        try:
            return {
                "sim": modem.check_sim(),
                "registered": modem.is_registered(),
                "operator": modem.get_operator(),
                "provider": modem.get_service_provider(),
                "volts": modem.get_battery_voltage(),
                "number": modem.get_msisdn(),
                "signal": modem.get_signal_strength(),
                "unit": modem.get_unit_name(),
                "revision": modem.get_hw_revision(),
                "imei": modem.get_serial_number(),
                "ccid": modem.get_ccid(),
                "imsi": modem.get_imsi(),
                "temperature": modem.get_temperature(),
            }
        finally:
            modem.ser.close()

    async with port_of_modem(Sim800Sim) as (_sim, path):
        assert await asyncio.to_thread(ask, path) == {
            "sim": True,
            "registered": True,
            "operator": "China mobile",
            "provider": "CMCC",
            "volts": 4.1,
            "number": "+8613800138000",
            "signal": 21 / 0.32,
            "unit": "SIM800 R14.18",
            "revision": "Revision:1418B05SIM800L24",
            "imei": "866770051234567",
            "ccid": "89860012345678901234",
            "imsi": "460001234567890",
            "temperature": "25.63",
        }


@pytest.mark.parametrize(
    ("name", "address"), [("plc.example", "203.0.113.5"), ("nowhere.example", None)]
)
async def test_sim800l_resolves_a_name(name: str, address: str | None) -> None:
    """It brings the bearer and the context up, asks, and shuts both."""

    def ask(path: str) -> object:
        modem = set_up(path)
        try:
            return modem.query_ip_address(url=name, apn="internet")
        finally:
            modem.ser.close()

    async with port_of_modem(Sim800Sim) as (sim, path):
        assert await asyncio.to_thread(ask, path) == (address or False)
        assert sim.stack.state() == "IP INITIAL"


@pytest.mark.parametrize("kind", [Sim800Sim, Sim7028Sim])
async def test_gsmmodem_connects_and_asks(kind: type[ModemSim]) -> None:
    def ask(path: str) -> tuple[object, ...]:
        modem = GsmModem(path, 115200)
        modem.connect()
        try:
            modem.waitForNetworkCoverage()
            return (
                modem.manufacturer,
                modem.model,
                modem.imei,
                modem.imsi,
                modem.networkName,
                modem.signalStrength,
            )
        finally:
            modem.close()

    identity = kind.MODEL.identity
    async with port_of_modem(kind) as (_sim, path):
        assert await asyncio.to_thread(ask, path) == (
            identity.manufacturer,
            identity.model,
            identity.imei,
            "460001234567890",
            "CHINA MOBILE",
            20,
        )


async def test_gsmmodem_misses_a_space_of_the_g_series() -> None:
    """It compares with '+CPIN: READY' and so takes '+CPIN:READY' for a locked card."""

    def connect(path: str) -> None:
        modem = GsmModem(path, 115200)
        try:
            modem.connect()
        finally:
            modem.close()

    async with port_of_modem(GSeriesSim) as (_sim, path):
        with pytest.raises(PinRequiredError):
            await asyncio.to_thread(connect, path)


async def test_gsmmodem_and_the_pin() -> None:
    def connect(path: str, pin: str | None) -> None:
        modem = GsmModem(path, 115200)
        try:
            modem.connect(pin)
        finally:
            modem.close()

    async with port_of_modem(Sim800Sim, "pin-needed") as (sim, path):
        with pytest.raises(PinRequiredError):
            await asyncio.to_thread(connect, path, None)
        with pytest.raises(IncorrectPinError):
            await asyncio.to_thread(connect, path, "0000")
        assert sim.card.pin_tries == 2
        await asyncio.to_thread(connect, path, "1234")
        assert sim.card.state == "READY"
