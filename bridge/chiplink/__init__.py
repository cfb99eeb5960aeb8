"""chiplink: a bridge from five chips to MQTT and Home Assistant."""

__version__ = "0.1.0"
