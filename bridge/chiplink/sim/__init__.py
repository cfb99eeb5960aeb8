"""Simulated chips, written from their documents; nothing here is shared with the drivers."""

from .ch392 import Ch392Sim
from .ch392_dhcp import Lease
from .ch392_faults import CH392_FAULTS
from .ch392_times import Times as Ch392Times
from .ch9329 import Ch9329Sim
from .ch9329_core import Times
from .ch9329_faults import CH9329_FAULTS
from .ether import Ether
from .gseries import GSeriesSim
from .log import JsonLog
from .loop import precise_loop
from .modem_times import Times as ModemTimes
from .pc import Pc
from .pty import PtyLine
from .runner import faults_of, run_sim
from .sim800 import Sim800Sim
from .sim7028 import Sim7028Sim
from .spi_wire import SpiWire

__all__ = [
    "CH392_FAULTS",
    "CH9329_FAULTS",
    "Ch392Sim",
    "Ch392Times",
    "Ch9329Sim",
    "Ether",
    "GSeriesSim",
    "JsonLog",
    "Lease",
    "ModemTimes",
    "Pc",
    "PtyLine",
    "Sim800Sim",
    "Sim7028Sim",
    "SpiWire",
    "Times",
    "faults_of",
    "precise_loop",
    "run_sim",
]
