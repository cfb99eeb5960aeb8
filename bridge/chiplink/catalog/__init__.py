"""The table of what each chip can do; descriptor, discovery and checks derive from it."""

from __future__ import annotations

from chiplink.catalog.ch392 import CH392
from chiplink.catalog.ch9329 import CH9329
from chiplink.catalog.row import Chip, Kind, Row, ValueType

CHIPS: dict[str, Chip] = {chip.id: chip for chip in (CH9329, CH392)}
"""Every chip by the name the configuration gives it."""

__all__ = ["CHIPS", "Chip", "Kind", "Row", "ValueType"]
