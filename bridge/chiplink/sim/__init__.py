"""Simulated chips, written from their documents; nothing here is shared with the drivers."""

from .ch9329 import Ch9329Sim
from .ch9329_core import Times
from .ch9329_faults import CH9329_FAULTS
from .log import JsonLog
from .pc import Pc
from .pty import PtyLine
from .runner import run_sim

__all__ = ["CH9329_FAULTS", "Ch9329Sim", "JsonLog", "Pc", "PtyLine", "Times", "run_sim"]
