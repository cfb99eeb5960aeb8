"""A simulated SIM800: a GSM/GPRS modem with up to six links and two contexts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .modem import Model, ModemSim
from .modem_identity import Identity
from .sim800_faults import SIM800_FAULTS
from .sim800_settings import SIM800_SETTINGS
from .sim800_stack import Sim800Stack

if TYPE_CHECKING:
    from .modem_stack import Stack

IDENTITY = Identity(
    manufacturer="SIMCOM_Ltd",
    model="SIMCOM_SIM800L",
    revision="Revision:1418B05SIM800L24",
    imei="866770051234567",
    ati=("SIM800 R14.18",),
)
LABELS = (
    "cipmux cipmode cipccfg cstt ciicr cifsr cipstart cipsend cipqsend cipack cipats ciprxget "
    "cipserver cipudpmode clport cipsrip ciphead cipshowtp cipsprt cipstatus cipclose cipshut "
    "cipsgtxt cdnsgip csclk ciptka cpin csq creg cgreg cops cgatt cgsn cimi ccid cmee cfun sapbr"
)


class Sim800Sim(ModemSim):
    """The modem (application note V1.03, AT command manual V1.09)."""

    MODEL = Model(
        faults=SIM800_FAULTS,
        identity=IDENTITY,
        address="10.78.245.128",
        settings=SIM800_SETTINGS,
        labels=tuple(LABELS.split()),
        unknown=("+CPINR", "+CICCID", "+CRESET"),
    )

    def make_stack(self) -> Stack:
        """Return the SIM800's stack."""
        return Sim800Stack(self)
