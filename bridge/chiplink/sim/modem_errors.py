"""+CME ERROR: what AT+CMEE=1 prints as a number and AT+CMEE=2 as words (3GPP TS 27.007 9.2)."""

from __future__ import annotations

from typing import Final

NOT_ALLOWED: Final = 3
NOT_SUPPORTED: Final = 4
NO_SIM: Final = 10
PIN_REQUIRED: Final = 11
PUK_REQUIRED: Final = 12
SIM_FAILURE: Final = 13
WRONG_PASSWORD: Final = 16
NO_NETWORK: Final = 30
BAD_PARAMETER: Final = 50
UNKNOWN: Final = 100

CME_TEXTS: Final = {
    NOT_ALLOWED: "operation not allowed",
    NOT_SUPPORTED: "operation not supported",
    NO_SIM: "SIM not inserted",
    PIN_REQUIRED: "SIM PIN required",
    PUK_REQUIRED: "SIM PUK required",
    SIM_FAILURE: "SIM failure",
    WRONG_PASSWORD: "incorrect password",
    NO_NETWORK: "no network service",
    BAD_PARAMETER: "Incorrect parameters",
    UNKNOWN: "unknown",
}
