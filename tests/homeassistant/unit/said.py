"""What the bridge says, as payloads.py wrote it down."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

SAID: dict[str, Any] = json.loads(Path(os.environ["CHIPLINK_HA_PAYLOADS"]).read_text("utf-8"))
