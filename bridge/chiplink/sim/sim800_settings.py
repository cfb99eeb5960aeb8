"""The settings of the SIM800's TCP/IP stack (application note; AT manual chapter 8)."""

from __future__ import annotations

from .modem_settings import Setting, flag

CIPCCFG_TEST = (
    "(NmRetry:3-8),(WaitTm:2-10),(SendSz:1-1460),(esc:0,1),"
    "(Rxmode:0,1),(RxSize:50-1460),(Rxtimer:20-1000)"
)
CIPCCFG_LIMITS = (
    range(3, 9),
    range(2, 11),
    range(1, 1461),
    range(2),
    range(2),
    range(50, 1461),
    range(20, 1001),
)

SIM800_SETTINGS = (
    Setting("+CIPMUX", "(0,1)", ("0",), (range(2),), kept=False),
    Setting(
        "+CIPMODE",
        "(0-NORMAL MODE,1-TRANSPARENT MODE)",
        ("0",),
        (range(2),),
        kept=False,
    ),
    Setting(
        "+CIPCCFG",
        CIPCCFG_TEST,
        ("5", "2", "1024", "1", "0", "1460", "50"),
        CIPCCFG_LIMITS,
        kept=False,
    ),
    Setting("+CIPQSEND", "(0,1)", ("0",), (range(2),), kept=False),
    Setting("+CIPATS", "(0,1),(1-100)", ("0", "1"), (range(2), range(1, 101)), kept=False),
    Setting("+CIPHEAD", "(0,1)", ("0",), (range(2),), kept=False),
    Setting("+CIPSRIP", "(0,1)", ("0",), (range(2),), kept=False),
    Setting("+CIPSHOWTP", "(0,1)", ("0",), (range(2),), kept=False),
    Setting("+CIPSPRT", "(0-2)", ("1",), (range(3),), kept=False),
    Setting("+CIPSGTXT", "(0,1)", ("0",), (range(2),), kept=False),
    Setting("+CIPSSL", "(0,1)", ("0",), (range(2),), kept=False),
    Setting(
        "+CIPDPDP",
        "(0,1),(1-180),(1-10)",
        ("1", "10", "3"),
        (range(2), range(1, 181), range(1, 11)),
        kept=False,
    ),
    Setting(
        "+CIPRDTIMER",
        "(100-4000),(100-7000)",
        ("2000", "3500"),
        (range(100, 4001), range(100, 7001)),
        needed=2,
        kept=False,
    ),
    Setting(
        "+CIPTKA",
        "(0,1),(30-7200),(30-600),(1-9)",
        ("1", "7200", "75", "9"),
        (range(2), range(30, 7201), range(30, 601), range(1, 10)),
        kept=False,
    ),
    Setting("+CIPCSGP", "0-CSD,1-GPRS", ("1", "CMNET", "", ""), (range(2), None, None, None)),
    flag("+CIPSCONT", execute="0"),
)
