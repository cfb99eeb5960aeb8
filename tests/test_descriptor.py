"""The descriptor against its schema, and the schema against wrong descriptors."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

import chiplink
from chiplink.catalog import CHIPS, Chip, Kind, Row, ValueType
from chiplink.config import check_config
from chiplink.daemon import check_bridge
from chiplink.driver.ch9329 import Ch9329, Ch9329Settings
from chiplink.exceptions import ConfigError, LocalMisuseError
from chiplink.mqtt.descriptor import descriptor, row_fields
from chiplink.transport.memory import MemoryPort
from mqtt.mqtt_support import FakeLink

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chiplink.model import CommandRequest, Json, LinkPhase, Scalar
    from chiplink.mqtt.view import LinkView

SCHEMA = json.loads(
    (Path(chiplink.__file__).parent / "schema" / "descriptor-1.json").read_text("utf-8")
)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

ON_THE_WIRE = {
    "key", "kind", "platform", "type", "name", "translation_key", "icon", "category",
    "device_class", "state_class", "unit", "options", "min", "max", "step", "event_types",
    "enabled", "expiry", "button",
}  # fmt: skip
"""The fields of a row that the contract names."""


def problems(value: Any) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(value)]


@dataclass
class FakeDevice:
    id: str = "kvm"
    title: str = "kvm"
    chip: Chip = CHIPS["ch9329"]
    rows: Mapping[str, Row] = field(default_factory=dict)
    links: Mapping[str, LinkView] = field(default_factory=dict)

    def counters(self) -> Mapping[str, int]:
        return {}


class FakeNode:
    def __init__(self, *devices: FakeDevice) -> None:
        self.devices = {device.id: device for device in devices}
        self.states: dict[tuple[str, str], Scalar] = {}
        self.available: dict[str, bool] = {}
        self.link_states: dict[tuple[str, str], LinkPhase] = {}
        self.link_infos: dict[tuple[str, str], Mapping[str, Json]] = {}

    def submit(self, request: CommandRequest) -> None: ...
    def unattended(self) -> None: ...
    def waiting(self) -> Mapping[str, int]:
        return {}


def text_row(key: str, **fields: Any) -> Row:
    words: dict[str, Any] = {"name": "A row", "translation_key": "row"} | fields
    return Row(key=key, kind=Kind.STATE, platform="sensor", type=ValueType.TEXT, **words)


def chip_device(chip: Chip) -> FakeDevice:
    return FakeDevice(id="chip", chip=chip, rows={row.key: row for row in chip.rows})


def read(*devices: FakeDevice) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(descriptor("cellar", FakeNode(*devices)))
    return value


class NoPeer:
    def attach(self, send: Callable[[bytes], None]) -> None: ...
    def receive(self, data: bytes) -> None: ...
    def detach(self) -> None: ...


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("chip", CHIPS.values(), ids=lambda chip: chip.id)
def test_every_chip_makes_a_valid_descriptor(chip: Chip) -> None:
    value = read(chip_device(chip))
    assert problems(value) == []
    assert [row["key"] for row in value["devices"][0]["rows"]] == [row.key for row in chip.rows]


def test_the_whole_of_a_small_one() -> None:
    row = Row(
        key="armed",
        kind=Kind.BOTH,
        platform="switch",
        type=ValueType.BOOL,
        name="Armed",
        translation_key="armed",
        expiry=30,
        gated=True,
        urgent=True,
        urgent_value=False,
    )
    assert read(FakeDevice(title="Desk", rows={"armed": row})) == {
        "schema": 1,
        "node": "cellar",
        "version": chiplink.__version__,
        "devices": [
            {
                "id": "kvm",
                "name": "Desk",
                "chip": "ch9329",
                "model": "CH9329",
                "manufacturer": "WCH",
                "links": [],
                "rows": [
                    {
                        "key": "armed",
                        "kind": "both",
                        "platform": "switch",
                        "type": "bool",
                        "name": "Armed",
                        "translation_key": "armed",
                        "enabled": True,
                        "expiry": 30,
                    }
                ],
            }
        ],
    }


def test_a_node_without_devices_is_valid() -> None:
    assert problems(read()) == []


async def test_a_configured_device_says_its_own_bounds() -> None:
    settings = Ch9329Settings(id="kvm", title="Desk", layout="de", max_text=77)
    device = Ch9329(settings, MemoryPort(NoPeer()))
    value = read(FakeDevice(device.id, device.title, device.chip, device.rows))
    assert problems(value) == []
    rows = {row["key"]: row for row in value["devices"][0]["rows"]}
    assert rows["type"]["max"] == 77
    assert {"us", "de", "fr"} <= set(rows["layout"]["options"])


@pytest.mark.parametrize("row", [row for chip in CHIPS.values() for row in chip.rows])
def test_only_the_contract_s_fields_go_over_the_wire(row: Row) -> None:
    assert set(row_fields(row)) <= ON_THE_WIRE


def test_fields_that_say_nothing_are_left_out_and_nothing_else() -> None:
    assert row_fields(text_row("a", translation_key="")) == {
        "key": "a",
        "translation_key": "a",
        "kind": "state",
        "platform": "sensor",
        "type": "text",
        "name": "A row",
        "enabled": True,
    }
    zero = row_fields(text_row("a", min=0, max=0, enabled=False))
    assert (zero["min"], zero["max"], zero["enabled"]) == (0, 0, False)


# Bounds


def test_32_devices_fit_and_33_do_not() -> None:
    devices = [FakeDevice(id=f"d{number}") for number in range(33)]
    assert len(read(*devices[:32])["devices"]) == 32
    with pytest.raises(LocalMisuseError):
        read(*devices)


def test_64_rows_fit_and_65_do_not() -> None:
    rows = {f"r{number}": text_row(f"r{number}") for number in range(65)}
    fitting = dict(list(rows.items())[:64])
    assert len(read(FakeDevice(rows=fitting))["devices"][0]["rows"]) == 64
    with pytest.raises(LocalMisuseError):
        read(FakeDevice(rows=rows))


def test_64_kib_fit_and_a_byte_more_does_not() -> None:
    def size(length: int) -> int:
        return len(descriptor("cellar", FakeNode(FakeDevice(rows={"a": text_row("a" * length)}))))

    most = 65536 - size(1) + 1
    assert size(most) == 65536
    with pytest.raises(LocalMisuseError):
        size(most + 1)


def test_16_links_fit_and_17_do_not() -> None:
    links = {f"l{number}": FakeLink(f"l{number}") for number in range(17)}
    fitting = dict(list(links.items())[:16])
    value = read(FakeDevice(links=fitting))
    assert [link["id"] for link in value["devices"][0]["links"]] == list(fitting)
    assert problems(value) == []
    with pytest.raises(LocalMisuseError):
        read(FakeDevice(links=links))


@pytest.mark.parametrize("kind", ["tcp-client", "tcp-server", "udp", "udp-server", "ipraw"])
def test_links_say_what_they_are(kind: str) -> None:
    value = read(FakeDevice(links={"a": FakeLink("a", kind), "b": FakeLink("b", kind, True)}))
    assert problems(value) == []
    assert value["devices"][0]["links"] == [
        {"id": "a", "kind": kind},
        {"id": "b", "kind": kind, "several": True},
    ]


# The schema

GOOD: dict[str, Any] = {
    "schema": 1,
    "node": "cellar",
    "version": "0.1.0",
    "devices": [
        {
            "id": "kvm",
            "name": "Desk",
            "chip": "ch9329",
            "model": "CH9329",
            "manufacturer": "WCH",
            "links": [{"id": "plc", "kind": "tcp-client", "several": False}],
            "rows": [
                {
                    "key": "layout",
                    "kind": "both",
                    "platform": "select",
                    "type": "enum",
                    "name": "Layout",
                    "enabled": True,
                    "options": ["us", "de"],
                    "expiry": 30,
                },
                {
                    "key": "hid_in",
                    "kind": "event",
                    "platform": "event",
                    "type": "json",
                    "name": "Report",
                    "enabled": True,
                    "event_types": ["report"],
                },
            ],
        }
    ],
}

MISSING = object()
DEVICE = ("devices", 0)
ROW = (*DEVICE, "rows", 0)
EVENT = (*DEVICE, "rows", 1)
LINK = (*DEVICE, "links", 0)


def changed(path: tuple[str | int, ...], new: Any) -> Any:
    value = copy.deepcopy(GOOD)
    place: Any = value
    for step in path[:-1]:
        place = place[step]
    if new is MISSING:
        del place[path[-1]]
    else:
        place[path[-1]] = new
    return value


BAD: list[tuple[tuple[str | int, ...], Any]] = [
    (("schema",), 2),
    (("schema",), "1"),
    (("schema",), MISSING),
    (("node",), MISSING),
    (("node",), "Cellar"),
    (("node",), "cel/lar"),
    (("node",), "#"),
    (("node",), ""),
    (("node",), "a" * 33),
    (("node",), 5),
    (("version",), MISSING),
    (("version",), ""),
    (("version",), "1" * 33),
    (("devices",), MISSING),
    (("devices",), {}),
    (("devices",), [GOOD["devices"][0]] * 33),
    (DEVICE, "kvm"),
    ((*DEVICE, "id"), MISSING),
    ((*DEVICE, "id"), "k+m"),
    ((*DEVICE, "name"), MISSING),
    ((*DEVICE, "name"), ""),
    ((*DEVICE, "name"), "n" * 65),
    ((*DEVICE, "chip"), MISSING),
    ((*DEVICE, "model"), MISSING),
    ((*DEVICE, "manufacturer"), MISSING),
    ((*DEVICE, "rows"), MISSING),
    ((*DEVICE, "rows"), [GOOD["devices"][0]["rows"][0]] * 65),
    ((*DEVICE, "links"), MISSING),
    ((*DEVICE, "links"), [{"id": "plc", "kind": "udp"}] * 17),
    ((*LINK, "id"), "p/c"),
    ((*LINK, "kind"), "tcp"),
    ((*LINK, "kind"), MISSING),
    ((*LINK, "several"), "yes"),
    ((*ROW, "key"), MISSING),
    ((*ROW, "key"), "Layout"),
    ((*ROW, "key"), "a/b"),
    ((*ROW, "kind"), "states"),
    ((*ROW, "kind"), MISSING),
    ((*ROW, "platform"), "light"),
    ((*ROW, "platform"), MISSING),
    ((*ROW, "type"), "string"),
    ((*ROW, "type"), MISSING),
    ((*ROW, "name"), MISSING),
    ((*ROW, "name"), ""),
    ((*ROW, "translation_key"), "a key"),
    ((*ROW, "icon"), "keyboard"),
    ((*ROW, "icon"), "mdi:"),
    ((*ROW, "category"), "system"),
    ((*ROW, "device_class"), "Signal"),
    ((*ROW, "state_class"), "average"),
    ((*ROW, "unit"), ""),
    ((*ROW, "unit"), "u" * 17),
    ((*ROW, "options"), MISSING),
    ((*ROW, "options"), []),
    ((*ROW, "options"), ["us", "us"]),
    ((*ROW, "options"), "us"),
    ((*ROW, "options"), [1]),
    ((*ROW, "options"), [str(number) for number in range(129)]),
    ((*ROW, "min"), "1"),
    ((*ROW, "max"), True),
    ((*ROW, "step"), 0),
    ((*ROW, "enabled"), MISSING),
    ((*ROW, "enabled"), "yes"),
    ((*ROW, "expiry"), 0),
    ((*ROW, "expiry"), 1.5),
    ((*ROW, "expiry"), 86401),
    ((*EVENT, "event_types"), MISSING),
    ((*EVENT, "event_types"), []),
    ((*EVENT, "event_types"), ["a b"]),
    ((*EVENT, "platform"), "sensor"),
]


def test_the_good_one_is_good() -> None:
    assert problems(GOOD) == []


@pytest.mark.parametrize(
    ("path", "new"),
    BAD,
    ids=[
        ".".join(map(str, path)) + ("-missing" if new is MISSING else f"-{str(new)[:20]}")
        for path, new in BAD
    ],
)
def test_the_schema_refuses(path: tuple[str | int, ...], new: Any) -> None:
    assert problems(changed(path, new))


@pytest.mark.parametrize("value", [None, [], "descriptor", 1, {}])
def test_the_schema_refuses_what_is_no_descriptor(value: Any) -> None:
    assert problems(value)


@pytest.mark.parametrize("place", [(), DEVICE, ROW, LINK], ids=["top", "device", "row", "link"])
def test_readers_ignore_fields_of_tomorrow(place: tuple[str | int, ...]) -> None:
    assert problems(changed((*place, "of_tomorrow"), {"a": 1})) == []


async def test_a_configuration_that_is_taken_can_be_described() -> None:
    names = [f"kvm_{number}" for number in range(32)]
    tables = {
        "node": {"id": "cellar"},
        "mqtt": {"url": "mqtts://broker.local"},
        "device": {
            name: {"chip": "ch9329", "port": f"/dev/{name}", "name": "t" * 64} for name in names
        },
    }
    config = check_config(tables)
    with pytest.raises(ConfigError, match="descriptor"):
        check_bridge(config)
    config = replace(config, devices=config.devices[:16])
    names = names[:16]
    check_bridge(config)
    devices = [Ch9329(item.settings, MemoryPort(NoPeer())) for item in config.devices]
    views = [FakeDevice(item.id, item.title, item.chip, item.rows) for item in devices]
    assert [device["id"] for device in read(*views)["devices"]] == names


def test_text_to_type_is_enabled_where_that_is_asked_for() -> None:
    rows = {row.key: row for row in CHIPS["ch9329"].rows}
    for typing in (False, True):
        told = json.loads(descriptor("cellar", FakeNode(FakeDevice(rows=rows)), typing=typing))
        enabled = {row["key"]: row["enabled"] for row in told["devices"][0]["rows"]}
        assert enabled["type"] is typing
        assert enabled["keys"] == rows["keys"].enabled
