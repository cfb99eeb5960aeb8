"""Whatever the validator lets through, Home Assistant can show: no error, no broken entity."""

from __future__ import annotations

import json
import logging
import random
from copy import deepcopy
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
from custom_components.chiplink.descriptor import _FITTING, parse_descriptor
from custom_components.chiplink.fields import DescriptorError
from said import SAID

if TYPE_CHECKING:
    from fake_broker import Bridge
    from fake_home import Home

TYPES = ("bool", "int", "float", "enum", "text", "bytes", "json")
CLASSES = (None, "temperature", "enum", "timestamp", "connectivity", "restart", "date", "no_such")
PAYLOADS = (
    "ON",
    "-5",
    "a",
    "",
    "2026-11-20T10:00:00+00:00",
    '{"event_type":"a","x":[1]}',
    "x" * 300,
)


def rows() -> list[dict[str, Any]]:
    """Every platform with every kind, type and class that is accepted."""
    found = []
    for platform, kinds in _FITTING.items():
        for kind, value_type, device_class in product(kinds, TYPES, CLASSES):
            row: dict[str, Any] = {
                "key": f"k{len(found)}",
                "kind": kind,
                "platform": platform,
                "type": value_type,
                "name": f"Row {len(found)}",
                "enabled": True,
            }
            if value_type == "enum" or platform == "select":
                row["options"] = ["a", "b"]
            if platform == "event":
                row["event_types"] = ["a"]
            if value_type in ("int", "float") or platform == "number":
                row |= {"state_class": "measurement", "unit": "°C"}
            if device_class is not None:
                row["device_class"] = device_class
            if is_accepted({"rows": [row]}):
                found.append(row)
    return found


def refusal(payload: bytes | bytearray | str) -> str:
    """Return why a descriptor is refused; anything but a refusal is a defect."""
    try:
        parse_descriptor(payload, "cellar")
    except DescriptorError as error:
        return str(error)
    return ""


def is_accepted(changes: dict[str, Any]) -> bool:
    content = deepcopy(SAID["descriptor"])
    content["devices"][0].update(changes)
    return not refusal(json.dumps(content))


async def test_every_accepted_row_can_be_shown(
    home: Home, bridge: Bridge, caplog: pytest.LogCaptureFixture
) -> None:
    everything = rows()
    assert len(everything) > 300
    shown = 0
    for start in range(0, len(everything), 64):
        part = everything[start : start + 64]
        bridge.kvm["rows"] = part
        bridge.describe()
        await home.settle()
        for payload in PAYLOADS:
            bridge.states(**{row["key"]: payload for row in part})
            await home.settle()
        for row in part:
            assert home.state(row["key"]).state != "unavailable", row
            shown += 1
    assert shown == len(everything)
    worse = [
        record.getMessage()
        for record in caplog.records
        if record.levelno >= logging.ERROR or ("chiplink" in record.name and record.levelno > 20)
    ]
    assert worse == []
    caplog.clear()


def _places(tree: Any) -> list[tuple[Any, Any]]:
    """Every container of a tree with each of its keys."""
    pairs = list(tree.items() if isinstance(tree, dict) else enumerate(tree))
    found = [(tree, key) for key, _value in pairs]
    for _key, value in pairs:
        if isinstance(value, dict | list):
            found += _places(value)
    return found


ODD = (
    None, True, 0, -1, 1.5, 1e308, 10**40, "", "x", "+/#", "{{ 1 }}", "\ud800", "a" * 100_000,
    [], [[]], [None] * 200, {}, {"a": {}}, "sensor", "state", "enum", "event",
)  # fmt: skip


@pytest.mark.parametrize("seed", range(20))
def test_a_mutation_is_refused_or_taken_but_nothing_else(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a test that repeats
    for _time in range(100):
        content = deepcopy(SAID["descriptor"])
        for _change in range(chance.randint(1, 3)):
            container, key = chance.choice(_places(content))
            if chance.random() < 0.2:
                del container[key]
            else:
                container[key] = deepcopy(chance.choice(ODD))
        assert len(refusal(json.dumps(content))) < 120


@pytest.mark.parametrize("seed", range(5))
def test_bytes_that_were_damaged(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a test that repeats
    whole = json.dumps(SAID["descriptor"]).encode()
    for _time in range(100):
        damaged = bytearray(whole)
        for _change in range(chance.randint(1, 4)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        for payload in (damaged, damaged[: chance.randrange(len(damaged))]):
            assert "\n" not in refusal(payload)
