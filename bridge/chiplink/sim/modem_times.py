"""How long a simulated modem takes."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Times:
    """Times in seconds; speed divides all but those of the line and of the peers."""

    power_up: float = 1.5  # from power to RDY
    card: float = 0.5  # from RDY to the card's state
    ready: float = 1.0  # from the card to "Call Ready"
    register: float = 3.0  # from a readable card to the network
    command: float = 0.005  # from the end of a command to its answer
    attach: float = 1.0
    context: float = 1.5  # CIICR, NETOPEN, CGACT
    dns: float = 0.3
    close: float = 0.2
    shut: float = 0.5
    bearer: float = 1.5  # SAPBR
    step: float = 1.0  # the unit of settings in seconds, CIPATS
    escape: float = 1.0  # silence around +++ and between its characters; not divided
    connect_limit: float = 75.0  # not divided: how long a peer may take to accept
    send_limit: float = 645.0  # not divided: how long a peer may take to acknowledge
    speed: float = 1.0

    @classmethod
    def instant(cls, *, escape: float = 0.02, **peer: float) -> Times:
        """Return times without any waiting but for peers; escape and the limits may be told."""
        return dataclasses.replace(cls(), escape=escape, speed=math.inf, **peer)

    def scaled(self, seconds: float) -> float:
        """Return seconds at this speed."""
        return seconds / self.speed
