"""What can be wrong with a simulated SIM800."""

from __future__ import annotations

from .faults import Fault, fault_table
from .modem_faults import MODEM_FAULTS

SIM800_FAULTS = MODEM_FAULTS | fault_table(
    Fault("send-fail-unread", "quirk", "sends fail while received data have not been fetched"),
    Fault("no-space", "quirk", "links are told as the manual prints them: '0,CONNECT OK'"),
)
