"""Nothing here runs where chiplink's own tests run: `tests/homeassistant/run` does."""

collect_ignore_glob = ["*"]
