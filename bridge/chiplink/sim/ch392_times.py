"""How long a simulated CH392 takes."""

from __future__ import annotations

import math
from dataclasses import dataclass

SHORTEST_PERIOD = 0.01  # what repeats itself must not fill the loop when nothing takes time


@dataclass(frozen=True, slots=True)
class Times:
    """Times of the document in seconds; speed divides all but those of the line and the peers.

    Where nothing but waiting tells a host that the chip hears again, the chip is done a little
    before the document's time: who waits just as long as it says must be heard.
    """

    power_up: float = 0.085  # RSTI's 35 ms follow the 50 of a reset (section 6.4)
    reset: float = 0.045  # RESET_ALL: within 50 ms (5.3)
    init: float = 0.350
    link_up: float = 1.0  # from INIT, or a plugged cable, to a link of the PHY
    socket: float = 0.003  # OPEN, LISTEN, CONNECT, DISCONNECT, CLOSE
    dhcp_enable: float = 0.020
    dhcp_answer: float = 0.5
    dhcp_retry: float = 16.0
    eeprom: float = 0.090  # SET_MAC_ADDR: 100 ms (5.5)
    baud: float = 0.001
    copy: float = 0.001  # from a WRITE's last byte to the stack
    sync_guard: float = 0.040  # SER_CMD_TIMEOUT (6.3); not divided: real bytes keep to it
    tsc: float = 0.000001  # the gap on SPI (6.2), "1mS" by a misprint; not divided either
    peer: float = 6.0  # not divided: how long a real peer may take to answer
    speed: float = 1.0

    @classmethod
    def instant(cls) -> Times:
        """Return times without any waiting but for the line and for peers."""
        return cls(speed=math.inf)

    def scaled(self, seconds: float) -> float:
        """Return seconds at this speed."""
        return seconds / self.speed

    def period(self, seconds: float) -> float:
        """Return the seconds between repetitions at this speed, never none."""
        return max(self.scaled(seconds), SHORTEST_PERIOD)
