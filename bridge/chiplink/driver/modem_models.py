"""The modems that can be driven, by the name the configuration gives them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chiplink.driver.modem_gseries import GSERIES
from chiplink.driver.modem_sim800 import SIM800
from chiplink.driver.modem_sim7028 import SIM7028

if TYPE_CHECKING:
    from chiplink.driver.modem_row import Model

MODELS: dict[str, Model] = {model.id: model for model in (SIM7028, GSERIES, SIM800)}
"""A row each."""
