"""A simulated SIM7028: an NB-IoT modem with two links and two servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .modem import Model, ModemSim
from .modem_identity import Identity
from .sim7028_faults import SIM7028_FAULTS
from .sim7028_settings import SIM7028_SETTINGS
from .sim7028_stack import ADDRESS, Sim7028Stack

if TYPE_CHECKING:
    from .modem_stack import Stack

IDENTITY = Identity(
    manufacturer="SIMCOM INCORPORATED",
    model="SIMCOM_SIM7028",
    revision="2110B05SIM7028",
    imei="867770051234560",
    ati=(
        "Manufacturer: SIMCOM INCORPORATED",
        "Model: SIMCOM_SIM7028",
        "Revision: 2110B05SIM7028",
        "IMEI: 867770051234560",
    ),
)
LABELS = (
    "netopen netclose cipopen cipsend ciprxget cipclose ipaddr ciphead cipsrip cipmode cipsendmode "
    "ciptimeout cipccfg serverstart serverstop cipack cdnsgip csocketpn ctcpka cdnscfg cpin csq "
    "cereg cops cgatt cgsn cimi ccid cmee cfun cgdcont"
)


class Sim7028Sim(ModemSim):
    """The modem (application note V1.04)."""

    MODEL = Model(
        faults=SIM7028_FAULTS,
        identity=IDENTITY,
        address=ADDRESS,
        settings=SIM7028_SETTINGS,
        labels=tuple(LABELS.split()),
        reports=("+CREG", "+CGREG", "+CEREG"),
        technology=",9",
        own_apn="cmnbiot",
        unknown=("+SPIC", "+CSMINS"),
    )

    def make_stack(self) -> Stack:
        """Return the SIM7028's stack."""
        return Sim7028Stack(self)
