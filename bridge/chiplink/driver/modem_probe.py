"""Which modem answers on a line, without changing anything."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chiplink.driver import modem_setup
from chiplink.exceptions import CommandError, ProbeError

if TYPE_CHECKING:
    from chiplink.driver.modem_line import Line
    from chiplink.driver.modem_setup import Identity
    from chiplink.protocol.at_events import Event
    from chiplink.transport.base import Port


@dataclass(frozen=True, slots=True)
class FoundModem:
    """A modem that answered; `chip` is empty for one of another kind."""

    chip: str
    baud: int
    words: str


async def find(port: Port) -> FoundModem:
    """Look for a modem at every rate and ask what it is; raises PortError, ProbeError."""
    line = await modem_setup.find(port, Counter(), _ignore)
    try:
        identity = await _identity(line)
    except CommandError as error:
        raise ProbeError(f"{port.name}: {error}") from None
    finally:
        await line.close()
    return FoundModem(identity.model, line.baud, identity.words)


async def _identity(line: Line) -> Identity:
    """Ask what it is, once more if it was just starting."""
    try:
        return await modem_setup.identify(line)
    except CommandError:
        return await modem_setup.identify(line)


def _ignore(_event: Event) -> None:
    """What it says besides is of no interest here."""
