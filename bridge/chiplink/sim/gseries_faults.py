"""What can be wrong with a simulated modem of the G series."""

from __future__ import annotations

from .faults import Fault, fault_table
from .modem_faults import MODEM_FAULTS

GSERIES_FAULTS = MODEM_FAULTS | fault_table(
    Fault("cme50", "chip", "CIPSTART answers OK and then +CME ERROR: 50"),
    Fault("no-response", "chip", "CIPSTART answers OK and then COMMAND NO RESPONSE!"),
    Fault("connect-first", "quirk", "CONNECT OK comes before the OK of its CIPSTART"),
    Fault("ipd-comma", "quirk", "data are headed '+IPD,11:' and stand on the same line"),
    Fault("ipd-spaced", "quirk", "data are headed '+IPD, 11:' as the note words it"),
    Fault("ciprcv", "quirk", "data come as +CIPRCV:11,... and a close as +TCPCLOSED:0"),
    Fault("shut-ok", "quirk", "CIPSHUT answers SHUT OK and no OK"),
)
