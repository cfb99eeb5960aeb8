"""A descriptor is taken whole or not at all."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
from custom_components.chiplink import descriptor as subject
from custom_components.chiplink.descriptor import NewerSchemaError, parse_descriptor
from custom_components.chiplink.fields import MAX_LABEL, DescriptorError
from custom_components.chiplink.topics import RESERVED
from said import SAID

if TYPE_CHECKING:
    from collections.abc import Callable

    from custom_components.chiplink.model import Descriptor

LINK = {"id": "plc", "kind": "tcp-client"}


def parsed(content: Any, node: str = "cellar") -> Descriptor:
    return parse_descriptor(json.dumps(content), node)


def good() -> dict[str, Any]:
    content: dict[str, Any] = deepcopy(SAID["descriptor"])
    content["devices"][0]["links"] = [dict(LINK)]
    return content


def test_the_bridges_own_is_taken_whole() -> None:
    found = parsed(SAID["descriptor"])
    (device,) = found.devices.values()
    assert (found.node, found.version, found.chips) == ("cellar", SAID["version"], ["ch9329"])
    assert (device.id, device.name, device.model) == ("kvm", "Desk", "CH9329")
    assert [*device.rows] == [row["key"] for row in SAID["rows"]]
    for said in SAID["rows"]:
        row = device.rows[said["key"]]
        for field, value in said.items():
            known = getattr(row, field)
            assert (list(known) if isinstance(known, tuple) else known) == value, field


def test_links_are_read() -> None:
    (link,) = parsed(good()).devices["kvm"].links.values()
    assert (link.id, link.kind) == ("plc", "tcp-client")


def test_bytes_and_text_are_the_same() -> None:
    text = json.dumps(good())
    assert parse_descriptor(text, "cellar") == parse_descriptor(text.encode(), "cellar")


def test_unknown_fields_are_ignored() -> None:
    content = good()
    for place in (content, content["devices"][0], content["devices"][0]["rows"][0]):
        place["later"] = {"x": [1]}
    assert parsed(content) == parsed(good())


@pytest.mark.parametrize("field", ["platform", "type", "kind"])
def test_rows_that_only_a_newer_bridge_knows_are_left_out(field: str) -> None:
    content = good()
    content["devices"][0]["rows"][0][field] = "hologram"
    assert [*parsed(content).devices["kvm"].rows] == [row["key"] for row in SAID["rows"][1:]]


def test_bounds_are_those_of_the_schema() -> None:
    kinds = SAID["schema"]["$defs"]
    row = kinds["row"]["properties"]
    assert SAID["schema"]["properties"]["devices"]["maxItems"] == subject.MAX_DEVICES
    assert SAID["schema"]["properties"]["version"]["maxLength"] == subject.MAX_VERSION
    assert kinds["device"]["properties"]["rows"]["maxItems"] == subject.MAX_ROWS
    assert kinds["device"]["properties"]["links"]["maxItems"] == subject.MAX_LINKS
    assert kinds["label"]["maxLength"] == MAX_LABEL
    assert row["options"]["maxItems"] == subject.MAX_OPTIONS
    assert row["event_types"]["maxItems"] == subject.MAX_EVENT_TYPES
    assert row["unit"]["maxLength"] == subject.MAX_UNIT
    assert row["expiry"]["maximum"] == subject.MAX_EXPIRY
    assert set(row["platform"]["enum"]) == set(subject._FITTING)
    assert set(row["kind"]["enum"]) == subject._KINDS
    assert set(row["type"]["enum"]) == subject._TYPES
    assert set(row["category"]["enum"]) == subject._CATEGORIES
    assert set(row["state_class"]["enum"]) == subject._STATE_CLASSES
    assert str(subject.MAX_SIZE) in SAID["schema"]["description"]


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff\xfe",
        b"nonsense",
        b"[]",
        b"null",
        b'"text"',
        b"NaN",
        b"[" * 30_000,
        b"{" * 100,
        b"1" * 5000,
        b'{"schema": 1e999}',
        b" " * (64 * 1024 + 1),
        json.dumps({"schema": 1, "node": "cellar", "version": "1", "devices": []}).encode()
        + b" " * 64 * 1024,
    ],
)
def test_what_is_no_descriptor(payload: bytes) -> None:
    with pytest.raises(DescriptorError):
        parse_descriptor(payload, "cellar")


@pytest.mark.parametrize("schema", [2, 3, 999, 10**30])
def test_a_newer_schema_is_told_apart(schema: int) -> None:
    with pytest.raises(NewerSchemaError):
        parsed({"schema": schema})


@pytest.mark.parametrize("schema", [0, -1, None, True, "1", 1.5, [1], {}])
def test_a_schema_is_a_number(schema: Any) -> None:
    with pytest.raises(DescriptorError) as caught:
        parsed(good() | {"schema": schema})
    assert not isinstance(caught.value, NewerSchemaError)


def _device(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda content: content["devices"][0].update(changes)


def _row(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda content: content["devices"][0]["rows"][0].update(changes)


def _top(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda content: content.update(changes)


def _without(field: str, place: str = "row") -> Callable[[dict[str, Any]], None]:
    def take(content: dict[str, Any]) -> None:
        where = {
            "top": content,
            "device": content["devices"][0],
            "row": content["devices"][0]["rows"][0],
            "link": content["devices"][0]["links"][0],
        }[place]
        del where[field]

    return take


ROW = {
    "key": "extra",
    "kind": "state",
    "platform": "sensor",
    "type": "text",
    "name": "Extra",
    "enabled": True,
}

LIES = {
    "another node": _top(node="attic"),
    "no node": _without("node", "top"),
    "no version": _without("version", "top"),
    "a version of text without end": _top(version="1" * 33),
    "a version that is a number": _top(version=1),
    "no devices": _without("devices", "top"),
    "devices as an object": _top(devices={}),
    "a device as text": _top(devices=["kvm"]),
    "33 devices": lambda content: content.update(
        devices=[{**content["devices"][0], "id": f"d{number}", "rows": []} for number in range(33)]
    ),
    "a device twice": lambda content: content["devices"].append(
        {**content["devices"][0], "rows": []}
    ),
    "no rows": _without("rows", "device"),
    "rows without end": _device(rows=[{**ROW, "key": f"k{n}"} for n in range(65)]),
    "thousands of rows": _device(rows=[0] * 5000),
    "a row twice": _device(rows=[ROW, ROW]),
    "no links": _without("links", "device"),
    "17 links": _device(links=[{"id": f"l{n}", "kind": "udp"} for n in range(17)]),
    "a link twice": _device(links=[LINK, LINK]),
    "a link without a kind": _without("kind", "link"),
    "a link of a hostile kind": _device(links=[{"id": "plc", "kind": "x/y"}]),
    "a link with several of something": _device(links=[{**LINK, "several": 2}]),
    "a button beside nothing": _row(button="Press"),
    "a button of a template": _row(kind="both", button="{{ 1 }}"),
    "a reserved link": _device(links=[{"id": "tx", "kind": "udp"}]),
    "no name": _without("name", "device"),
    "an empty name": _device(name=""),
    "a long name": _device(name="x" * 65),
    "a name with a line break": _device(name="a\nb"),
    "a name with a terminal's escape": _device(name="\x1b[31mred"),
    "a name that turns the text around": _device(name="a\u202eb"),
    "a name with half a character": _device(name="\ud800"),
    "a template as a name": _device(name="{{ states('sensor.secret') }}"),
    "a template statement as a model": _device(model="{% for x in y %}"),
    "a template comment": _device(manufacturer="{# x #}"),
    "a template in a row": _row(name="{{ 7 * 7 }}"),
    "a template in a unit": _row(unit="{{ 7 }}"),
    "a template in options": _row(options=["{{ 7 }}"]),
    "an id with a slash": _device(id="a/b"),
    "an id with a wildcard": _device(id="+"),
    "an id in capitals": _device(id="Kvm"),
    "an id with a line break": _device(id="kvm\n"),
    "a reserved id": _device(id="result"),
    "a long id": _device(id="x" * 33),
    "a chip that is a list": _device(chip=["ch9329"]),
    "a key with a slash": _row(key="usb/set"),
    "a key that is a number": _row(key=5),
    "a reserved key": _row(key="availability"),
    "no enabled": _without("enabled"),
    "enabled as text": _row(enabled="true"),
    "a kind that is a number": _row(kind=1),
    "a platform with a dot": _row(platform="sensor.x"),
    "an icon of another set": _row(icon="file:///etc/passwd"),
    "an icon that is none": _row(icon=None),
    "a hostile icon": _row(icon="mdi:<script>"),
    "a category of its own": _row(category="system"),
    "a category that is a list": _row(category=["config"]),
    "a state class of its own": _row(state_class="random"),
    "a device class with a space": _row(device_class="a b"),
    "a translation key with a dot": _row(translation_key="a.b"),
    "options as text": _row(options="abc"),
    "no options at all": _row(options=[]),
    "129 options": _row(options=[str(number) for number in range(129)]),
    "an option twice": _row(options=["a", "a"]),
    "an option that is a number": _row(options=[1]),
    "options of a number": _row(platform="sensor", type="int", options=["1"]),
    "a choice without options": _row(platform="sensor", type="enum"),
    "a select without options": _row(platform="select", kind="command", type="text"),
    "an event without types": _row(platform="event", kind="event", type="json"),
    "an event type with a space": _row(platform="event", kind="event", event_types=["a b"]),
    "65 event types": _row(
        platform="event", kind="event", event_types=[f"t{n}" for n in range(65)]
    ),
    "an event that is a sensor": _row(platform="sensor", kind="event", event_types=["a"]),
    "a button with a state": _row(platform="button", kind="state"),
    "a sensor that is a setting": _row(platform="sensor", category="config"),
    "a number of text": _row(platform="number", kind="both", type="text"),
    "a bound that is text": _row(min="0"),
    "a bound that is true": _row(max=True),
    "a bound without end": _row(max=1e300),
    "bounds the wrong way round": _row(min=5, max=1),
    "a step of nothing": _row(step=0),
    "a step back": _row(step=-1),
    "no expiry": _row(expiry=0),
    "an endless expiry": _row(expiry=86401),
    "half an expiry": _row(expiry=1.5),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=[*LIES])
def test_a_lie_is_refused_as_a_whole(lie: Callable[[dict[str, Any]], None]) -> None:
    content = good()
    lie(content)
    with pytest.raises(DescriptorError) as caught:
        parsed(content)
    assert len(str(caught.value)) < 120
    assert "\n" not in str(caught.value)


def test_names_of_today_are_taken() -> None:
    for name in ("Schreibtisch [2]", "书房", "a {b}", "👩\u200d💻 Büro", "<b>", "100 %"):
        content = good()
        content["devices"][0]["name"] = name
        assert parsed(content).devices["kvm"].name == name


def test_reserved_words_are_those_of_the_contract() -> None:
    for word in RESERVED:
        content = good()
        content["devices"][0]["id"] = word
        with pytest.raises(DescriptorError):
            parsed(content)


def test_a_descriptor_at_its_bounds_is_taken() -> None:
    content = good()
    rows = [{**ROW, "key": f"k{number}"} for number in range(64)]
    content["devices"] = [
        {**content["devices"][0], "id": f"d{number}", "rows": rows if number < 5 else []}
        for number in range(32)
    ]
    assert len(parsed(content).devices) == 32
