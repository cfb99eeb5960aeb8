"""The settings of the SIM7028's TCP/IP stack (application note 2.1)."""

from __future__ import annotations

from .modem_settings import Setting, flag

MILLISECONDS = range(3000, 120001)
CIPCCFG_DEFAULT = ("10", "0", "0", "1", "0", "0", "500")

SIM7028_SETTINGS = (
    flag("+CEREG", top=2),
    Setting("+CIPHEAD", "(0-1)", ("1",), (range(2),), execute=("1",), kept=False),
    Setting("+CIPSRIP", "(0-1)", ("1",), (range(2),), execute=("1",), kept=False),
    Setting("+CIPMODE", "(0-1)", ("0",), (range(2),), execute=("0",), kept=False),
    Setting("+CIPSENDMODE", "(0-1)", ("0",), (range(2),), kept=False),
    Setting(
        "+CIPTIMEOUT",
        "(3000-120000),(3000-120000),(3000-120000)",
        ("120000", "120000", "120000"),
        (MILLISECONDS,) * 3,
        kept=False,
    ),
    Setting(
        "+CIPCCFG",
        "(0-10),(0-1000),(0),(0-1),(0-1),(0-1),(500-120000)",
        CIPCCFG_DEFAULT,
        (range(11), range(1001), range(1), range(2), range(2), range(2), range(500, 120001)),
        execute=CIPCCFG_DEFAULT,
        kept=False,
    ),
    Setting("+CSOCKETPN", "1,(1,6)", ("1", "1"), (range(1, 2), range(1, 7, 5)), kept=False),
    Setting(
        "+CTCPKA",
        None,
        ("0", "1", "1", "1"),
        (range(2), range(1, 121), range(1, 11), range(1, 121)),
        needed=4,
        kept=False,
    ),
)
