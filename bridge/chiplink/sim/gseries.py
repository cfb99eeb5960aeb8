"""A simulated modem of KingcomTek's G series: GSM/GPRS, one link."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .gseries_faults import GSERIES_FAULTS
from .gseries_stack import ADDRESS, GSeriesStack
from .modem import Model, ModemSim
from .modem_identity import Identity
from .modem_settings import Setting, flag

if TYPE_CHECKING:
    from .modem_stack import Stack

IDENTITY = Identity(
    manufacturer="Kingcom_Ltd",
    model="Kingcom_G3524",
    revision="G3524_SHNZ_B5_R04_A01_D160927",
    imei="865372021234567",
    ati=("Kingcom_Ltd", "Kingcom_G3524", "", "Revision: G3524_SHNZ_B5_R04_A01_D160927"),
)
LABELS = (
    "cipstart cipsend ciphead cipclose cipstatus cipshut cifsr cgatt cgdcont cgact i cpin csq creg "
    "cops cgsn cimi ccid cmee cfun"
)
SETTINGS = (
    flag("+CREG", default=1, top=2),
    Setting("+CIPHEAD", "(0,1)", ("0",), (range(2),), kept=False),
)


class GSeriesSim(ModemSim):
    """The modem (application note V1.72)."""

    MODEL = Model(
        faults=GSERIES_FAULTS,
        identity=IDENTITY,
        address=ADDRESS,
        settings=SETTINGS,
        labels=tuple(LABELS.split()),
        cpin="+CPIN:",
        bit_errors=99,
        unknown=("+CPINR", "+CICCID", "+CSMINS", "+CRESET"),
    )

    def make_stack(self) -> Stack:
        """Return the G series' stack."""
        return GSeriesStack(self)
