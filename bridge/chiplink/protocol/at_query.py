"""What `at = "query"` lets through: commands that ask and change nothing.

A bare execute form is not on the list, harmless as it looks: on a SIM7028 `AT+CIPHEAD` changes a
setting. What tells a subscriber's identity (CIMI, CCID, CNUM) or what is stored (messages, phone
books) is not either: results are published. The IMEI (CGSN) is one of the bridge's states anyway.
"""

from __future__ import annotations

import re

from chiplink.protocol.at_command import TEXT_MAX

READS = frozenset(
    {"AT", "ATI", "AT+CSQ", "AT+CGMI", "AT+CGMM", "AT+CGMR", "AT+CGSN", "AT+CBC"}
    | {"AT+GMI", "AT+GMM", "AT+GMR", "AT+IPADDR", "AT+CIPSTATUS"}
)
"""Execute forms that only read."""

SECRETS = frozenset(
    {"CPIN", "CPIN2", "CLCK", "CPWD", "CNUM", "CIMI", "CCID", "ICCID", "CSTT", "CGAUTH", "CMGL"}
    | {"CMGR", "CPBR", "CPBF", "SAPBR", "CSIM", "CRSM", "CIPSSL"}
)
"""Commands whose answer can hold a number, a name or a password; CPIN? is asked by the bridge."""

_ASKING = re.compile(r"AT\+([A-Z0-9]{2,20})(\?|=\?)")


def refusal(text: str) -> str | None:
    """Return why a command is not let through, or None if it is."""
    if len(text) > TEXT_MAX:
        return f"a command has at most {TEXT_MAX} characters"
    for character in text:
        if not " " <= character <= "~":
            return f"a command is one line of ASCII, it cannot hold {character!r}"
    if ";" in text:
        return "only one command at a time: no ;"
    upper = text.strip().upper()
    if upper in READS:
        return None
    match = _ASKING.fullmatch(upper)
    if match is None:
        return (
            'at = "query" allows AT+X?, AT+X=? and '
            + ", ".join(sorted(READS))
            + '; for others set at = "all"'
        )
    if match[1] in SECRETS and match[2] == "?":
        return f"the answer to {upper} can hold a secret"
    return None
