"""The configuration file (SPEC.md, "Configuration"): read whole, every mistake told at once."""

from __future__ import annotations

from chiplink.config.device import DeviceConfig
from chiplink.config.file import DEFAULT_PATH, MAX_FILE, load_config
from chiplink.config.general import HomeAssistantTable, LogTable
from chiplink.config.whole import Config, check_config
from chiplink.mqtt.homeassistant import Mode

__all__ = [
    "DEFAULT_PATH",
    "MAX_FILE",
    "Config",
    "DeviceConfig",
    "HomeAssistantTable",
    "LogTable",
    "Mode",
    "check_config",
    "load_config",
]
