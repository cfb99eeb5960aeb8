"""The demonstration's modems: simulated, each on a pseudo-terminal, and how they are configured."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from chiplink.sim import Ether, GSeriesSim, ModemTimes, PtyLine, Sim800Sim, Sim7028Sim

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from chiplink.sim.modem import ModemSim

SPEED = 4.0
"""How much faster than real ones these modems and their lines of 115,200 baud are."""


@dataclass(frozen=True, slots=True)
class Role:
    """A modem of the demonstration; `options` are its table's, beside port and links."""

    make: type[ModemSim]
    options: Mapping[str, Any]
    datagrams: bool = False
    """Whether it has a link `lamp` besides `plc`."""


ROLES: dict[str, Role] = {
    "nbiot": Role(
        Sim7028Sim, {"chip": "sim7028", "name": "Simulated NB-IoT modem"}, datagrams=True
    ),
    "gprs": Role(
        GSeriesSim, {"chip": "gseries", "name": "Simulated GPRS modem", "apn": "internet"}
    ),
    "cell": Role(Sim800Sim, {"chip": "sim800", "name": "Simulated GSM modem", "apn": "internet"}),
    "cell_push": Role(
        Sim800Sim,
        {
            "chip": "sim800",
            "name": "Simulated GSM modem, pushing",
            "apn": "internet",
            "mode": "push",
        },
        datagrams=True,
    ),
}
"""By device: each model, the SIM800 twice, as its data is fetched and as it is pushed."""


class Modems:
    """An async context manager: the modems run inside; `chips` are theirs, by device."""

    def __init__(self, folder: Path, address_map: dict[str, str]) -> None:
        self.chips: dict[str, ModemSim] = {}
        self._folder = folder
        self._address_map = address_map
        self._exits = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Power them up."""
        for name, role in ROLES.items():
            ether = Ether(address_map=self._address_map)
            chip = self.chips[name] = role.make(ether=ether, times=ModemTimes(speed=SPEED))
            self._exits.callback(chip.close)
            await self._exits.enter_async_context(PtyLine(chip, link=self._folder / name))
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Take them away."""
        await self._exits.aclose()

    def tables(self, plc: str, lamp: str) -> dict[str, dict[str, Any]]:
        """Return `[device.NAME]` of each, with links to a TCP and to a UDP peer."""
        return {name: self._table(name, plc, lamp) for name in ROLES}

    def _table(self, name: str, plc: str, lamp: str) -> dict[str, Any]:
        role = ROLES[name]
        links = {"plc": {"kind": "tcp-client", "remote": plc}}
        if role.datagrams:
            links["lamp"] = {"kind": "udp", "remote": lamp}
        port = f"serial://{self._folder / name}?baud=115200"
        return {**role.options, "port": port, "link": links}
