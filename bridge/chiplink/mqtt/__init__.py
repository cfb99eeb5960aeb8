"""The node on MQTT (SPEC.md, "MQTT contract")."""
