"""What can be wrong with a simulated SIM7028."""

from __future__ import annotations

from .faults import Fault, fault_table
from .modem_faults import MODEM_FAULTS

SIM7028_FAULTS = MODEM_FAULTS | fault_table(
    Fault("network-closed", "switch", "the network closes unexpectedly: AFTER"),
    Fault("netopen-fail", "chip", "NETOPEN answers OK and then fails"),
    Fault("buffer-full", "chip", "the send buffer is full: 0 bytes are confirmed"),
    Fault("result-first", "quirk", "+CIPOPEN of TCP comes before its OK, if it can"),
    Fault("ok-first", "quirk", "OK comes before the result of SERVERSTOP and of closing UDP"),
    Fault("colon", "quirk", "+RECEIVE of header type 1 ends in a colon"),
    Fault("no-context-1", "quirk", "AT+CGDCONT=1 is an error: the modem made CID 0 itself"),
)
